"""Open a model's path as the checkpoint that it is."""

from pathlib import Path

from simile.checkpoints.folder import Checkpoint


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a folder, or a GGUF file whatever its name; CheckpointError if it is neither."""
    if path.is_file():
        from simile.checkpoints.gguf.checkpoint import GgufCheckpoint

        return GgufCheckpoint(path)
    from simile.checkpoints.onnx import OnnxCheckpoint, is_onnx
    from simile.checkpoints.static import StaticCheckpoint, is_static

    if is_static(path):
        return StaticCheckpoint(path)
    return OnnxCheckpoint(path) if is_onnx(path) else Checkpoint(path)
