"""What an engine says when it refuses: read it from the answer, and decide whether to repeat it.

Knows the error envelopes of Ollama and OpenAI and the Retry-After header (RFC 9110, 10.2.3); does
not know sockets. A remark that quotes a text which was sent must not get into messages or logs.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson

LONGEST_REMARK = 300
QUOTED_CHARS = 8
"""A remark that shares so many characters in a row with a text quotes it."""
SECRET_CHARS = 4


def remark_of(body: bytes) -> str | None:
    """Find the words of `{"error": "…"}` or `{"error": {"message": "…"}}`; None if not there."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return remark_in(answer)


def remark_in(answer: object) -> str | None:
    """As remark_of, of an answer that has been read."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        error = error.get("message")
    return error if isinstance(error, str) else None


def showable(remark: str, private: Sequence[str]) -> bool:
    """Whether a remark is short, printable and quotes none of the texts, nor may hide a quote."""
    if len(remark) > LONGEST_REMARK or not remark.isprintable() or "\\" in remark:
        return False
    said = remark.casefold()
    runs = {said[start : start + QUOTED_CHARS] for start in range(len(said) - QUOTED_CHARS + 1)}
    return not any(_is_quoted(text.casefold().strip(), said, runs) for text in private)


def hints_at(remark: str, secrets: Sequence[str]) -> bool:
    """Whether a remark shares SECRET_CHARS in a row with a secret: engines quote keys in part."""
    return any(
        secret[start : start + SECRET_CHARS] in remark
        for secret in secrets
        for start in range(max(len(secret) - SECRET_CHARS, 0) + 1)
    )


def _is_quoted(text: str, said: str, runs: set[str]) -> bool:
    if len(text) < QUOTED_CHARS:
        return bool(text) and text in said
    return any(run in text for run in runs)


def retry_after_s(value: str | None) -> float:
    """Read a Retry-After header, seconds or a date; 0 if there is none that can be read."""
    if value is None:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        return _seconds_until(value)
    return seconds if seconds >= 0 else 0.0


def _seconds_until(date: str) -> float:
    try:
        then = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return 0.0
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    seconds = (then - datetime.now(UTC)).total_seconds()
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
