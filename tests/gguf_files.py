"""Turn a few sizes into a small GGUF file, with the reference library; the numbers mean nothing.

Enough for what reads the head of a file only; whether its tensors make a model is tested elsewhere.
"""

from pathlib import Path

import gguf
import numpy as np


def write_gguf(
    path: Path,
    *,
    kind: str = "bert",
    pooling: gguf.PoolingType | None = gguf.PoolingType.MEAN,
    tokens: int = 100,
    rows: int = 1_000,
    seed: int = 0,
) -> Path:
    """Write the file (its folder is made if need be) and return its path; without pooling, a chat
    model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, kind)
    writer.add_context_length(512)
    writer.add_embedding_length(64)
    writer.add_token_list([f"token-{number}" for number in range(tokens)])
    writer.add_token_types([1] * tokens)
    # Behind the vocabulary, so that nothing is known before all of the header is there.
    if pooling is not None:
        writer.add_pooling_type(pooling)
    weights = np.random.default_rng(seed).normal(size=(rows, 64)).astype(np.float32)
    writer.add_tensor("token_embd.weight", weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
