"""Limit what of a request is not its body: request line, headers, framing of chunks, trailers.

httptools has no limits of its own, and uvicorn takes trailers for headers. What exceeds a limit,
and a request that does not name one host (RFC 9112, section 3.2), ends the connection.
"""

from typing import Any

MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 200
_FRAMING_PER_BODY_BYTE = 16
"""A chunk of one byte is framed by five; what is more counts as a head does."""
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 28\r\nconnection: close\r\n\r\nthe head is over 65536 bytes"
)


class HeadLimits:
    """Stands before uvicorn's protocol over httptools."""

    transport: Any
    parser: Any
    cycle: Any
    headers: list[tuple[bytes, bytes]]
    _reads_head = True
    _overhead_bytes = 0
    """Bytes since the request began that are no body."""

    def data_received(self, data: bytes) -> None:
        """Feed the parser, 64 KiB at a time, and count."""
        for start in range(0, len(data), MAX_HEAD_BYTES):
            piece = data[start : start + MAX_HEAD_BYTES]
            self._overhead_bytes += len(piece)
            super().data_received(piece)  # type: ignore[misc]
            if self._overhead_bytes > MAX_HEAD_BYTES:
                self._refuse()
            if self.transport.is_closing():
                return

    def on_message_begin(self) -> None:
        """Begin to count anew."""
        self._reads_head, self._overhead_bytes = True, 0
        super().on_message_begin()  # type: ignore[misc]

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, and let a trailer fall."""
        if not self._reads_head:
            return  # A trailer.
        if len(self.headers) == MAX_HEADERS:
            raise ValueError("too many headers")
        super().on_header(name, value)  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        """Refuse a head that does not name one host."""
        self._reads_head = False
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError("expected one Host")
        super().on_headers_complete()  # type: ignore[misc]

    def on_body(self, body: bytes) -> None:
        """Take off what was no overhead."""
        credit = _FRAMING_PER_BODY_BYTE * len(body)
        self._overhead_bytes = max(0, self._overhead_bytes - credit)
        super().on_body(body)  # type: ignore[misc]

    def _refuse(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_REFUSAL)
            self.transport.close()
        else:
            self.transport.abort()
