"""What a checkpoint's files say about the model, in one record.

Joins architecture, modules, window and prompts; does not build anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simile.errors import InputError
from simile.types import ROLES, Role

_PROMPT_NAMES: Mapping[Role, tuple[str, ...]] = {
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
    "clustering": ("clustering", "Clustering"),
    "classification": ("classification", "Classification"),
    "similarity": ("similarity", "STS", "sts"),
}
"""Names that checkpoints give to a role's prefix; the first that is there counts, blank or not.

The first two lines as sentence-transformers' encode_query and encode_document choose (6.2), the
others as published: embeddinggemma's and nomic-embed-text's names.
"""


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
    default_prompt: str = ""
    """The name of the prompt for a role that the file of prompts does not name."""
    dimensions: Sequence[int] = ()
    """Widths that its vectors may be cut to, where it is known that it was trained for them."""
    layer_norm_before_cut: bool = False
    """Whether a vector goes through layer normalisation, without weights, before it is cut."""
    tokenizer_kind: str = "bert"
    is_causal: bool = False
    """Whether a token sees only those before it."""

    def prefix(self, role: Role) -> str:
        """What goes before a text of this role; empty where the model has no prompts."""
        names = (*_PROMPT_NAMES[role], self.default_prompt)
        return next((self.prompts[name] for name in names if name in self.prompts), "")

    def named_prompt(self, name: str) -> str:
        """Give the text of a prompt that the checkpoint names, or that of a role.

        Raises InputError for another name.
        """
        if name in self.prompts:
            return self.prompts[name]
        if name in ROLES:
            return self.prefix(name)
        known = ", ".join(sorted({*self.prompts, *ROLES}))
        raise InputError(f"prompt_name is {name!r}; expected one of: {known}")
