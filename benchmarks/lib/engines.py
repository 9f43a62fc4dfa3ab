"""Open the engines that embed the same checkpoint: simile's precisions, and other engines.

Knows simile, sentence-transformers (torch and OpenVINO), llama.cpp (through llama-cpp-python) and
ONNX Runtime as fastembed runs it; each uses the cores available to this process. Does not know what
is measured. Packages are imported when an engine is opened.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.lib import gguf_bert, onnx_bert
from benchmarks.lib.corpus import WINDOW
from benchmarks.lib.machine import cores

from simile.models.local_model import LocalModel
from simile.types import Precision

BATCH = 32
"""sentence-transformers' default, sorted by length."""
FASTEMBED_BATCH = 256
"""fastembed's default, in the order given."""


@dataclass(frozen=True)
class Engine:
    """An engine that is ready for use."""

    embed: Callable[[list[str]], Any]
    """Embeds texts as an array-like (n, dim)."""
    count: Callable[[list[str]], int]
    """Counts the tokens that it reads of these texts."""
    precision: str = ""
    """Precision, if chosen at start-up."""


@dataclass(frozen=True)
class Kind:
    """A way to embed, with its requirements."""

    open: Callable[[LocalModel, Path], Engine]
    """Opens the model; converted files are kept in the folder for the next process."""
    needs: tuple[str, ...] = ()
    """Required modules."""
    least_cosine: float = 0.999
    """Minimum cosine of each vector to simile's in f32; below it, results are not comparable."""
    quick: bool = True
    """Whether it is part of a --quick run."""
    missing: list[str] = field(init=False)

    def __post_init__(self) -> None:
        absent = [name for name in self.needs if not _installed(name)]
        object.__setattr__(self, "missing", absent)


def _installed(name: str) -> bool:
    package, _, _ = name.partition(".")
    return bool(find_spec(package) and find_spec(name))


def _simile(precision: Precision, model: LocalModel, _: Path) -> Engine:
    from simile.engine.embedder import LocalEmbedder

    loaded = LocalEmbedder(model, precision=precision)

    def count(texts: list[str]) -> int:
        return int(loaded.embed_counted(texts, role="document").token_counts.sum())

    return Engine(lambda texts: loaded.embed(texts, role="document"), count, loaded.precision)


def _sentence_transformers(options: dict[str, Any], model: LocalModel, _: Path) -> Engine:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(cores())
    loaded = SentenceTransformer(str(model.path), device="cpu", **options)
    loaded.max_seq_length = WINDOW

    def embed(texts: list[str]) -> Any:
        return loaded.encode(
            texts, batch_size=BATCH, convert_to_numpy=False, convert_to_tensor=True
        ).float()

    def count(texts: list[str]) -> int:
        return int(sum(len(ids) for ids in loaded.tokenizer(texts)["input_ids"]))

    return Engine(embed, count)


def _sentence_transformers_openvino(model: LocalModel, folder: Path) -> Engine:
    # Precision and streams are left at its defaults, as users get them.
    options = {"ov_config": {"INFERENCE_NUM_THREADS": str(cores())}, "export": True}
    return _sentence_transformers({"backend": "openvino", "model_kwargs": options}, model, folder)


def _llama(kind: str, flash: bool, model: LocalModel, folder: Path) -> Engine:
    from llama_cpp import LLAMA_POOLING_TYPE_UNSPECIFIED, Llama

    path = gguf_bert.written(model.path, folder, kind)
    loaded = Llama(
        str(path),
        embedding=True,
        # It computes attention over the whole batch, so the smallest that fits a text is fastest.
        n_ctx=WINDOW,
        n_batch=WINDOW,
        n_ubatch=WINDOW,
        n_threads=cores(),
        n_threads_batch=cores(),
        flash_attn=flash,
        pooling_type=LLAMA_POOLING_TYPE_UNSPECIFIED,  # As the file says.
        verbose=False,
    )

    def count(texts: list[str]) -> int:
        return sum(len(loaded.tokenize(text.encode())) for text in texts)

    return Engine(lambda texts: loaded.embed(texts, normalize=True), count)


def _onnx(batch: int, in_order: bool, model: LocalModel, folder: Path) -> Engine:
    loaded = onnx_bert.Session(model.path, onnx_bert.written(model.path, folder), threads=cores())
    embed = partial(loaded.embed, batch=batch, in_order=in_order)
    return Engine(embed, loaded.count)


_TORCH = ("torch", "sentence_transformers")
_GGUF = ("llama_cpp", "gguf", "safetensors")
_ONNX = ("onnxruntime", "onnxscript", "torch", "transformers")

OURS = "simile, auto"
KINDS = {
    OURS: Kind(partial(_simile, "auto")),
    "simile, int8": Kind(partial(_simile, "int8"), least_cosine=0.99),
    "simile, f32": Kind(partial(_simile, "f32"), quick=False),
    "sentence-transformers": Kind(partial(_sentence_transformers, {}), _TORCH),
    "sentence-transformers, bf16": Kind(
        partial(_sentence_transformers, {"model_kwargs": {"dtype": "bfloat16"}}),
        _TORCH,
        quick=False,
    ),
    "sentence-transformers, OpenVINO": Kind(
        _sentence_transformers_openvino, (*_TORCH, "optimum.intel")
    ),
    "llama.cpp, F16": Kind(partial(_llama, "F16", True), _GGUF),
    "llama.cpp, Q8_0": Kind(partial(_llama, "Q8_0", True), _GGUF, least_cosine=0.99),
    "ONNX Runtime, as fastembed": Kind(partial(_onnx, FASTEMBED_BATCH, True), _ONNX, quick=False),
    "ONNX Runtime, sorted by length": Kind(partial(_onnx, BATCH, False), _ONNX),
}
