"""What a checkpoint's files say about the model, in one record.

A value for those who show models or choose between them; knows no files and builds nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simile.architectures.architecture import Sizes
from simile.errors import InputError
from simile.types import ROLES, Role

RANK = "rank"
"""The pooling of a reranker."""

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
    sizes: Sizes
    """Zeros for a static table, which has no layers."""
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
    """Whether a vector goes through layer normalization, without weights, before it is cut."""
    is_causal: bool = False
    """Whether a token sees only those before it."""

    @property
    def is_reranker(self) -> bool:
        """Whether it gives scores to pairs of query and text, and no vectors."""
        return self.pooling == RANK

    def prefix(self, role: Role) -> str:
        """Return the prompt before a text of this role; empty if the model has no prompts."""
        names = (*_PROMPT_NAMES[role], self.default_prompt)
        return next((self.prompts[name] for name in names if name in self.prompts), "")

    def named_prompt(self, name: str) -> str:
        """Return the text of a prompt that the checkpoint names, or that of a role.

        Raises InputError for another name.
        """
        if name in self.prompts:
            return self.prompts[name]
        if name in ROLES:
            return self.prefix(name)
        known = ", ".join(sorted({*self.prompts, *ROLES}))
        raise InputError(f"prompt_name is {name!r}; expected one of: {known}")
