"""Vectors from words, and answers from what was said, without a model.

For tests and demonstrations, where ranking and answer should be plain to see. Knows words; does not
know the network. The same text gives the same vector on every machine: shared words, near vectors.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from simile.providers.remote import fingerprint_of
from simile.providers.texts import check_call, checked, checked_messages
from simile.types import Embeddings, Message, Role


class FakeEmbedder:
    """Counts words into `dim` buckets, by their CRC-32 in lower case; a token is a word."""

    special_tokens = 0

    def __init__(self, name: str = "fake", *, dim: int = 64, max_tokens: int = 512) -> None:
        self.name = name
        self.dim = dim
        self.max_tokens = max_tokens
        self.fingerprint = fingerprint_of({"fake": "crc32 of words", "dim": dim})

    def embed(self, texts: Sequence[str], *, role: Role) -> Embeddings:
        """Embed texts; float32 (n, dim) of length 1, in their order. InputError for no text."""
        check_call(texts, role)
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for vector, text in zip(vectors, checked(texts), strict=True):
            # A text without words is the empty word, so that every vector has a direction.
            for word in text.lower().split()[: self.max_tokens] or [""]:
                vector[crc32(word.encode()) % self.dim] += 1
            vector /= np.linalg.norm(vector)
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Count the words of each whole text; int32 (n,)."""
        check_call(texts, "document")
        return np.array([len(text.split()) for text in checked(texts)], dtype=np.int32)

    def close(self) -> None:
        """Nothing is held."""


class FakeChat:
    """Says a given text, or what a function makes of the messages; else quotes the last one."""

    def __init__(
        self,
        answer: str | Callable[[Sequence[Message]], str] | None = None,
        *,
        name: str = "fake-chat",
    ) -> None:
        self.name = name
        self.asked: list[list[Message]] = []
        """The messages of every call so far."""
        self._answer = answer

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        """Give the answer word by word. InputError for what is no conversation."""
        conversation = checked_messages(messages)
        self.asked.append(conversation)
        answer = conversation[-1].content if self._answer is None else self._answer
        text = answer if isinstance(answer, str) else answer(conversation)
        return (match.group() for match in re.finditer(r"\S+\s*|\s+", text))

    def close(self) -> None:
        """Nothing is held."""
