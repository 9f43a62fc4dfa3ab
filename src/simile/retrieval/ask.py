"""Answer a question with citations: send passages to a chat model, and check what it cites.

The chat model sees only passages that the caller may read. If nothing relevant was found, it is
not asked.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from simile.errors import InputError
from simile.protocols import ChatModel
from simile.retrieval.prompt import (
    DEFAULT_TEMPLATE,
    CitedPassage,
    CountTokens,
    Template,
    messages,
    pack,
)
from simile.retrieval.ranking import MAX_K
from simile.types import Document, Hit, Message

MIN_COSINE = 0.2
"""If the best hit's cosine is lower, nothing counts as found. With all-MiniLM unrelated texts have
about .0 to .15; some models never give less than .6, and then this has no effect."""
SEEN_PER_PASSAGE = 4
"""Hits considered per requested passage, so that duplicates do not displace others."""
_NUMBER = r"\d{1,4}"
_RANGE = re.compile(rf"({_NUMBER})(?:\s*[-–—]\s*({_NUMBER}))?")
_CITATION = re.compile(
    rf"[\[［【]\s*\^?(?:(?:passage|source)s?\s+)?({_NUMBER}(?:\s*(?:[-–—,;&、，]|and)\s*{_NUMBER})*)"
    r"\s*(?:†[^\]］】]{0,200})?[\]］】]",
    re.IGNORECASE,
)
"""`[1]`, and other forms of models: `[1, 2]`, `[1-3]`, `[^1]`, `[Passage 1]`, `【1†source】`."""
MAX_CONDENSED_CHARS = 1_000
"""A longer rewrite is not a question; the original question is used instead."""
MAX_SAID_CHARS = 4_000
"""Characters of each earlier message that are used to condense a question."""
_CONDENSE = """\
Rewrite the last question so that it can be understood without the conversation before it. \
Keep its language and its terms. Answer with the question alone."""


@dataclass(frozen=True)
class Citations:
    """The passages that an answer cites."""

    sources: tuple[CitedPassage, ...]
    """Cited passages, in the order of their numbers."""
    unknown: tuple[int, ...]
    """Cited numbers that no passage has."""


class Answer:
    """A streamed answer: iterate over its parts once; `text` grows with them."""

    def __init__(
        self,
        question: str,
        sources: Sequence[CitedPassage],
        chat: ChatModel | None,
        template: Template = DEFAULT_TEMPLATE,
    ) -> None:
        """With `chat` None no model is asked; `messages` still shows what would be sent."""
        self.sources = tuple(sources)
        self.messages = messages(question, self.sources, template)
        self.cut = False
        """Whether the answer was cut off at the model's length limit."""
        self._parts: list[str] = []
        self._chat = chat

    @property
    def text(self) -> str:
        """What arrived so far."""
        self._parts[:] = ["".join(self._parts)]
        return self._parts[0]

    def __iter__(self) -> Iterator[str]:
        """Yield the parts as they arrive; without sources, yield nothing and ask no model.

        Raises RemoteEngineError; `text` keeps what arrived before.
        """
        if not self.sources or self._chat is None:
            return
        chat, self._chat = self._chat, None  # ask only once
        parts = chat.stream(self.messages)
        for part in parts:
            self._parts.append(part)
            yield part
        self.cut = getattr(parts, "end_reason", None) == "length"

    @property
    def citations(self) -> Citations:
        """The passages that the text cites so far."""
        known = {source.number: source for source in self.sources}
        named: set[int] = set()
        for cited in _CITATION.findall(self.text):
            for first, last in _RANGE.findall(cited):
                low, high = int(first), int(last or first)
                named |= {low, high, *(number for number in known if low <= number <= high)}
        return Citations(
            tuple(known[number] for number in sorted(named & known.keys())),
            tuple(sorted(named - known.keys())),
        )


def relevant(hits: Sequence[Hit], min_cosine: float) -> list[Hit]:
    """Return the hits, or none if no cosine reaches `min_cosine`; all hits of a lexical search.

    Raises InputError for a `min_cosine` outside -1 to 1.
    """
    if not -1 <= min_cosine <= 1:
        raise InputError(f"min_cosine is {min_cosine!r}; expected a cosine from -1 to 1")
    cosines = [hit.scores["dense"] for hit in hits if "dense" in hit.scores]
    return list(hits) if not cosines or max(cosines) >= min_cosine else []


def distinct(hits: Sequence[Hit], k: int) -> list[Hit]:
    """Return the first k hits, without those whose words equal a better one's.

    Compares words rather than cosines: a policy and next year's, with another number of days,
    have a cosine of .996 (all-MiniLM), and "approved" and "never approved" one of .999.
    """
    by_words: dict[tuple[str, ...], Hit] = {}
    for hit in hits:
        by_words.setdefault(tuple(hit.text.casefold().split()), hit)
    return list(by_words.values())[:k]


def hits_for(k: int) -> int:
    """Return the number of hits to consider for k passages, as some may be duplicates."""
    return min(k * SEEN_PER_PASSAGE, MAX_K)


def choose_passages(
    hits: Sequence[Hit],
    *,
    k: int,
    min_cosine: float,
    read: Callable[[str], Document | None],
    count_tokens: CountTokens,
    budget_tokens: int,
) -> Sequence[CitedPassage]:
    """Choose the passages to send: the best k distinct hits, packed into the budget.

    Empty if no hit reaches `min_cosine`. Raises InputError like `relevant` and `pack`.
    """
    near = relevant(distinct(hits, k), min_cosine)
    return pack(near, read, count_tokens, budget_tokens=budget_tokens) if near else ()


def condense(history: Sequence[Message], question: str, chat: ChatModel) -> str:
    """Rewrite a follow-up question so that it stands alone.

    Returns it unchanged if there is no history, or if the model's answer is empty or too long.
    """
    if not history:
        return question
    said = "\n".join(f"{each.role}: {each.content[:MAX_SAID_CHARS]}" for each in history)
    asked = f"{said}\n\nLast question: {question}"
    told = ""
    for part in chat.stream([Message("system", _CONDENSE), Message("user", asked)]):
        told += part
        if len(told) > MAX_CONDENSED_CHARS:
            return question
    return told.strip() or question
