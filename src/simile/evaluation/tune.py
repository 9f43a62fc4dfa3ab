"""Choose the dense arm's weight and the number of candidates per arm, from judged queries.

Each arm is searched once per query; settings differ only in the fusion. A setting is judged on
held-out queries (k-fold cross-validation), and chosen only if the gain is significant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simile.errors import InputError
from simile.evaluation.judged import Judged
from simile.evaluation.metrics import Span
from simile.evaluation.run import DEPTH, METRICS, SPAN_METRICS, Progress, Scores, measure
from simile.evaluation.significance import NOISE, p_value
from simile.protocols import EmbeddingModel
from simile.retrieval.fusion import Candidates, fuse
from simile.retrieval.ranking import (
    ALPHA_NOTE,
    CANDIDATES,
    CANDIDATES_NOTE,
    DEFAULT_ALPHA,
    Question,
    embed_query,
    find,
)
from simile.retrieval.recipe import require_model
from simile.store import Store

FOLDS = 5
_SEED = 5


@dataclass(frozen=True)
class Setting:
    """The parameters of a fusion."""

    alpha: float = DEFAULT_ALPHA
    """Weight of the dense arm."""
    candidates: int = CANDIDATES
    """Number of candidates per arm."""

    def __str__(self) -> str:
        return f"alpha {self.alpha:.2f}, {self.candidates} candidates"


DEFAULT = Setting()
DEPTHS = (50, 100, 200)
ALPHAS = tuple(round(step * 0.05, 2) for step in range(21))
GRID = tuple(Setting(alpha, depth) for depth in DEPTHS for alpha in ALPHAS)


@dataclass(frozen=True)
class Tuning:
    """The result of tuning."""

    metric: str
    scores: Mapping[Setting, Scores]
    """Each query's score, by setting of the grid."""
    arms: Mapping[str, float]
    """Mean score of each arm alone."""
    best: Setting
    """The best setting over all queries."""
    held_out: float
    """Mean score of each fold under the setting that is best on the other folds."""
    default_held_out: float
    """Mean score of the default on the same queries."""
    p: float

    @property
    def noise(self) -> bool:
        """Whether there is no gain, or none distinguishable from chance."""
        return self.p >= NOISE or self.held_out <= self.default_held_out

    @property
    def chosen(self) -> Setting:
        """The setting to use."""
        return DEFAULT if self.noise else self.best

    def curve(self, candidates: int = CANDIDATES) -> dict[float, Scores]:
        """Return each query's scores by alpha."""
        return {one.alpha: by for one, by in self.scores.items() if one.candidates == candidates}

    def to_text(self) -> str:
        """Format for a terminal, each arm alone first."""
        queries = len(self.scores[DEFAULT])
        lines = [f"{self.metric} over {queries:,} judged queries"]
        lines += [f"  {arm + ' alone':<36}{value:.4f}" for arm, value in self.arms.items()]
        for name, one in (("default", DEFAULT), ("best", self.best)):
            value = self.scores[one].mean()
            lines.append(f"  {name:<8}{one!s:<28}{value:.4f}")
        gain = self.held_out - self.default_held_out
        lines.append(
            f"held out: {self.held_out:.4f}, default {self.default_held_out:.4f}, "
            f"{gain:+.4f}, p {self.p:.4f}"
        )
        said = "noise, keeping the default:" if self.noise else "chosen:"
        return "\n".join([*lines, f"{said} {self.chosen}"])


def tune(
    store: Store,
    model: EmbeddingModel,
    judged: Sequence[Judged],
    *,
    metric: str = "ndcg@10",
    principals: frozenset[str] = frozenset(),
    progress: Progress = lambda done, total: None,
) -> Tuning:
    """Evaluate the grid. Blocks; changes nothing.

    Raises InputError for invalid input, FingerprintError for another model than the index's, and
    EngineError.
    """
    _require(judged, metric)
    require_model(store.meta(), model)
    view = store.view()
    scores = {setting: np.empty(len(judged)) for setting in GRID}
    alone: dict[str, list[float]] = {"dense": [], "lexical": []}
    for place, one in enumerate(judged):
        who = one.principals or principals
        question = Question(one.query, principals=who, filter=one.filter)
        arms = find(view, embed_query(model, one.query), question, max(DEPTHS)).arms
        spans = _spans(store, view.ids, arms)
        for name, arm in arms.items():
            alone[name].append(_score(metric, one, arm, spans))
        for setting, of_setting in scores.items():
            of_setting[place] = _score(metric, one, fused(arms, setting), spans)
        progress(place + 1, len(judged))
    means = {name: float(np.mean(values)) for name, values in alone.items()}
    return _tuning(metric, scores, means)


def keep(store: Store, setting: Setting) -> None:
    """Store the setting in the index, as the default of searches."""
    store.set_meta(ALPHA_NOTE, str(setting.alpha))
    store.set_meta(CANDIDATES_NOTE, str(setting.candidates))


def fused(arms: Mapping[str, Candidates], setting: Setting) -> Candidates:
    """Return the ranking of a search with this setting."""
    k = setting.candidates
    cut = {name: Candidates(arm.rows[:k], arm.scores[:k]) for name, arm in arms.items()}
    return fuse(cut, {"dense": setting.alpha, "lexical": 1.0 - setting.alpha}, "convex")


def _tuning(metric: str, scores: Mapping[Setting, Scores], arms: Mapping[str, float]) -> Tuning:
    settings = sorted(GRID, key=_strangeness)  # The first of equals wins.
    table = np.stack([scores[setting] for setting in settings])
    held_out = _cross_validated(table)
    default = scores[DEFAULT]
    best, p = settings[int(table.mean(axis=1).argmax())], p_value(held_out - default)
    return Tuning(metric, scores, arms, best, float(held_out.mean()), float(default.mean()), p)


def _cross_validated(table: NDArray[np.float64]) -> Scores:
    """Return each query's score under the setting that is best on the other folds."""
    count = table.shape[1]
    shuffled = np.random.default_rng(_SEED).permutation(count)
    held_out = np.empty(count)
    for fold in np.array_split(shuffled, min(FOLDS, count)):
        others = np.setdiff1d(shuffled, fold)
        held_out[fold] = table[table[:, others].mean(axis=1).argmax(), fold]
    return held_out


def _score(metric: str, judged: Judged, arm: Candidates, spans: Mapping[int, Span]) -> float:
    rows = arm.rows[:DEPTH].tolist()
    return measure(judged, [spans[row] for row in rows if row in spans], [metric])[metric]


def _spans(store: Store, ids: NDArray[np.int64], arms: Mapping[str, Candidates]) -> dict[int, Span]:
    """Return the span of each candidate by row, without those deleted meanwhile."""
    rows = np.unique(np.concatenate([arm.rows for arm in arms.values()])).tolist()
    of_rows = dict(zip(rows, ids[rows].tolist(), strict=True))
    chunks = {
        id: (one.document_id, one.chunk) for id, one in store.chunks(of_rows.values()).items()
    }
    found = {row: chunks[id] for row, id in of_rows.items() if id in chunks}
    return {row: Span(id, chunk.start, chunk.end) for row, (id, chunk) in found.items()}


def _strangeness(setting: Setting) -> tuple[float, int]:
    """Return the distance from the default."""
    return abs(setting.alpha - DEFAULT.alpha), abs(setting.candidates - DEFAULT.candidates)


def _require(judged: Sequence[Judged], metric: str) -> None:
    if len(judged) < 2:
        raise InputError(f"{len(judged)} judged queries; expected two or more")
    known = [*METRICS, *(SPAN_METRICS if all(one.spans for one in judged) else ())]
    if metric not in known:
        raise InputError(f"metric is {metric!r}; expected one of {', '.join(known)}")
