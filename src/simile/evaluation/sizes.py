"""Indexes of other chunk sizes, judged by the same queries as the one in use.

It is handed a search of each; who makes the indexes, and what of, it does not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simile.errors import InputError
from simile.evaluation.judged import Judged
from simile.evaluation.run import Search, evaluate, mean
from simile.evaluation.significance import NOISE, p_value


@dataclass(frozen=True)
class Size:
    """What a chunk size is worth, beside the one in use."""

    max_tokens: int
    value: float
    """Mean of the metric over the queries, both arms fused."""
    difference: float
    p: float

    @property
    def noise(self) -> bool:
        """Whether the difference cannot be told from chance."""
        return self.p >= NOISE


def compare_sizes(
    judged: Sequence[Judged], present: Search, others: Mapping[int, Search], metric: str
) -> tuple[float, list[Size]]:
    """The present value of the metric, and each other size's. InputError for another metric."""
    now = evaluate(judged, present, arms=("hybrid",)).scores["hybrid"]
    if metric not in now:
        raise InputError(f"metric is {metric!r}; expected one of {', '.join(now)}")
    sizes = []
    for max_tokens, search in others.items():
        scores = evaluate(judged, search, arms=("hybrid",)).scores["hybrid"][metric]
        differences = scores - now[metric]
        sizes.append(Size(max_tokens, mean(scores), mean(differences), p_value(differences)))
    return mean(now[metric]), sizes
