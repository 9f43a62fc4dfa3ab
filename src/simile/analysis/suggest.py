"""Find the cosine threshold that best separates judged duplicates from other pairs.

Maximizes F1 (van Rijsbergen 1979, chapter 7); a bootstrap over pairs (Efron 1979) gives the
interval. Knows only numbers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simile.errors import InputError

_RESAMPLES = 500
_MIDDLE = (2.5, 97.5)


@dataclass(frozen=True)
class Suggestion:
    """A threshold, and its results on the judged pairs."""

    threshold: float
    f1: float
    precision: float
    recall: float
    interval: tuple[float, float]
    """The middle 95% of the thresholds for resampled pairs."""
    pairs: int
    duplicates: int


def suggest_threshold(cosines: ArrayLike, duplicates: ArrayLike, *, seed: int = 0) -> Suggestion:
    """Suggest a threshold from cosines, float (n,), and whether pairs are duplicates, bool (n,).

    Raises InputError unless there are pairs of both kinds.
    """
    given, same = np.asarray(cosines, np.float64), np.asarray(duplicates, np.bool_)
    if given.ndim != 1 or given.shape != same.shape:
        raise InputError(f"cosines {given.shape} and labels {same.shape}; expected one for each")
    if not np.isfinite(given).all():
        raise InputError(f"pair {int(np.flatnonzero(~np.isfinite(given))[0])} has no finite cosine")
    if not same.any() or same.all():
        raise InputError("expected both duplicates and other pairs")
    threshold, f1, precision, recall = _best(given, same)
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(_RESAMPLES):
        rows = chance.integers(0, len(given), len(given))
        if same[rows].any():
            found.append(_best(given[rows], same[rows])[0])
    low, high = np.percentile(found, _MIDDLE)
    return Suggestion(
        threshold, f1, precision, recall, (float(low), float(high)), len(given), int(same.sum())
    )


def _best(
    cosines: NDArray[np.float64], same: NDArray[np.bool_]
) -> tuple[float, float, float, float]:
    """Return threshold, F1, precision, recall; the threshold is midway to the next lower cosine."""
    order = np.argsort(-cosines, kind="stable")
    values, right = cosines[order], np.cumsum(same[order])
    last = np.append(values[1:] < values[:-1], True)  # Equal cosines stay together.
    precision = right / np.arange(1, len(values) + 1)
    recall = right / right[-1]
    f1 = np.where(last & (right > 0), 2 * precision * recall / (precision + recall + 1e-300), -1.0)
    place = int(f1.argmax())
    below = values[place + 1] if place + 1 < len(values) else values[place]
    threshold = float((values[place] + below) / 2)
    return threshold, float(f1[place]), float(precision[place]), float(recall[place])
