"""What a checkpoint's files say about the model, in one record.

Joins architecture, modules, window and prompts; does not build anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simile.errors import CheckpointError
from simile.types import Role

if TYPE_CHECKING:
    from simile.models.local import LocalModel
    from simile.models.modules import Modules

_PROMPT_NAMES: Mapping[Role, tuple[str, ...]] = {
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
}
"""Names that checkpoints give to a role's prefix; the first that is there counts."""


@dataclass(frozen=True)
class ModelFacts:
    """What a checkpoint's files say about the model."""

    model_type: str
    dim: int
    parameter_count: int
    weight_format: str
    layer_count: int
    head_count: int
    feed_forward_size: int
    layer_norm_eps: float
    vocab_size: int
    context_length: int
    max_tokens: int
    """Default window, special tokens included."""
    pooling: str
    normalize: bool
    lowercase: bool = False
    """Whether texts are lower-cased before the tokenizer sees them."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    tokenizer_kind: str = "bert"

    def prefix(self, role: Role) -> str:
        """What goes before a text of this role; empty where the model has no prompts."""
        names = (name for name in _PROMPT_NAMES[role] if self.prompts.get(name))
        return next((self.prompts[name] for name in names), "")


def read_facts(model: "LocalModel") -> ModelFacts:
    """Read a model's files; CheckpointError or UnsupportedModelError where they do not do.

    Prompts are the checkpoint's own, else the catalogue's; the window likewise the other way.
    """
    from simile.models.encoder import Encoder

    return Encoder(model).facts


def vector_width(hidden_size: int, modules: "Modules") -> int:
    """Follow the width through pooling and Dense modules; CheckpointError where they disagree."""
    width = hidden_size * len(modules.pooling)
    for dense in modules.dense:
        if dense.width_in != width:
            raise CheckpointError(
                f"{dense.folder}/config.json: in_features is {dense.width_in}; "
                f"expected {width}, the width of the vector before it"
            )
        width = dense.width_out
    return width
