"""Bound the heads of requests, and refuse those that proxies and servers could read differently.

httptools bounds nothing: it keeps a head of any length, takes HTTP/1.1 without `Host` (RFC 9112,
section 3.2), and tells trailers like headers. h11 does all of this itself.
"""

from typing import Any

MAX_HEAD_BYTES = 65_536
"""The request line and all headers."""
MAX_HEADERS = 200


class BoundedHeads:
    """A part of uvicorn's httptools protocol: what it is told while it reads a head."""

    parser: Any
    headers: list[tuple[bytes, bytes]]
    url: bytes
    transport: Any
    _is_whole = False
    """Whether the head has been read; until the next message what follows belongs to the body."""
    _fed_bytes = 0
    """Of a head that is not whole yet."""
    _status = b"400 Bad Request"

    def data_received(self, data: bytes) -> None:
        """Read on; give up on a head that is too long before it is whole."""
        super().data_received(data)  # type: ignore[misc]
        if not self._is_whole:
            self._fed_bytes += len(data)
            if self._fed_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._status = _TOO_LARGE
                self.send_400_response("The request's head is too large.")

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._is_whole, self._fed_bytes = False, 0
        super().on_message_begin()  # type: ignore[misc]

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; leave a trailer out."""
        if not self._is_whole:
            super().on_header(name, value)  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        """Check the whole head; an error here is answered with 400, or 431."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._status = _TOO_LARGE
            raise ValueError("the head is too large")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError("expected one Host header")
        self._is_whole = True
        super().on_headers_complete()  # type: ignore[misc]

    def send_400_response(self, msg: str) -> None:
        """Refuse in plain text, since no route is known, and close."""
        head = b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
        text = msg.encode()
        self.transport.write(head % (self._status, len(text)) + b"connection: close\r\n\r\n" + text)
        self.transport.close()


_TOO_LARGE = b"431 Request Header Fields Too Large"
