"""A question to a cited answer: what was found is sent to a chat model, what it says is checked.

The chat model sees passages that the caller may read, and nothing else of the index. Where
nothing was found that has to do with the question, it is not asked.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simile.retrieval.prompt import DEFAULT_TEMPLATE, Source, Template, messages
from simile.types import ChatModel, Hit, Message

MIN_COSINE = 0.2
"""Least cosine of the best hit, or the question counts as one that nothing was found for. For
all-MiniLM texts on other matters lie around .0 to .15; some models give no text less than .6, and
then this says nothing."""
DUPLICATE_COSINE = 0.98
"""From which on a passage says what a better one said, and is not sent."""
_CITATION = re.compile(r"\[(\d{1,4})\]")
_CONDENSE = """\
Rewrite the last question so that it can be understood without the conversation before it. \
Keep its language and its terms. Answer with the question alone."""


@dataclass(frozen=True)
class Citations:
    """Which passages an answer names."""

    sources: tuple[Source, ...]
    """Those that were sent, in the order of their numbers."""
    unknown: tuple[int, ...]
    """Numbers that no passage had."""


class Answer:
    """An answer while it comes: iterate over its parts once; `text` grows with them."""

    def __init__(
        self,
        question: str,
        sources: Sequence[Source],
        chat: ChatModel | None,
        template: Template = DEFAULT_TEMPLATE,
    ) -> None:
        """`chat` None: nothing will be asked; `messages` still shows what would be sent."""
        self.sources = tuple(sources)
        self.messages = messages(question, self.sources, template)
        self.text = ""
        self._chat = chat

    def __iter__(self) -> Iterator[str]:
        """Give the parts as they come; nothing, and nobody is asked, if there are no sources.

        Raises RemoteEngineError; what had come is in `text`.
        """
        if not self.sources or self._chat is None:
            return
        for part in self._chat.stream(self.messages):
            self.text += part
            yield part

    @property
    def citations(self) -> Citations:
        """The passages that the text names so far."""
        named = {int(number) for number in _CITATION.findall(self.text)}
        known = {source.number: source for source in self.sources}
        return Citations(
            tuple(known[number] for number in sorted(named & known.keys())),
            tuple(sorted(named - known.keys())),
        )


def relevant(hits: Sequence[Hit], min_cosine: float) -> list[Hit]:
    """The hits, or none if not even the nearest in meaning is near; all of a lexical search."""
    cosines = [hit.scores["dense"] for hit in hits if "dense" in hit.scores]
    return list(hits) if not cosines or max(cosines) >= min_cosine else []


def condense(history: Sequence[Message], question: str, chat: ChatModel) -> str:
    """A question of a conversation as one that stands alone; as it is if nothing came before."""
    if not history:
        return question
    said = "\n".join(f"{message.role}: {message.content}" for message in history)
    asked = f"{said}\n\nLast question: {question}"
    told = "".join(chat.stream([Message("system", _CONDENSE), Message("user", asked)])).strip()
    return told or question
