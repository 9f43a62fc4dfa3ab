"""An answer's head goes out with its first part; nothing else is held back or out of order."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from simile.server.http.joined import JoinedWrites

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Wire:
    """Keeps what was sent, packet by packet."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed, "nothing is written after the end"
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 7


async def send(*parts: bytes, turns: int = 0, close: bool = False) -> Wire:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())  # type: ignore[arg-type]
    for part in parts:
        joined.write(part)
        for _ in range(turns):
            await asyncio.sleep(0)
    if close:
        joined.close()
    await asyncio.sleep(0)
    assert joined.get_write_buffer_size() == 7, "the rest is the transport's own"
    return wire


def test_head_and_body_are_one_packet():
    assert asyncio.run(send(HEAD, b"body")).sent == [HEAD + b"body"]


def test_a_head_without_a_body_is_sent_all_the_same():
    assert asyncio.run(send(HEAD)).sent == [HEAD]
    closed = asyncio.run(send(HEAD, close=True))
    assert (closed.sent, closed.closed) == ([HEAD], True)


def test_a_head_does_not_wait_for_a_body_that_takes_its_time():
    assert asyncio.run(send(HEAD, b"late", turns=2)).sent == [HEAD, b"late"]


@given(
    parts=st.lists(st.sampled_from([HEAD, b"", b"a", b"HTTP/ in a body"])), turns=st.integers(0, 2)
)
def test_what_is_sent_is_what_was_written(parts, turns):
    assert b"".join(asyncio.run(send(*parts, turns=turns)).sent) == b"".join(parts)
