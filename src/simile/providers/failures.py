"""Word what went wrong with a provider, and what to do about it.

Maps the HTTP library's errors and the statuses to ours. Neither credentials nor texts get into a
message: see remarks.py. Does not know sockets or retries.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simile.errors import BrokenAnswerError, RemoteEngineError
from simile.providers.remarks import hints_at, remark_of, retry_after_s, showable
from simile.providers.tries import RefusedError, TryLimits

if TYPE_CHECKING:
    import httpx2

_ADVICE = {429: "ask more slowly, or later", 503: "ask again later"}


class Failures:
    """The errors of one engine; each method gives one to be raised."""

    def __init__(self, who: str, *, hint: str, limits: TryLimits, secrets: Sequence[str]) -> None:
        """No remark that has a part of one of `secrets` is repeated."""
        self._who = who
        self._hint = hint
        self._limits = limits
        self._secrets = secrets

    def silence(self, exc: "httpx2.TransportError") -> RemoteEngineError:
        """No answer came, or not the whole of it."""
        import httpx2

        if isinstance(exc, httpx2.TimeoutException):
            limit = self._limits.timeout_s
            if isinstance(exc, httpx2.ConnectTimeout):
                limit = self._limits.connect_timeout_s
            return RemoteEngineError(f"{self._who} did not answer within {limit:g} s; {self._hint}")
        if isinstance(exc, httpx2.ConnectError):
            return RemoteEngineError(f"{self._who} cannot be reached ({exc}); {self._hint}")
        return RemoteEngineError(f"{self._who} broke off its answer; see its log, or try again")

    def interruption(self, exc: "httpx2.TransportError") -> BrokenAnswerError:
        """A stream of which parts came, and then no more."""
        import httpx2

        if isinstance(exc, httpx2.TimeoutException):
            return self.broken(f"said nothing more for {self._limits.timeout_s:g} s")
        return self.broken("broke off")

    def broken(
        self, how: str, *, remark: str | None = None, private: Sequence[str] = ()
    ) -> BrokenAnswerError:
        """An incomplete answer; repeats the provider's remark unless it quotes a `private` text."""
        said = f": {remark}" if remark and self._may_show(remark, private) else ""
        return BrokenAnswerError(
            f"{self._who} {how}{said}; its answer is incomplete, see its log or ask again"
        )

    def refusal(
        self, response: "httpx2.Response", body: bytes, private: Sequence[str]
    ) -> RefusedError:
        """An answer with another status than 200."""
        status, remark = response.status_code, remark_of(body)
        message = f"{self._who} answered {status}"
        if status in (401, 403):
            # These may quote the key.
            message += ", it wants another key"
        elif remark and self._may_show(remark, private):
            message += f": {remark}"
        advice = _ADVICE.get(status, self._hint if 300 <= status < 500 else "see its log")
        return RefusedError(
            f"{message}; {advice}",
            status=status,
            remark=remark,
            asked_s=retry_after_s(response.headers.get("retry-after")),
        )

    def no_json(self, size: int) -> RemoteEngineError:
        """An answer of `size` bytes that should be JSON."""
        return RemoteEngineError(
            f"{self._who} answered with {size:,} bytes that are not JSON; {self._hint}"
        )

    def unreadable(self) -> RemoteEngineError:
        """An answer that is of another kind than what was asked for."""
        return RemoteEngineError(
            f"{self._who} gave no answer that can be read; see its log, or {self._hint}"
        )

    def packed(self) -> RemoteEngineError:
        """A packed stream."""
        return RemoteEngineError(f"{self._who} packs its answer, although asked not to")

    def too_much(self, *, of_a_stream: bool = False) -> RemoteEngineError:
        """More than is read."""
        how = f"answered with over {self._limits.max_answer_bytes:,} bytes"
        return self.broken(how) if of_a_stream else RemoteEngineError(f"{self._who} {how}")

    def _may_show(self, remark: str, private: Sequence[str]) -> bool:
        return showable(remark, private) and not hints_at(remark, self._secrets)
