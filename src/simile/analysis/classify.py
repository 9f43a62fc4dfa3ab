"""Train a classifier on labeled vectors; predict labels with a confidence.

With one vector per label (its name, a description or an example) the nearest wins. With more
examples the method with the best held-out accuracy is chosen. Knows arrays and labels; of the model
that produced the vectors it only keeps and compares the fingerprint.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simile.analysis.blas import one_blas_thread
from simile.analysis.scorers import METHODS, PROTOTYPES, Labels, Scorer, centroids, nearest_centroid
from simile.analysis.unit_rows import unit_rows
from simile.analysis.validation import (
    RefusalLimits,
    best_temperature,
    centroid_cosines,
    folds,
    held_out,
    limits,
    probabilities,
    refused_unknown,
)
from simile.errors import FingerprintError, InputError
from simile.extras import optional
from simile.types import Embeddings

MAX_TRIED = 5_000
"""Limit of the examples used to compare methods; the chosen one is trained on all."""
_BLOCK = 4096


@dataclass(frozen=True)
class Prediction:
    """The predicted label of a text."""

    label: str | None
    """None means "none of these"."""
    confidence: float
    """Confidence in `nearest`, 0 to 1; if calibrated, the share of such answers that are right."""
    nearest: str
    """The best label, even where `label` is None."""
    scores: NDArray[np.float32] = field(repr=False, compare=False)
    """float32 (labels,): each label's confidence, in the order of `Classifier.labels`."""


@dataclass(frozen=True)
class Fitted:
    """How a classifier was trained."""

    examples: int
    method: str
    accuracies: dict[str, float]
    """Held-out accuracy of each method; empty if none could be compared."""
    refused_unknown: float | None = None
    """Share of examples refused when their label was left out of training; None if not tried."""


@dataclass(frozen=True)
class Classifier:
    """A classifier for vectors of the model with its fingerprint."""

    labels: tuple[str, ...]
    scorer: Scorer
    centers: Embeddings
    """float32 (labels, dim): centroids of each label's examples."""
    temperature: float
    limits: RefusalLimits
    fitted: Fitted
    fingerprint: str = ""
    """Fingerprint of the model that produced the vectors."""
    model: str = ""
    """Name of that model."""

    @property
    def calibrated(self) -> bool:
        """Whether confidences are calibrated on held-out examples."""
        return bool(self.fitted.accuracies)

    def require(self, fingerprint: str) -> None:
        """Raise FingerprintError if another model produced the examples."""
        if self.fingerprint and fingerprint != self.fingerprint:
            raise FingerprintError(
                f"the classifier was made with {self.model or 'a model'} "
                f"({self.fingerprint:.12}…), these vectors with another ({fingerprint:.12}…); "
                "classify with that model, or train the classifier again"
            )

    def predict(
        self, vectors: ArrayLike, *, min_confidence: float | None = None
    ) -> list[Prediction]:
        """Label vectors (n, dim). Raises InputError for invalid vectors.

        `min_confidence` replaces the learned limits for "none of these"; 0 always gives a label.
        """
        if min_confidence is not None and not 0 <= min_confidence <= 1:
            raise InputError(f"min_confidence is {min_confidence}; expected 0 to 1")
        bounds = self.limits if min_confidence is None else RefusalLimits(min_confidence)
        unit = unit_rows(vectors)
        if len(unit) and unit.shape[1] != self.centers.shape[1]:
            got = f"{unit.shape[1]} wide; the classifier's are {self.centers.shape[1]}"
            raise InputError(f"the vectors are {got}: another model made them")
        found: list[Prediction] = []
        for start in range(0, len(unit), _BLOCK):
            found += self._block(unit[start : start + _BLOCK], bounds)
        return found

    def _block(self, unit: Embeddings, bounds: RefusalLimits) -> list[Prediction]:
        chances = probabilities(self.scorer.logits(unit), self.temperature)
        best = chances.argmax(axis=1)
        sure = chances.max(axis=1) >= bounds.confidence
        near = (unit @ self.centers.T).max(axis=1) >= bounds.cosine
        return [
            Prediction(
                self.labels[place] if known else None,
                float(row[place]),
                self.labels[place],
                row.astype(np.float32),
            )
            for row, place, known in zip(chances, best.tolist(), sure & near, strict=True)
        ]


def fit(
    vectors: ArrayLike,
    labels: Sequence[str],
    *,
    fingerprint: str = "",
    model: str = "",
    seed: int = 0,
    progress: Callable[[float], None] = lambda share: None,
) -> Classifier:
    """Train a classifier on example vectors (n, dim), one label for each. Blocks.

    Raises InputError for invalid input, and MissingExtraError if scikit-learn is missing and a
    label has several examples.
    """
    unit = unit_rows(vectors)
    if len(labels) != len(unit):
        raise InputError(f"{len(labels)} labels and {len(unit)} vectors; expected one for each")
    names = tuple(dict.fromkeys(labels))
    if len(names) < 2:
        raise InputError(f"{len(names)} distinct labels; expected at least two")
    places = {name: place for place, name in enumerate(names)}
    numbers = np.array([places[label] for label in labels])
    centers = centroids(unit, numbers, len(names))
    if len(names) == len(unit):
        scorer: Scorer = nearest_centroid(unit, numbers, len(names))
        fitted = Fitted(len(unit), PROTOTYPES, {})
        return Classifier(names, scorer, centers, 1.0, RefusalLimits(), fitted, fingerprint, model)
    optional(
        "sklearn.linear_model", extra="analysis"
    )  # Loads its own BLAS, whose threads can be limited only afterwards.
    with one_blas_thread() or nullcontext():
        fitted, temperature, bounds = _try(unit, numbers, len(names), seed, progress)
        scorer = METHODS[fitted.method](unit, numbers, len(names))
    return Classifier(names, scorer, centers, temperature, bounds, fitted, fingerprint, model)


def _try(
    unit: Embeddings, labels: Labels, count: int, seed: int, progress: Callable[[float], None]
) -> tuple[Fitted, float, RefusalLimits]:
    """Compare the methods, and calibrate the best one on its held-out answers."""
    tried = np.sort(np.random.default_rng(seed).permutation(len(unit))[:MAX_TRIED])
    some, of_some = unit[tried], labels[tried]
    fold = folds(of_some, seed)
    held = fold >= 0
    right = of_some[held]
    accuracies: dict[str, float] = {}
    logits: dict[str, Embeddings] = {}
    for place, (name, method) in enumerate(METHODS.items()):
        logits[name] = held_out(method, some, of_some, count, fold)[held]
        accuracies[name] = float((logits[name].argmax(axis=1) == right).mean())
        progress((place + 1) / (len(METHODS) + 1))
    chosen = max(accuracies, key=lambda name: accuracies[name])
    temperature = best_temperature(logits[chosen], right)
    chances = probabilities(logits[chosen], temperature)
    bounds = limits(
        chances.max(axis=1),
        centroid_cosines(some, of_some, count, fold)[held],
        chances.argmax(axis=1) == right,
    )
    refused = refused_unknown(METHODS[chosen], some, of_some, count, bounds, temperature)
    progress(1.0)
    return Fitted(len(unit), chosen, accuracies, refused), temperature, bounds
