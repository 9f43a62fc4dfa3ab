"""Fuse two ranked lists of rows into one.

Convex: each arm's scores are scaled to 0..1 by their minimum and maximum, then weighted; a row
missing from an arm counts 0 there. Bruch, Gai, Ingber 2022 (arXiv 2210.11934), sections 3 and 4.
RRF: 1 / (60 + rank), ranks from 1. Cormack, Clarke, Buettcher 2009.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Fusion = Literal["convex", "rrf"]
"""How the arms are combined."""

RRF_K = 60


@dataclass(frozen=True)
class Candidates:
    """One arm's results: rows int64 (n,), their scores float32 (n,), best first."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]

    def place_of(self, row: int) -> int | None:
        """Return the row's rank, counted from 1; None if it is missing."""
        places = np.flatnonzero(self.rows == row)
        return int(places[0]) + 1 if len(places) else None

    def score_of(self, row: int) -> float | None:
        """Return the row's score; None if it is missing."""
        place = self.place_of(row)
        return None if place is None else float(self.scores[place - 1])


def fuse(arms: Mapping[str, Candidates], weights: Mapping[str, float], how: Fusion) -> Candidates:
    """Return all rows of the arms with their fused score, best first, ties by row."""
    rows = np.unique(np.concatenate([arm.rows for arm in arms.values()]))
    total = np.zeros(len(rows), np.float64)
    for name, arm in arms.items():
        total[np.searchsorted(rows, arm.rows)] += weights[name] * shares(arm, how)
    order = np.lexsort((rows, -total))
    return Candidates(rows[order], total[order].astype(np.float32))


def shares(arm: Candidates, how: Fusion) -> NDArray[np.float64]:
    """Return each row's contribution to the fusion, before its weight: float64 (n,)."""
    if how == "rrf":
        return np.reciprocal(RRF_K + 1.0 + np.arange(len(arm.rows), dtype=np.float64))
    scores = arm.scores.astype(np.float64)
    if not len(scores) or scores[0] == scores[-1]:
        return np.ones(len(scores))  # all tie for the arm's best
    scaled: NDArray[np.float64] = (scores - scores[-1]) / (scores[0] - scores[-1])
    return scaled
