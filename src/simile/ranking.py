"""What every reranker does: check what it is given, and put scores in order. Knows no model."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simile.errors import InputError
from simile.texts import require_texts
from simile.types import Ranked


def check_rerank_input(query: str, texts: Sequence[str]) -> None:
    """Raise InputError for what is no query, or no list of texts."""
    if not isinstance(query, str):
        raise InputError(f"query is {type(query).__name__}; expected a string")
    require_texts(texts)


def ranked(scores: NDArray[np.float32], model: str, top_k: int | None = None) -> list[Ranked]:
    """Order by score, best first, equal ones in their order; give top_k of them.

    InputError for a top_k below 0.
    """
    if top_k is not None and top_k < 0:
        raise InputError(f"top_k is {top_k}; expected 0 or more")
    best = np.argsort(-scores, kind="stable")[:top_k]
    return [Ranked(int(place), float(scores[place]), model) for place in best]
