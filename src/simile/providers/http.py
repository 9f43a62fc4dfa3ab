"""Ask an HTTP API a question in JSON: again if it failed to answer, but neither for ever nor at
any size.

The answer comes whole, or as a stream. Knows the HTTP library, time and sizes; does not know what
is asked. What fails is worded in failures.py; what may pass is asked again as tries.py has it.
"""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from simile.address import is_loopback
from simile.errors import EngineClosedError
from simile.providers.address import check_key, split_address, without_credentials
from simile.providers.failures import Failures
from simile.providers.tries import Tries, TryLimits

if TYPE_CHECKING:
    import httpx2


class JsonApi:
    """An API at a base URL; may be used from several threads."""

    def __init__(
        self,
        engine: str,
        base_url: str,
        *,
        hint: str,
        api_key: str | None = None,
        limits: TryLimits | None = None,
    ) -> None:
        """Make ready, without a word to the engine; `hint` says what to do if it does not answer.

        Raises ConfigError for what is no such URL, and for a key that no header can carry.
        """
        import httpx2

        parts = split_address(base_url, engine)
        check_key(api_key, engine)
        self.url = without_credentials(parts)
        """The base URL without credentials."""
        self._limits = limits or TryLimits()
        self.failures = Failures(
            f"{engine} at {self.url}",
            hint=hint,
            limits=self._limits,
            secrets=[unquote(secret) for secret in (api_key, parts.password) if secret],
        )
        """Makes errors for what else is wrong with an answer."""
        self._closed = Event()
        nearby = is_loopback(parts.hostname or "")
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

    def stream(
        self, path: str, body: dict[str, Any], *, private: Sequence[str] = ()
    ) -> Generator[bytes, None, None]:
        """Send JSON when first asked for bytes, and give the answer's as they come.

        Blocks between them; closing it closes the connection. Raises as post, and BrokenAnswerError
        if the answer breaks off: once bytes have come, and after silence, nothing is asked again.
        """
        import httpx2

        content, tries = orjson.dumps(body), Tries(self._limits, self._closed)
        begun = False
        while True:
            try:
                with self._exchange("POST", path, content, unpacked=True) as response:
                    if response.status_code == 200:
                        for piece in self._bounded(response):
                            begun = True
                            yield piece
                        return
                    failure = self.failures.refusal(response, self._read(response), private)
            except httpx2.TransportError as exc:
                self._refuse_if_closed()
                if begun:
                    raise self.failures.interruption(exc) from exc
                if isinstance(exc, httpx2.ReadTimeout):
                    # It is at work on the question; the same again would only double that.
                    raise self.failures.silence(exc) from exc
                tries.wait_after(self.failures.silence(exc), exc)
            else:
                tries.wait_after(failure)

    def close(self) -> None:
        """Close the connections; who waits for another try gets EngineClosedError."""
        self._closed.set()
        self._client.close()

    def _ask(self, method: str, path: str, content: bytes | None, private: Sequence[str]) -> Any:
        import httpx2

        tries = Tries(self._limits, self._closed)
        while True:
            try:
                with self._exchange(method, path, content) as response:
                    body = self._read(response)
            except httpx2.TransportError as exc:
                self._refuse_if_closed()
                tries.wait_after(self.failures.silence(exc), exc)
            else:
                if response.status_code == 200:
                    return self._parsed(body)
                tries.wait_after(self.failures.refusal(response, body, private))

    @contextmanager
    def _exchange(
        self, method: str, path: str, content: bytes | None, *, unpacked: bool = False
    ) -> "Iterator[httpx2.Response]":
        """Ask once. Raises httpx2.TransportError, which another try may mend."""
        import httpx2

        self._refuse_if_closed()
        headers = {"Content-Type": "application/json"} if content is not None else {}
        if unpacked:
            headers["Accept-Encoding"] = "identity"
        url = f"{self.url}{path}"
        try:
            with self._client.stream(method, url, content=content, headers=headers) as response:
                yield response
        except (httpx2.DecodingError, httpx2.InvalidURL, httpx2.StreamError) as exc:
            self._refuse_if_closed()
            raise self.failures.unreadable() from exc
        except RuntimeError as exc:  # What the client raises once it is closed.
            self._refuse_if_closed()
            raise exc

    def _read(self, response: "httpx2.Response") -> bytes:
        """Read an answer to its end, up to the limits."""
        import httpx2

        until = monotonic() + self._limits.timeout_s
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > self._limits.max_answer_bytes:
                raise self.failures.too_much()
            if monotonic() > until:
                raise httpx2.ReadTimeout("the answer trickles")
        return bytes(body)

    def _bounded(self, response: "httpx2.Response") -> Iterator[bytes]:
        """Give the bytes as they come, up to the limit; never unpacked, which may take any size."""
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise self.failures.packed()
        for piece in response.iter_raw():
            if response.num_bytes_downloaded > self._limits.max_answer_bytes:
                raise self.failures.too_much(of_a_stream=True)
            yield piece

    def _refuse_if_closed(self) -> None:
        if self._closed.is_set():
            raise EngineClosedError("this model was closed; make another")

    def _parsed(self, body: bytes) -> Any:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
        try:
            return json.loads(body)  # Reads NaN and Infinity, which some engines write.
        except (ValueError, RecursionError) as exc:
            raise self.failures.no_json(len(body)) from exc
