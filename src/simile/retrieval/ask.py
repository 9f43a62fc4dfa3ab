"""A question to a cited answer: what was found is sent to a chat model, what it says is checked.

The chat model sees passages that the caller may read, and nothing else of the index. Where
nothing was found that has to do with the question, it is not asked.
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
"""Least cosine of the best hit, or the question counts as one that nothing was found for. For
all-MiniLM texts on other matters lie around .0 to .15; some models give no text less than .6, and
then this says nothing."""
SEEN_PER_PASSAGE = 4
"""Hits looked at for each passage wanted, so that copies do not take the place of others."""
_NUMBER = r"\d{1,4}"
_RANGE = re.compile(rf"({_NUMBER})(?:\s*[-–—]\s*({_NUMBER}))?")
_CITATION = re.compile(
    rf"[\[［【]\s*\^?(?:(?:passage|source)s?\s+)?({_NUMBER}(?:\s*(?:[-–—,;&、，]|and)\s*{_NUMBER})*)"
    r"\s*(?:†[^\]］】]*)?[\]］】]",
    re.IGNORECASE,
)
"""`[1]`, and as models write it, too: `[1, 2]`, `[1-3]`, `[^1]`, `[Passage 1]`, `【1†source】`."""
MAX_CONDENSED_CHARS = 1_000
"""A rewriting of more is no question; what was asked is looked for as it is."""
MAX_SAID_CHARS = 4_000
"""Of each message before, that a question is condensed by."""
_CONDENSE = """\
Rewrite the last question so that it can be understood without the conversation before it. \
Keep its language and its terms. Answer with the question alone."""


@dataclass(frozen=True)
class Citations:
    """Which passages an answer names."""

    sources: tuple[CitedPassage, ...]
    """Those that were sent, in the order of their numbers."""
    unknown: tuple[int, ...]
    """Numbers that no passage had."""


class Answer:
    """An answer while it comes: iterate over its parts once; `text` grows with them."""

    def __init__(
        self,
        question: str,
        sources: Sequence[CitedPassage],
        chat: ChatModel | None,
        template: Template = DEFAULT_TEMPLATE,
    ) -> None:
        """`chat` None: nothing will be asked; `messages` still shows what would be sent."""
        self.sources = tuple(sources)
        self.messages = messages(question, self.sources, template)
        self.text = ""
        self.cut = False
        """Whether the model stopped because it may say no more, and not at an end."""
        self._chat = chat

    def __iter__(self) -> Iterator[str]:
        """Give the parts as they come; nothing, and nobody is asked, if there are no sources.

        Raises RemoteEngineError; what had come is in `text`.
        """
        if not self.sources or self._chat is None:
            return
        chat, self._chat = self._chat, None  # Nobody is asked twice.
        parts = chat.stream(self.messages)
        for part in parts:
            self.text += part
            yield part
        self.cut = getattr(parts, "end_reason", None) == "length"

    @property
    def citations(self) -> Citations:
        """The passages that the text names so far."""
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
    """The hits, or none if not even the nearest in meaning is near; all of a lexical search.

    Raises InputError for a least cosine that none can have.
    """
    if not -1 <= min_cosine <= 1:
        raise InputError(f"min_cosine is {min_cosine!r}; expected a cosine, -1 to 1")
    cosines = [hit.scores["dense"] for hit in hits if "dense" in hit.scores]
    return list(hits) if not cosines or max(cosines) >= min_cosine else []


def distinct(hits: Sequence[Hit], k: int) -> list[Hit]:
    """The first k hits, without those that say what a better one says, word for word.

    By words and not by cosine: a policy and its next year's, which says another number of days,
    have a cosine of .996 (all-MiniLM), and "approved" and "never approved" one of .999.
    """
    by_words: dict[tuple[str, ...], Hit] = {}
    for hit in hits:
        by_words.setdefault(tuple(hit.text.casefold().split()), hit)
    return list(by_words.values())[:k]


def hits_for(k: int) -> int:
    """Give the number of hits to look at for k passages, so that copies crowd out no others."""
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
    """Choose the passages to send: the best k distinct hits that are near, packed into the budget.

    Empty if not even the nearest hit reaches `min_cosine`. Raises InputError as `relevant` and
    `pack` do.
    """
    near = relevant(distinct(hits, k), min_cosine)
    return pack(near, read, count_tokens, budget_tokens=budget_tokens) if near else ()


def condense(history: Sequence[Message], question: str, chat: ChatModel) -> str:
    """A question of a conversation as one that stands alone; as it is if nothing came before.

    As it is, too, if the model says nothing, or more than a question.
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
