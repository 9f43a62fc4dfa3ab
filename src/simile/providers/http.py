"""Ask an HTTP API a question in JSON: again if it failed to answer, but neither for ever nor at
any size.

Knows retries, time and sizes; does not know what is asked. The one place that maps the HTTP
library's errors. Credentials and texts never get into messages: see remarks.py.
"""

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import orjson

from simile.errors import ConfigError, EngineClosedError, RemoteEngineError
from simile.providers.remarks import remark_of, retry_after_s, showable

if TYPE_CHECKING:
    import httpx2

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that another try may mend."""


@dataclass(frozen=True)
class Limits:
    """How long an engine is waited for, how often it is asked, how much it may say."""

    timeout_s: float = 120.0
    """For one whole answer; an engine may have to load a model first."""
    connect_timeout_s: float = 10.0
    tries: int = 3
    first_wait_s: float = 0.5
    """Between the first two tries; doubles each time, and is longer if the engine says so."""
    longest_wait_s: float = 30.0
    """An engine that asks for more than this is not waited for."""
    max_answer_bytes: int = 64 * 2**20
    """Unpacked."""


class RefusedError(RemoteEngineError):
    """The engine answered with an error."""

    def __init__(self, message: str, *, status: int, remark: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.remark = remark
        """What it said, None if not in the envelope of Ollama or OpenAI; may quote the texts."""


class JsonApi:
    """An API at a base URL; may be used from several threads."""

    def __init__(
        self,
        engine: str,
        base_url: str,
        *,
        hint: str,
        api_key: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Make ready, without a word to the engine; `hint` says what to do if it does not answer.

        Raises ConfigError for what is no such URL, and for a key that no header can carry.
        """
        import httpx2

        parts = _address(base_url, engine)
        host = parts.hostname or ""
        if api_key is not None and not _is_header(api_key):
            raise ConfigError(f"the API key for {engine} has characters that no header can carry")
        netloc = f"[{host}]" if ":" in host else host
        netloc += f":{parts.port}" if parts.port else ""
        self.url = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
        """The base URL without credentials."""
        self._who = f"{engine} at {self.url}"
        self._hint = hint
        self._limits = limits or Limits()
        self._closed = Event()
        nearby = _is_loopback(host)
        self._client = httpx2.Client(
            auth=(unquote(parts.username), unquote(parts.password or ""))
            if parts.username
            else None,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
            timeout=httpx2.Timeout(self._limits.timeout_s, connect=self._limits.connect_timeout_s),
            # Plain HTTP on the loopback needs no certificates, which take a tenth of a second to
            # load, and no proxy, which could not reach it. No redirect is followed: texts go
            # nowhere else.
            verify=parts.scheme == "https" or not nearby,
            trust_env=not nearby,
        )

    def get(self, path: str) -> Any:
        """Read what is at a path below the base URL; as post."""
        return self._ask("GET", path, None, ())

    def post(self, path: str, body: dict[str, Any], *, private: list[str] | None = None) -> Any:
        """Send JSON, and give what the answer's JSON holds. Blocks.

        Raises RefusedError if the engine answers with an error, RemoteEngineError if it does not
        answer or not in JSON, EngineClosedError after close. None of `private` gets into these.
        """
        return self._ask("POST", path, orjson.dumps(body), private or ())

    def close(self) -> None:
        """Close the connections; who waits for another try gets EngineClosedError."""
        self._closed.set()
        self._client.close()

    def _ask(self, method: str, path: str, content: bytes | None, private: Sequence[str]) -> Any:
        import httpx2

        wait_s = self._limits.first_wait_s
        for left in reversed(range(self._limits.tries)):
            self._refuse_if_closed()
            asked_s = 0.0
            try:
                response, body = self._send(method, path, content)
            except httpx2.TransportError as exc:
                self._refuse_if_closed()
                failure: RemoteEngineError = self._silence(exc)
                failure.__cause__ = exc
            else:
                if response.status_code == 200:
                    return self._parsed(body)
                failure = self._refusal(response.status_code, body, private)
                if response.status_code not in RETRIED:
                    raise failure
                asked_s = retry_after_s(response.headers.get("retry-after"))
            wait_s, waited_s = wait_s * 2, max(wait_s, asked_s)
            if not left or waited_s > self._limits.longest_wait_s:
                raise failure
            self._closed.wait(waited_s)
        raise AssertionError("a try either answers or fails")

    def _send(
        self, method: str, path: str, content: bytes | None
    ) -> "tuple[httpx2.Response, bytes]":
        """Ask once, and read the answer up to the limit. Raises httpx2.TransportError."""
        import httpx2

        until = monotonic() + self._limits.timeout_s
        headers = {"Content-Type": "application/json"} if content is not None else None
        url = f"{self.url}{path}"
        body = bytearray()
        try:
            with self._client.stream(method, url, content=content, headers=headers) as response:
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > self._limits.max_answer_bytes:
                        size = self._limits.max_answer_bytes
                        raise RemoteEngineError(f"{self._who} answered with over {size:,} bytes")
                    if monotonic() > until:
                        raise httpx2.ReadTimeout("the answer trickles")
                return response, bytes(body)
        except (httpx2.DecodingError, httpx2.InvalidURL, httpx2.StreamError) as exc:
            raise RemoteEngineError(f"{self._who} gave no answer that can be read") from exc
        except RuntimeError as exc:  # What the client raises once it is closed.
            self._refuse_if_closed()
            raise exc

    def _refuse_if_closed(self) -> None:
        if self._closed.is_set():
            raise EngineClosedError("the embedder was closed; make another")

    def _parsed(self, body: bytes) -> Any:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
        try:
            return json.loads(body)  # Reads NaN and Infinity, which some engines write.
        except (ValueError, RecursionError) as exc:
            raise RemoteEngineError(
                f"{self._who} answered with {len(body):,} bytes that are not JSON; {self._hint}"
            ) from exc

    def _silence(self, exc: "httpx2.TransportError") -> RemoteEngineError:
        import httpx2

        if isinstance(exc, httpx2.TimeoutException):
            limit = self._limits.timeout_s
            if isinstance(exc, httpx2.ConnectTimeout):
                limit = self._limits.connect_timeout_s
            return RemoteEngineError(f"{self._who} did not answer within {limit:g} s; {self._hint}")
        if isinstance(exc, httpx2.ConnectError):
            return RemoteEngineError(f"{self._who} cannot be reached ({exc}); {self._hint}")
        return RemoteEngineError(f"{self._who} broke off its answer; see its log, or try again")

    def _refusal(self, status: int, body: bytes, private: Sequence[str]) -> RefusedError:
        remark = remark_of(body)
        message = f"{self._who} answered {status}"
        if status in (401, 403):
            # These may quote the key.
            message += ", it wants another key"
        elif remark and showable(remark, private):
            message += f": {remark}"
        advice = _ADVICE.get(status, self._hint if 300 <= status < 500 else "see its log")
        return RefusedError(f"{message}; {advice}", status=status, remark=remark)


_ADVICE = {429: "ask more slowly, or later", 503: "ask again later"}


def _address(base_url: str, engine: str) -> SplitResult:
    """Take a URL apart; ConfigError, which does not repeat it: it may hold a password."""
    try:
        parts = urlsplit(base_url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # A port or a bracket that is none.
    raise ConfigError(f"the address of {engine} cannot be used; expected http://HOST:PORT/PATH")


def _is_header(value: str) -> bool:
    return value.isascii() and value.isprintable() and value == value.strip()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
