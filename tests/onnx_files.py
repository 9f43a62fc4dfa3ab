"""Write small ONNX encoders, byte by byte, so that tests need no library for it.

Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 (read 2026-11).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FLOAT, _INT64 = 1, 7
IDS = "input_ids"


def field(number: int, value: int | str | bytes) -> bytes:
    """Encode one field: integers as varints, the rest with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def write_onnx(
    path: Path,
    table: NDArray[np.float32],
    *,
    inputs: Mapping[str, Sequence[int | str]] | None = None,
    looked_up: str = IDS,
    output: str = "last_hidden_state",
    location: str | None = None,
) -> Path:
    """Write a graph that looks the values of one input up in a table (rows, width).

    inputs gives the axes of each, by default those of BERT; an output `sentence_embedding` is the
    mean over the tokens; location is the file beside it that holds the table.
    """
    inputs = inputs or {name: ("batch", "seq") for name in (IDS, "attention_mask")}
    pools = output == "sentence_embedding"
    nodes = [_node("Gather", ("table", looked_up), "rows" if pools else output)]
    if pools:
        axes = field(1, "axes") + field(8, 1) + field(20, 7)
        keep = field(1, "keepdims") + field(3, 0) + field(20, 2)
        nodes.append(_node("ReduceMean", ("rows",), output, axes, keep))
    wide: Sequence[int | str] = (
        ("batch", table.shape[1]) if pools else ("batch", "seq", table.shape[1])
    )
    graph = b"".join(field(1, node) for node in nodes)
    graph += field(2, "encoder") + field(5, _tensor(table, location))
    graph += b"".join(field(11, _value(name, _INT64, axes)) for name, axes in inputs.items())
    graph += field(12, _value(output, _FLOAT, wide))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(field(1, 8) + field(8, field(1, "") + field(2, 17)) + field(7, graph))
    return path


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def _node(kind: str, inputs: Sequence[str], output: str, *attributes: bytes) -> bytes:
    given = b"".join(field(1, name) for name in inputs)
    return given + field(2, output) + field(4, kind) + b"".join(field(5, a) for a in attributes)


def _tensor(table: NDArray[np.float32], location: str | None) -> bytes:
    head = b"".join(field(1, size) for size in table.shape) + field(2, _FLOAT) + field(8, "table")
    if location is None:
        return head + field(9, table.tobytes())
    entries = {"location": location, "offset": "0", "length": str(table.nbytes)}
    told = b"".join(field(13, field(1, key) + field(2, value)) for key, value in entries.items())
    return head + told + field(14, 1)


def _value(name: str, kind: int, axes: Sequence[int | str]) -> bytes:
    sizes = b"".join(field(1, field(1 if isinstance(axis, int) else 2, axis)) for axis in axes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, sizes)))
