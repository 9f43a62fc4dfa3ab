"""The checkpoint of bert-plain with its encoder exported to ONNX; its vectors are bert-plain's.

Run after `bert`.
"""

import shutil
from pathlib import Path

import torch
from scripts.golden.common import GOLDEN
from transformers import AutoModel

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUT = "last_hidden_state"


def make() -> None:
    """Write the folder without safetensors."""
    source, folder = GOLDEN / "bert-plain", GOLDEN / "onnx-bert"
    shutil.rmtree(folder, ignore_errors=True)
    left_out = shutil.ignore_patterns("*.safetensors", "expected.json")
    shutil.copytree(source, folder, ignore=left_out)
    (folder / "onnx").mkdir()
    export(source, folder / "onnx" / "model.onnx")


class TokenVectors(torch.nn.Module):  # type: ignore[misc]
    """The model with its inputs in the order of INPUTS."""

    def __init__(self, source: Path) -> None:
        super().__init__()
        self.model = AutoModel.from_pretrained(source, attn_implementation="eager").float()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Turn inputs of (batch, seq) int64 into (batch, seq, width) float32."""
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        vectors: torch.Tensor = self.model(**given).last_hidden_state
        return vectors


def export(source: Path, target: Path) -> None:
    ids = torch.ones(2, 7, dtype=torch.int64)
    torch.onnx.export(
        TokenVectors(source).eval(),
        (ids, ids, ids * 0),
        str(target),
        input_names=list(INPUTS),
        output_names=[OUTPUT],
        dynamic_axes={name: {0: "batch", 1: "seq"} for name in (*INPUTS, OUTPUT)},
        opset_version=17,
        dynamo=False,
    )
