"""Rank the rows of a view for a question: dense and lexical candidates, fused.

Access is decided before scoring: both arms see only rows that the principals may read and the
filter admits. Scores of different arms are compared only in `fusion`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simile.errors import EngineError, InputError, StoreError
from simile.numerics import unit
from simile.protocols import EmbeddingModel
from simile.retrieval.embedded import embedded
from simile.retrieval.filters import evaluate, parse_filter
from simile.retrieval.fusion import Candidates, Fusion, fuse, shares
from simile.store import View

Mode = Literal["hybrid", "dense", "lexical"]

DEFAULT_K = 10
DEFAULT_ALPHA = 0.6
"""Weight of the dense arm. On 12 of 13 judged collections the convex sum with .6 beat the better
single arm."""
CANDIDATES = 100
"""Candidates of each arm for the fusion; more if more hits are requested."""
ALPHA_NOTE, CANDIDATES_NOTE = "alpha", "candidates"
"""Names of the index's notes that override these defaults."""
MAX_K = 10_000
MAX_QUERY_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class Question:
    """What to search for, and how."""

    query: str
    k: int = DEFAULT_K
    mode: Mode = "hybrid"
    principals: frozenset[str] = field(default_factory=frozenset)
    filter: str | None = None
    alpha: float | None = None
    """Weight of the dense arm; None means the index's note, or else DEFAULT_ALPHA."""
    candidates: int = CANDIDATES
    fusion: Fusion = "convex"
    per_document: int | None = None
    """Maximum number of hits per document."""
    collapse: float | None = None
    """Leave out a hit whose vector has at least this cosine to that of a better hit."""
    context: int = 0
    """Neighbors on each side to show with a hit."""
    explain: bool = False


@dataclass(frozen=True)
class RankedRows:
    """Rows of a view, best first, and the results of each arm."""

    ranking: Candidates
    arms: dict[str, Candidates]


def find(
    view: View, vector: NDArray[np.float32] | None, question: Question, depth: int
) -> RankedRows:
    """Rank at least `depth` rows, if there are that many. `vector` may be None in lexical mode."""
    count = max(question.candidates, depth)
    mask = None if question.filter is None else evaluate(parse_filter(question.filter), view)
    arms: dict[str, Candidates] = {}
    if question.mode != "lexical":
        assert vector is not None
        rows, scores = view.dense(vector, k=count, principals=question.principals, mask=mask)
        arms["dense"] = Candidates(rows, scores)
    if question.mode != "dense":
        who = question.principals
        rows, scores = view.lexical(question.query, k=count, principals=who, mask=mask)
        arms["lexical"] = Candidates(rows, scores)
    if len(arms) == 1:
        return RankedRows(next(iter(arms.values())), arms)
    alpha = DEFAULT_ALPHA if question.alpha is None else question.alpha
    weights = {"dense": alpha, "lexical": 1.0 - alpha}
    return RankedRows(fuse(arms, weights, question.fusion), arms)


def embed_query(model: EmbeddingModel, query: str) -> NDArray[np.float32]:
    """Return the query's unit vector, float32 (dim,). Raises EngineError if it is not finite."""
    vector = embedded(model, [query], "query")
    if not np.isfinite(vector).all():
        raise EngineError(f"{model.name} returned a vector with NaN or Inf for the query")
    scaled: NDArray[np.float32] = unit(vector)[0]
    return scaled


def tuned(question: Question, meta: Mapping[str, str]) -> Question:
    """Unless a weight is set, fill in weight and number of candidates from the index's notes."""
    if question.alpha is not None:
        return question
    try:
        alpha = float(meta.get(ALPHA_NOTE, DEFAULT_ALPHA))
        candidates = int(meta.get(CANDIDATES_NOTE, CANDIDATES))
    except ValueError as exc:
        raise StoreError(f"the index is damaged: its notes on tuning are invalid: {exc}") from exc
    return replace(question, alpha=alpha, candidates=candidates)


def require_question(question: Question) -> None:
    """Raise InputError for an invalid question."""
    if not isinstance(question.query, str) or not question.query.strip():
        raise InputError("the query is empty; expected some text")
    if len(question.query) > MAX_QUERY_CHARACTERS:
        got = f"{len(question.query):,} characters"
        raise InputError(f"the query has {got}; expected at most {MAX_QUERY_CHARACTERS:,}")
    for name, least, most in (("k", 1, MAX_K), ("context", 0, 100), ("per_document", 1, MAX_K)):
        value = getattr(question, name)
        if not (_unasked(name, value) or (type(value) is int and least <= value <= most)):
            raise InputError(f"{name} is {value!r}; expected an integer from {least} to {most:,}")
    for name in ("alpha", "collapse"):
        value = getattr(question, name)
        if not (_unasked(name, value) or (isinstance(value, int | float) and 0 <= value <= 1)):
            raise InputError(f"{name} is {value!r}; expected a number from 0 to 1")
    for name, known in (("mode", ("hybrid", "dense", "lexical")), ("fusion", ("convex", "rrf"))):
        if getattr(question, name) not in known:
            got, expected = getattr(question, name), " or ".join(known)
            raise InputError(f"{name} is {got!r}; expected {expected}")
    if question.filter is not None:
        parse_filter(question.filter)


def _unasked(name: str, value: object) -> bool:
    return value is None and name in {"alpha", "per_document", "collapse"}


def require_principals(principals: Iterable[str]) -> frozenset[str]:
    """Return the principals as a set. Raises InputError unless they are non-empty strings."""
    if isinstance(principals, str) or not isinstance(principals, Iterable):
        raise InputError(f"principals is {principals!r}; expected a list such as ['user:alice']")
    found = list(principals)
    if not all(isinstance(principal, str) and principal for principal in found):
        raise InputError(f"principals is {found!r}; expected strings such as 'user:alice'")
    return frozenset(found)


def explain(found: RankedRows, question: Question, row: int) -> dict[str, object]:
    """Explain a row's rank: its rank, score and contribution in each arm."""
    told: dict[str, object] = {"mode": question.mode}
    if len(found.arms) > 1:
        told |= {"fusion": question.fusion, "alpha": question.alpha}
    for name, arm in found.arms.items():
        place = arm.place_of(row)
        told[name] = place and {
            "rank": place,
            "of": len(arm.rows),
            "score": arm.score_of(row),
            "share": float(shares(arm, question.fusion)[place - 1]),
        }
    return told
