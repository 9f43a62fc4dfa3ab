"""Open a model by its kind: an encoder, a static table or a cross-encoder.

Reads all that its files say, but for the weights. Prompts are the checkpoint's own, else the
catalog's; the window and the widths are the catalog's, else the checkpoint's. Knows no device.
"""

from simile.architectures.architecture import (
    ENDLESS,
    EncoderArchitecture,
    Sizes,
    read_architecture,
)
from simile.architectures.onnx import Architecture as OnnxArchitecture
from simile.checkpoints.checkpoint import Checkpoint
from simile.checkpoints.onnx import OnnxCheckpoint
from simile.checkpoints.open import open_checkpoint
from simile.checkpoints.static import StaticCheckpoint
from simile.models.cross_encoder import CrossEncoder
from simile.models.encoder import Encoder
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
from simile.models.rerank_layout import is_reranker, read_layout
from simile.models.static_encoder import StaticEncoder
from simile.models.static_table import find_table


def open_model(local: LocalModel) -> Encoder | StaticEncoder | CrossEncoder:
    """Read configurations and headers; CheckpointError or UnsupportedModelError if they are wrong.

    The weights are read when the graph is built. Of a static table the tokenizer is read, too.
    """
    checkpoint = open_checkpoint(local.path)
    is_table = isinstance(checkpoint, StaticCheckpoint)
    opened = _encoder if is_table or not is_reranker(checkpoint) else _cross_encoder
    return opened(checkpoint, local)


def open_encoder(local: LocalModel) -> Encoder | StaticEncoder:
    """Open a model that must make vectors, as open_model does; reject a reranker."""
    return _encoder(open_checkpoint(local.path), local)


def open_cross_encoder(local: LocalModel) -> CrossEncoder:
    """Open a model that must score pairs, as open_model does; reject an embedding model."""
    return _cross_encoder(open_checkpoint(local.path), local)


def read_facts(local: LocalModel) -> ModelFacts:
    """Read a model's facts, without its weights. Raises what open_model raises."""
    return open_model(local).facts


def _cross_encoder(checkpoint: Checkpoint, local: LocalModel) -> CrossEncoder:
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
    return CrossEncoder(checkpoint, tensors, facts, architecture, layout)


def _encoder(checkpoint: Checkpoint, local: LocalModel) -> Encoder | StaticEncoder:
    if isinstance(checkpoint, StaticCheckpoint):
        return _static_encoder(checkpoint, local)
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
    return Encoder(checkpoint, tensors, facts, architecture, modules)


def _static_encoder(checkpoint: StaticCheckpoint, local: LocalModel) -> StaticEncoder:
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
    return StaticEncoder(tensors, facts, fast, checkpoint.follows_model2vec)


def _read_architecture(checkpoint: Checkpoint) -> EncoderArchitecture:
    if isinstance(checkpoint, OnnxCheckpoint):
        return OnnxArchitecture.read(checkpoint)
    return read_architecture(checkpoint.configuration)


def _read_modules(checkpoint: Checkpoint) -> Modules:
    """Read the steps after the encoder; an ONNX graph that pools by itself has none but one."""
    if not isinstance(checkpoint, OnnxCheckpoint) or not checkpoint.gives_text_vector:
        return read_modules(checkpoint)
    is_listed = checkpoint.find_json("modules.json") is not None
    return Modules((), (), normalize=is_listed and read_modules(checkpoint).normalize)
