"""What the scheduler needs: a tokenizer, and a runner that computes a batch."""

from collections.abc import Callable, Sequence, Sized
from typing import Protocol, TypeVar

from simile.models.tokenizer import TokenIds, TokenizedText
from simile.types import Embeddings

Text = TypeVar("Text", bound=Sized)
"""A text that becomes one row of a batch; its length is in characters."""
Tokenize = Callable[[Sequence[Text], Sequence[int]], list[TokenizedText]]


class BatchRunner(Protocol):
    """Computes batches."""

    def run(
        self, input_ids: TokenIds, token_mask: TokenIds, token_types: TokenIds | None = None
    ) -> Embeddings:
        """Compute (batch, dim) float32 from (batch, seq) int32 each; types where the model has."""
        ...
