"""Turn an open checkpoint into all that its model is built from; the weights are not read.

Joins architecture, modules or layout, window, widths and prompts. Prompts are the checkpoint's own,
else the catalog's; the window and the widths are the catalog's, else the checkpoint's.
"""

from dataclasses import dataclass
from typing import Any

from simile.architectures.architecture import (
    ENDLESS,
    EncoderArchitecture,
    Sizes,
    read_architecture,
)
from simile.architectures.onnx import Architecture as OnnxArchitecture
from simile.checkpoints.checkpoint import Checkpoint
from simile.checkpoints.onnx import OnnxCheckpoint
from simile.checkpoints.static import StaticCheckpoint
from simile.checkpoints.tensors import Tensors
from simile.models.facts import RANK, ModelFacts
from simile.models.local_model import LocalModel
from simile.models.modules import (
    Modules,
    read_modules,
    read_prompt_facts,
    read_widths,
    read_window,
    vector_width,
)
from simile.models.qwen3_reranker import WINDOW
from simile.models.rerank_layout import Layout, is_reranker, read_layout
from simile.models.static_table import find_table


@dataclass(frozen=True)
class EncoderDescription:
    """A model that makes one vector of each text."""

    checkpoint: Checkpoint
    tensors: Tensors
    facts: ModelFacts
    architecture: EncoderArchitecture
    modules: Modules


@dataclass(frozen=True)
class RerankerDescription:
    """A model that gives a score to each pair of query and text."""

    checkpoint: Checkpoint
    tensors: Tensors
    facts: ModelFacts
    architecture: EncoderArchitecture
    layout: Layout


@dataclass(frozen=True)
class TableDescription:
    """A table of token vectors, whose mean is a text's."""

    checkpoint: StaticCheckpoint
    tensors: Tensors
    facts: ModelFacts
    fast: Any
    """The tokenizer, of the tokenizers library."""


Description = EncoderDescription | RerankerDescription | TableDescription


def describe(checkpoint: Checkpoint, local: LocalModel) -> Description:
    """Read configurations and headers; CheckpointError or UnsupportedModelError if they are wrong.

    For a static table the tokenizer is read, too, and for ONNX the graph.
    """
    if isinstance(checkpoint, StaticCheckpoint) or not is_reranker(checkpoint):
        return describe_embedder(checkpoint, local)
    return describe_reranker(checkpoint, local)


def describe_reranker(checkpoint: Checkpoint, local: LocalModel) -> RerankerDescription:
    """As describe, for a model that must be a reranker."""
    layout = read_layout(checkpoint)
    architecture = read_architecture(checkpoint.configuration)
    tensors, sizes = checkpoint.tensors(), architecture.sizes
    window, lowercase = read_window(checkpoint, sizes.context_length)
    if layout.has_template:
        window = min(window, WINDOW)
    facts = ModelFacts(
        model_type=str(checkpoint.config["model_type"]),
        dim=1,
        parameter_count=tensors.parameter_count,
        weight_format=tensors.weight_format,
        sizes=sizes,
        max_tokens=min(local.window or window, sizes.context_length),
        pooling=RANK,
        normalize=False,
        lowercase=lowercase,
        is_causal=architecture.is_causal,
    )
    return RerankerDescription(checkpoint, tensors, facts, architecture, layout)


def describe_embedder(
    checkpoint: Checkpoint, local: LocalModel
) -> EncoderDescription | TableDescription:
    """As describe, for a model that must make vectors; a reranker is refused."""
    if isinstance(checkpoint, StaticCheckpoint):
        return _describe_table(checkpoint, local)
    architecture = _read_architecture(checkpoint)
    modules = _read_modules(checkpoint)
    tensors, sizes = checkpoint.tensors(), architecture.sizes
    window, lowercase = read_window(checkpoint, sizes.context_length)
    dim, dimensions = read_widths(checkpoint, local, vector_width(sizes.width, modules))
    prompts, default_prompt = read_prompt_facts(checkpoint, local)
    facts = ModelFacts(
        model_type=str(checkpoint.config.get("model_type") or "onnx"),
        dim=dim,
        parameter_count=tensors.parameter_count,
        weight_format=tensors.weight_format,
        sizes=sizes,
        max_tokens=min(local.window or window, sizes.context_length),
        pooling="+".join(modules.pooling),
        normalize=modules.normalize,
        lowercase=lowercase,
        prompts=prompts,
        default_prompt=default_prompt,
        dimensions=dimensions,
        is_causal=architecture.is_causal,
        layer_norm_before_cut=local.layer_norm_before_cut or architecture.layer_norm_before_cut,
    )
    return EncoderDescription(checkpoint, tensors, facts, architecture, modules)


def _describe_table(checkpoint: StaticCheckpoint, local: LocalModel) -> TableDescription:
    tensors, fast = checkpoint.tensors(), checkpoint.tokenizer()
    window = checkpoint.window() or ENDLESS
    vocab_size = max(fast.get_vocab(with_added_tokens=True).values(), default=-1) + 1
    _, width = find_table(tensors)
    dim, dimensions = read_widths(checkpoint, local, width)
    prompts, default_prompt = read_prompt_facts(checkpoint, local)
    facts = ModelFacts(
        model_type=checkpoint.config["model_type"],
        dim=dim,
        parameter_count=tensors.parameter_count,
        weight_format=tensors.weight_format,
        sizes=Sizes(vocab_size, width, 0, 0, 0, 0.0, context_length=window),
        max_tokens=min(local.window or window, window),
        pooling="mean",
        normalize=checkpoint.normalize,
        prompts=prompts,
        default_prompt=default_prompt,
        dimensions=dimensions,
    )
    return TableDescription(checkpoint, tensors, facts, fast)


def _read_architecture(checkpoint: Checkpoint) -> EncoderArchitecture:
    if isinstance(checkpoint, OnnxCheckpoint):
        return OnnxArchitecture.read(checkpoint)
    return read_architecture(checkpoint.configuration)


def _read_modules(checkpoint: Checkpoint) -> Modules:
    """Read the steps after the encoder; an ONNX graph that pools by itself has none but one."""
    if not isinstance(checkpoint, OnnxCheckpoint) or not checkpoint.gives_text_vector:
        return read_modules(checkpoint)
    if checkpoint.find_json("modules.json") is None:
        return Modules((), (), normalize=False)
    return Modules((), (), normalize=read_modules(checkpoint).normalize)
