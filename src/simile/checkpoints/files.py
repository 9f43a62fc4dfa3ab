"""Choose the files that a checkpoint is read from among those offered.

Knows names of files only; does not open them.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from simile.errors import CheckpointError

_TOP_LEVEL = (
    "config.json",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
)


_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")


# sentence-transformers numbers its module folders: `1_Pooling`, `2_Dense`; `onnx` is none of them.
_MODULE = re.compile(r"\d+_\w+/(config\.json|model\.safetensors|tokenizer\.json)")


CONFIGS = ("config.json", "config_sentence_transformers.json")
"""A static embedding model of sentence-transformers has the second alone."""


_TABLE = re.compile(r"0_StaticEmbedding/model\.safetensors")


_TOKENIZERS = ("tokenizer.json", "vocab.txt", "0_StaticEmbedding/tokenizer.json")


_ONNX = re.compile(r"(onnx/)?[^/]+\.onnx")


_ONNX_FIRST = ("onnx/model.onnx", "model.onnx")


_GGUF = re.compile(r"[^/]+\.gguf", re.IGNORECASE)


_GGUF_IN_PARTS = re.compile(r"-\d+-of-\d+\.gguf$|mmproj", re.IGNORECASE)


_QUANTIZATION = re.compile(r"(UD-)?(F16|F32|BF16|I?Q\d\w*)", re.IGNORECASE)


_BEST_FIRST = ("F16", "BF16", "Q8_0", "F32", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "Q4_0")
"""Which GGUF file to take: the nearest to the trained weights, but none of double the size."""


_PICKLED = re.compile(r"(\d+_\w+/)?(pytorch_model.*\.bin|.*\.pt)")


def is_quantization(text: str) -> bool:
    """Whether a tag names one GGUF file among several (`Q8_0`, `F16`) and not a revision."""
    return _QUANTIZATION.fullmatch(text) is not None


def choose(
    offered: Iterable[str], pinned: Iterable[str] = (), *, quantization: str | None = None
) -> list[str]:
    """Pick the files to take: the pinned ones, or else those that an encoder is read from.

    One GGUF file is taken where a quantization is asked for, or there are no safetensors; one ONNX
    file, with its data, where there is neither.
    CheckpointError says what is missing, and that pickled weights are refused where there are only
    those.
    """
    names = set(offered)
    wanted = sorted(pinned)
    if not wanted and (quantization or not any(_WEIGHTS.fullmatch(name) for name in names)):
        wanted = _choose_gguf(names, quantization)
    wanted = wanted or relevant(names)
    missing = sorted(set(wanted) - names)
    if any(_GGUF.fullmatch(name) for name in wanted) and not missing:
        return wanted
    if not set(CONFIGS) & set(wanted):
        missing.append("config.json")
    weights = (_WEIGHTS, _TABLE, _ONNX)
    if not any(kind.fullmatch(name) for name in wanted for kind in weights):
        missing.append("model.safetensors")
    if not set(_TOKENIZERS) & set(wanted):
        missing.append("tokenizer.json or vocab.txt")
    if missing:
        pickled = sorted(name for name in names if _PICKLED.fullmatch(name))
        refused = f" ({pickled[0]} is there, but pickled weights are refused)" if pickled else ""
        raise CheckpointError(f"it has no {', '.join(missing)}{refused}")
    return wanted


def _choose_gguf(names: Iterable[str], quantization: str | None) -> list[str]:
    found = sorted(n for n in names if _GGUF.fullmatch(n) and not _GGUF_IN_PARTS.search(n))
    for wanted in (quantization,) if quantization else _BEST_FIRST:
        ending = re.compile(rf"(^|[-._]){re.escape(wanted)}\.gguf$", re.IGNORECASE)
        if match := next((name for name in found if ending.search(name)), None):
            return [match]
    if quantization:
        raise CheckpointError(
            f"it has no GGUF file {quantization}; it has {', '.join(found) or 'none'}"
        )
    return found if len(found) == 1 else []


def relevant(names: Iterable[str]) -> list[str]:
    """Keep the files that an encoder is read from, sorted; never pickled ones."""
    offered = set(names)
    weights = [n for n in offered if _WEIGHTS.fullmatch(n) or _TABLE.fullmatch(n)]
    kept = [n for n in offered if n in _TOP_LEVEL or _WEIGHTS.fullmatch(n) or _MODULE.fullmatch(n)]
    if not weights and (onnx := find_onnx(offered)):
        data = re.compile(re.escape(onnx) + r"[._]data(_\d+)?")
        kept += [onnx, *(n for n in offered if data.fullmatch(n))]
    return sorted(kept)


def find_onnx(names: Iterable[str]) -> str | None:
    """Choose the ONNX file: `onnx/model.onnx`, else `model.onnx`, else the only one there is."""
    found = sorted(name for name in names if _ONNX.fullmatch(name))
    usual = [name for name in _ONNX_FIRST if name in found]
    return usual[0] if usual else found[0] if len(found) == 1 else None


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder has the configuration of a checkpoint, even a damaged one."""
    return any((folder / name).is_file() for name in CONFIGS)


def listing(folder: Path) -> list[str]:
    """List the files of a folder and of its direct sub-folders, relative, with `/`."""
    found = [path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.is_file()]
    return sorted(path.relative_to(folder).as_posix() for path in found)
