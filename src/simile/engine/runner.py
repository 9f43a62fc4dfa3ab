"""What the scheduler needs of others: a tokenizer, and what computes a batch."""

from collections.abc import Callable, Sequence, Sized
from typing import Protocol, TypeVar

from simile.models.tokenizer import TokenIds, TokenizedText
from simile.types import Embeddings

Text = TypeVar("Text", bound=Sized)
"""What becomes one row of a batch; its length in characters."""
Tokenize = Callable[[Sequence[Text], Sequence[int]], list[TokenizedText]]


class BatchRunner(Protocol):
    """What computes a batch."""

    def run(
        self, input_ids: TokenIds, token_mask: TokenIds, token_types: TokenIds | None = None
    ) -> Embeddings:
        """Compute (batch, dim) float32 from (batch, seq) int32 each; types where the model has."""
        ...
