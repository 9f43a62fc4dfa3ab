"""Present a folder with an ONNX encoder in place of safetensors as a checkpoint.

Reads it with OpenVINO's own reader (docs.openvino.ai, ONNX frontend, read 2026-11), which takes
large weights from the file that the model names beside it. Knows inputs and outputs by the names
that optimum and sentence-transformers give them; does not know devices.
"""

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from simile.checkpoints.files import find_onnx, listing
from simile.checkpoints.folder import FolderCheckpoint
from simile.checkpoints.tensors import Tensors
from simile.errors import CheckpointError, UnsupportedModelError

if TYPE_CHECKING:
    from simile.graph import Model

_TOKEN_VECTORS = ("last_hidden_state", "token_embeddings")
_TEXT_VECTOR = "sentence_embedding"


class OnnxCheckpoint(FolderCheckpoint):
    """One folder; the graph is read when it is first asked for."""

    @cached_property
    def graph(self) -> "Model":
        """The graph as it was exported. Raises CheckpointError if OpenVINO cannot read it."""
        from simile.graph import Core

        path = self.folder / (find_onnx(listing(self.folder)) or "model.onnx")
        try:
            return Core().read_model(path)
        except RuntimeError as exc:
            reason = str(exc).strip().rpartition("\n")[2]
            raise CheckpointError(f"{path} cannot be read: {reason}") from exc

    @property
    def output(self) -> str:
        """Name of the output to use: of a vector per token where modules.json pools them."""
        names = {name for output in self.graph.outputs for name in output.get_names()}
        wanted = (*_TOKEN_VECTORS, _TEXT_VECTOR)
        if self.find_json("modules.json") is None:
            wanted = (_TEXT_VECTOR, *_TOKEN_VECTORS)
        found = next((name for name in wanted if name in names), None)
        if found is None:
            raise UnsupportedModelError(
                f"{self.place}: the ONNX model gives {', '.join(sorted(names))}; "
                f"expected one of {', '.join(wanted)}"
            )
        return found

    @property
    def gives_text_vector(self) -> bool:
        """Whether the graph pools by itself."""
        return self.output == _TEXT_VECTOR

    def tensors(self, subfolder: str = "") -> Tensors:
        """Open the weights of a module; those of the encoder have no names: its graph holds them.

        The encoder's parameters are the graph's constants, small ones such as axes among them.
        """
        if subfolder:
            return super().tensors(subfolder)
        ordered = self.graph.get_ordered_ops()
        shapes = [op.get_output_shape(0) for op in ordered if op.get_type_name() == "Constant"]
        return Tensors(
            {},
            where=f"{self.place}, of whose ONNX file only encoders are read",
            weight_format="ONNX",
            parameter_count=sum(map(math.prod, shapes)),
        )


def is_onnx(folder: Path) -> bool:
    """Whether a folder has an ONNX model and no safetensors."""
    if any(folder.glob("model*.safetensors*")):
        return False
    return find_onnx(listing(folder)) is not None
