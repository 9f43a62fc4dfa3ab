"""What the chat models of all providers share: a conversation out, parts of an answer in.

Does not know wire formats: a subclass turns lines into parts. An answer that does not come to its
proper end is an error, after all that came of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Self
from weakref import finalize

from simile.errors import InputError, ModelNotFoundError, SimileError, TextTooLongError
from simile.providers.http import JsonApi
from simile.providers.streams import UnreadableError, split_lines
from simile.providers.texts import checked_messages
from simile.providers.tries import RefusedError, TryLimits
from simile.texts import without_surrogates
from simile.types import Message

PATIENCE = TryLimits(timeout_s=300.0)
"""Before the first part of an answer the model may be loaded, and a long conversation read."""


MAX_ANSWER_CHARS = 400_000
"""A longer answer is cut there: some models repeat themselves for ever."""
MAX_ANSWER_S = 3_600.0
"""An answer that takes longer, whatever its parts say, breaks off."""


@dataclass(frozen=True)
class Part:
    """What one line or event says."""

    text: str = ""
    end_reason: str | None = None
    """Why the model has stopped; after this the answer may end."""
    done: bool = False
    """Whether nothing more comes."""
    failed: bool = False
    """Whether the engine reports an error; `remark` may say which."""
    remark: str | None = None


@dataclass
class _Ending:
    reason: str | None = None


class ReplyStream(Iterator[str]):
    """The parts of an answer, as they come; asked for with the first.

    Closing it, or forgetting it, closes the connection, and ends the engine's work.
    """

    def __init__(self, parts: Generator[str, None, None], ending: _Ending) -> None:
        self._parts = parts
        self._ending = ending

    @property
    def end_reason(self) -> str | None:
        """Why the model stopped, once it has, as the engine says: "stop", or "length" if cut."""
        return self._ending.reason

    def __next__(self) -> str:
        return next(self._parts)

    def close(self) -> None:
        """Take no more of it."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RemoteChat(ABC):
    """A chat model elsewhere; safe to use from any thread, each answer from one."""

    path: str
    """Where it is asked, below the base URL."""

    def __init__(self, name: str, api: JsonApi, *, limits: TryLimits) -> None:
        """Nothing is asked yet."""
        if not name.rpartition("/")[2].strip():
            raise InputError(f"{name!r} names no model; expected for example {name}llama3.2")
        self.name = name
        self._model = name.partition("/")[2]
        self._api = api
        self._limits = limits
        self._close = finalize(self, api.close)

    @abstractmethod
    def _body(self, messages: list[dict[str, str]]) -> dict[str, Any]:
        """Write the question."""

    @abstractmethod
    def _parts(self, lines: Iterator[bytes]) -> Iterator[Part]:
        """Read the answer. UnreadableError for what is none."""

    @abstractmethod
    def _unknown(self) -> ModelNotFoundError:
        """Word the error for a model that the engine does not have."""

    def stream(self, messages: Sequence[Message]) -> ReplyStream:
        """Return the answer in parts, as they come; `.end_reason` says then whether it was cut.

        Blocks between them. Raises InputError at once for what is no conversation; with the first
        part ModelNotFoundError, TextTooLongError if the engine refuses the conversation for its
        length, RemoteEngineError if it does not answer; with any part BrokenAnswerError if the
        answer is incomplete.
        """
        checked = checked_messages(messages)
        ending = _Ending()
        return ReplyStream(self._answer(checked, ending), ending)

    def close(self) -> None:
        """Close the connections; what is still asked for fails with EngineClosedError."""
        self._close()

    def _answer(self, messages: list[Message], ending: _Ending) -> Generator[str, None, None]:
        private = [message.content for message in messages]
        said: list[str] = []
        begun, chars = False, 0
        body = self._body([{"role": each.role, "content": each.content} for each in messages])
        pieces = self._api.stream(self.path, body, private=private)
        try:
            for part in self._parts(self._lines(pieces)):
                begun = True
                if part.failed:
                    how = "broke off with an error"
                    seen = [*private, "".join(said)]
                    raise self._api.failures.broken(how, remark=part.remark, private=seen)
                ending.reason = part.end_reason or ending.reason
                if text := without_surrogates(part.text)[: MAX_ANSWER_CHARS - chars]:
                    chars += len(text)
                    said.append(text)
                    yield text
                if chars == MAX_ANSWER_CHARS:
                    ending.reason = "length"
                    return
                if part.done:
                    return
        except UnreadableError as exc:
            failures = self._api.failures
            raise (failures.broken(str(exc)) if begun else failures.unreadable()) from exc
        except RefusedError as exc:
            raise self._explained(exc) from exc
        finally:
            pieces.close()
        if not begun:
            raise self._api.failures.unreadable()
        if ending.reason is None:
            raise self._api.failures.broken("stopped without saying that it was done")

    def _lines(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        until = monotonic() + MAX_ANSWER_S
        for line in split_lines(pieces, timeout_s=self._limits.timeout_s):
            if monotonic() > until:
                raise UnreadableError(f"was not done within {MAX_ANSWER_S:g} s")
            yield line

    def _explained(self, exc: RefusedError) -> SimileError:
        # A 404 without an error's envelope comes from something that has no such API.
        if exc.status == 404 and exc.remark is not None:
            return self._unknown()
        if exc.status == 400 and any(words in (exc.remark or "") for words in _TOO_LONG):
            return TextTooLongError(
                f"{self.name} at {self._api.url} refused the conversation for its length; give it"
                " less to read, or more room (context_tokens, where the engine is Ollama)"
            )
        return exc


_TOO_LONG = ("context length", "context size", "context window")
