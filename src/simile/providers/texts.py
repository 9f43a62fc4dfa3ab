"""Prepare texts for a provider: checked, made valid UTF-8, counted, in batches.

Does not know wire formats. Tokens are estimated, since no tokenizer is at hand.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from simile.errors import InputError
from simile.texts import without_surrogates
from simile.types import ROLES, Message

BATCH_TEXTS = 64
BATCH_CHARS = 200_000
"""OpenAI takes 300,000 tokens in a request; no tokenizer makes many more tokens than characters."""
BYTES_PER_TOKEN = 3
SPECIAL_TOKENS = 2
SPEAKERS = ("system", "user", "assistant")


def checked(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts without lone surrogates. Raises InputError if an item is not a string."""
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {place} is {type(text).__name__}; expected a string")
        yield without_surrogates(text)


def check_call(texts: Iterable[str], role: str) -> None:
    """Raise InputError for one string in place of many, and for what is no role."""
    if isinstance(texts, str):
        raise InputError("texts is one string; expected a list of strings: [text]")
    if role not in ROLES:
        raise InputError(f"role is {role!r}; expected {' or '.join(map(repr, ROLES))}")


def checked_messages(messages: Sequence[Message]) -> list[Message]:
    """Return the messages as checked does texts. Raises InputError for what is no conversation."""
    if isinstance(messages, str | Message):
        raise InputError("messages is no list; expected a list of Message: [message]")
    for place, message in enumerate(messages):
        if not isinstance(message, Message):
            raise InputError(f"message {place} is {type(message).__name__}; expected a Message")
        if message.role not in SPEAKERS or not isinstance(message.content, str):
            raise InputError(
                f"message {place} has the role {message.role!r} and a content that is"
                f" {type(message.content).__name__}; expected {', '.join(SPEAKERS)}, and a string"
            )
    if not messages:
        raise InputError("there are no messages; expected one at least")
    return [Message(message.role, without_surrogates(message.content)) for message in messages]


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Cut into lists of at most BATCH_TEXTS and, beyond one text, BATCH_CHARS."""
    batch: list[str] = []
    chars = 0
    for text in texts:
        if batch and (len(batch) == BATCH_TEXTS or chars + len(text) > BATCH_CHARS):
            yield batch
            batch, chars = [], 0
        batch.append(text)
        chars += len(text)
    if batch:
        yield batch


def estimate_tokens(texts: Sequence[str]) -> NDArray[np.int32]:
    """Estimate each text's tokens, int32 (n,), as a third of its UTF-8 bytes, rounded up.

    On the safe side: tokenizers make a token of three to five bytes of most prose and code, so a
    text that fits by this count fits by theirs. Rows of digits or rare signs may take more.
    """
    check_call(texts, "document")
    sizes = [len(text.encode()) for text in checked(texts)]
    return np.array([-(-size // BYTES_PER_TOKEN) for size in sizes], dtype=np.int32)
