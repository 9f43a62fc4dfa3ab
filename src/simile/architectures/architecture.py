"""What every architecture gives: its sizes, and a graph from token ids to token vectors.

The file of an architecture is named by the model_type of config.json, and its class `Architecture`
reads that file's keys with `parse(configuration)`; here they are found by that name. Knows no file
format.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Tensors
from simile.errors import UnsupportedModelError

if TYPE_CHECKING:
    from simile.graph import Node

MODULES = {
    "bert": "bert",
    "camembert": "bert",
    "distilbert": "distilbert",
    "gemma3_text": "gemma3_text",
    "gte": "new",
    "modernbert": "modernbert",
    "mpnet": "mpnet",
    "new": "new",
    "nomic_bert": "nomic_bert",
    "qwen3": "qwen3",
    "roberta": "bert",
    "xlm-roberta": "bert",
}
"""The model_type values that are built here, and the file that builds each."""

ENDLESS = 2**31 - 1
"""The window of a model that reads texts of any length."""


@dataclass(frozen=True)
class Sizes:
    """What an architecture's configuration says of the model, whatever its words for it."""

    vocab_size: int
    width: int
    layer_count: int
    head_count: int
    feed_forward_size: int
    norm_eps: float
    context_length: int
    """The most tokens that the model can read, special tokens included."""

    @classmethod
    def read(
        cls,
        configuration: Configuration,
        *,
        eps: str,
        default_eps: float,
        vocab_size: int | None = None,
        context_length: int | None = None,
    ) -> "Sizes":
        """Read the keys that most families share; `eps` is the name of the norms' epsilon.

        The last two are defaults. Raises CheckpointError for a key that is absent or invalid.
        """
        return cls(
            vocab_size=configuration.size("vocab_size", vocab_size),
            width=configuration.size("hidden_size"),
            layer_count=configuration.size("num_hidden_layers"),
            head_count=configuration.size("num_attention_heads"),
            feed_forward_size=configuration.size("intermediate_size"),
            norm_eps=configuration.epsilon(eps, default_eps),
            context_length=configuration.size("max_position_embeddings", context_length),
        )


@dataclass(frozen=True)
class Tokens:
    """The inputs of a graph, each (batch, seq) int32; texts are padded on the right."""

    input_ids: "Node"
    token_mask: "Node"
    """1 = token, 0 = padding."""
    token_types: "Node | None" = None
    """0 in a pair's first text, 1 in its second; None where there is one text."""
    first_only: bool = False
    """Whether each text's first token vector alone is used: then an architecture may give
    (batch, 1, width), and spare itself most of the last layer."""


class EncoderArchitecture(ABC):
    """One family of encoders, with the sizes of one checkpoint."""

    sizes: Sizes
    ignored_tensors: Sequence[str] = ()
    """Parts of names of tensors that do not take part in the token vectors."""
    is_causal: bool = False
    """Whether a token sees only those before it."""
    layer_norm_before_cut: bool = False
    """Whether a vector goes through layer normalization, without weights, before it is cut."""

    @abstractmethod
    def build(self, tensors: Tensors, tokens: Tokens) -> "Node":
        """Build the graph of the token vectors: (batch, seq, width) float32.

        Takes every tensor that takes part. Raises CheckpointError for a tensor that is missing or
        has another shape than config.json says. Does not look at the tensors that are left.
        """

    def build_sharing_prefix(self, tensors: Tensors, tokens: Tokens) -> "Node":
        """As build; a family that can computes only once what all texts of a batch begin with."""
        return self.build(tensors, tokens)


def read_architecture(configuration: Configuration) -> EncoderArchitecture:
    """Choose by model_type; UnsupportedModelError if it, or a variant of it, is not built here."""
    kind = configuration.values.get("model_type")
    if kind not in MODULES:
        raise UnsupportedModelError(
            f"{configuration.where}: model_type {kind!r} is not built here; "
            f"expected one of: {', '.join(MODULES)}"
        )
    module: Any = import_module(f"simile.architectures.{MODULES[kind]}")
    return cast(EncoderArchitecture, module.Architecture.parse(configuration))
