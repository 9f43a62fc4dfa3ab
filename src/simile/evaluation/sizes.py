"""Compare indexes of other chunk sizes with the current one, on the same judged queries.

Takes a search function for each index; does not create the indexes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simile.errors import InputError
from simile.evaluation.judged import Judged
from simile.evaluation.run import Search, evaluate, mean
from simile.evaluation.significance import NOISE, p_value


@dataclass(frozen=True)
class Size:
    """The result of a chunk size, compared with the current one."""

    max_tokens: int
    value: float
    """Mean of the metric over the queries, with both arms fused."""
    difference: float
    p: float

    @property
    def noise(self) -> bool:
        """Whether the difference is indistinguishable from chance."""
        return self.p >= NOISE


def compare_sizes(
    judged: Sequence[Judged], present: Search, others: Mapping[int, Search], metric: str
) -> tuple[float, list[Size]]:
    """Return the metric's current value and the other sizes. Raises InputError for unknown ones."""
    now = evaluate(judged, present, arms=("hybrid",)).scores["hybrid"]
    if metric not in now:
        raise InputError(f"metric is {metric!r}; expected one of {', '.join(now)}")
    sizes = []
    for max_tokens, search in others.items():
        scores = evaluate(judged, search, arms=("hybrid",)).scores["hybrid"][metric]
        differences = scores - now[metric]
        sizes.append(Size(max_tokens, mean(scores), mean(differences), p_value(differences)))
    return mean(now[metric]), sizes
