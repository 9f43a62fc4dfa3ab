"""Open a model's path as the checkpoint that it is: GGUF file, static table, ONNX or safetensors.

Knows which class reads which files; reads nothing itself.
"""

from pathlib import Path

from simile.checkpoints.checkpoint import Checkpoint
from simile.checkpoints.folder import FolderCheckpoint
from simile.checkpoints.gguf.checkpoint import GgufCheckpoint
from simile.checkpoints.onnx import OnnxCheckpoint, is_onnx
from simile.checkpoints.static import StaticCheckpoint, is_static


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a folder, or a GGUF file whatever its name. Raises CheckpointError if it is neither."""
    if path.is_file():
        return GgufCheckpoint(path)
    if is_static(path):
        return StaticCheckpoint(path)
    return OnnxCheckpoint(path) if is_onnx(path) else FolderCheckpoint(path)
