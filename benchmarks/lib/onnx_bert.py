"""Export a BERT checkpoint to ONNX, and embed texts with ONNX Runtime as fastembed does.

With its options: batches in the given order, padded to the longest, all graph optimizations, as
many intra-op threads as cores; pooling and normalization in numpy. Optionally sorted by length, as
users who know the cost of padding would. Source: qdrant/fastembed, fastembed/common/onnx_model.py
and fastembed/text/pooled_normalized_embedding.py (read 2026-11).
"""

from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.lib.corpus import WINDOW

from simile.checkpoints.folder import FolderCheckpoint
from simile.types import Embeddings

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def written(model: Path, folder: Path) -> Path:
    """Export the checkpoint in `model`, once per folder; return the file."""
    target = folder / "model.onnx"
    if not target.exists():
        _export(model, target)
    return target


def _export(model: Path, target: Path) -> None:
    import torch
    from transformers import AutoModel

    # ONNX Runtime fuses more of eager attention: 177 nodes remain, versus 249 with torch's fused
    # attention (which the older exporter gets wrong for padded texts).
    loaded = AutoModel.from_pretrained(model, attn_implementation="eager", dtype=torch.float32)
    # A separate tensor each: torch treats a tensor passed twice as one input.
    inputs = {name: torch.ones((2, 16), dtype=torch.int64) for name in _INPUTS}
    dims = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens")}
    torch.onnx.export(
        loaded.eval(),
        kwargs=inputs,
        f=target,
        input_names=list(_INPUTS),
        output_names=["hidden", "pooled"],
        dynamic_shapes={name: dims for name in _INPUTS},
        dynamo=True,
        verbose=False,
    )


class Session:
    """An exported model with its tokenizer."""

    def __init__(self, model: Path, path: Path, *, threads: int) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        self._tokenizer.enable_truncation(WINDOW)
        self._tokenizer.no_padding()
        pooling = FolderCheckpoint(model).find_json("1_Pooling/config.json") or {}
        self._first = bool(pooling.get("pooling_mode_cls_token"))
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def count(self, texts: list[str]) -> int:
        """Count the tokens that it reads of these texts, without padding."""
        return sum(len(encoding) for encoding in self._tokenizer.encode_batch(texts))

    def embed(self, texts: list[str], *, batch: int, in_order: bool) -> Embeddings:
        """Embed `batch` texts at a time; float32 (n, dim) in the given order."""
        encodings = self._tokenizer.encode_batch(texts)
        order = list(range(len(texts)))
        if not in_order:
            order.sort(key=lambda place: len(encodings[place]))
        parts = [
            self._embed_batch([encodings[place].ids for place in order[at : at + batch]])
            for at in range(0, len(order), batch)
        ]
        found = np.concatenate(parts)
        vectors = np.empty_like(found)
        vectors[order] = found
        return vectors

    def _embed_batch(self, rows: list[Any]) -> Embeddings:
        longest = max(map(len, rows))
        ids, mask = np.zeros((2, len(rows), longest), np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)], mask[place, : len(row)] = row, 1
        values = dict(zip(_INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))
        hidden = self._session.run(["hidden"], values)[0]
        if self._first:
            pooled = hidden[:, 0]
        else:
            # In float32; fastembed's integer mask would promote it to float64, which is slower.
            weights = mask.astype(np.float32)[..., None]
            pooled = (hidden * weights).sum(1) / weights.sum(1)
        unit: Embeddings = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return unit.astype(np.float32)
