from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simile.providers.streams import (
    MAX_LINE_BYTES,
    UnreadableError,
    events,
    read_object,
    split_lines,
    without_bom,
)

ENDS = [b"\n", b"\r\n", b"\r"]


def cut(text, places):
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(places)]


@given(
    st.lists(st.tuples(st.text("ab:é ").map(str.encode), st.sampled_from(ENDS))),
    st.text("ab:é "),
    st.lists(st.integers(0, 999)),
)
def test_lines_do_not_depend_on_the_pieces(lines, last, places):
    text = b"".join(line + end for line, end in lines)
    # An empty line between a CR and an LF is none.
    wanted = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]
    wanted += [last.encode()] if last else []
    assert list(split_lines(cut(text + last.encode(), places), timeout_s=9)) == wanted


def test_a_line_is_given_as_soon_as_its_end_is_there():
    given_so_far = []

    def pieces():
        for piece in (b"a", b"b\nc", b"d\r", b"\n", b"e\rf\n"):
            yield piece
            given_so_far.append(list(lines_now))
            lines_now.clear()

    lines_now: list[bytes] = []
    for line in split_lines(pieces(), timeout_s=9):
        lines_now.append(line)
    assert given_so_far == [[], [b"ab"], [], [b"cd"], [b"e", b"f"]]


@pytest.mark.parametrize("end", [b"", b"\n", b"\nmore"])
def test_a_line_has_a_largest_size(end):
    line = b"x" * MAX_LINE_BYTES
    assert next(split_lines([line + end], timeout_s=9)) == line
    for pieces in ([line + b"x" + end], [line, b"x", end]):
        with pytest.raises(UnreadableError, match="over 1,048,576 bytes"):
            list(split_lines(pieces, timeout_s=9))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"data: 1\n\ndata:2\n\n", [b"1", b"2"]),
        (b"data: {\ndata: }\n\n", [b"{\n}"]),
        (b"data: {\n: comment\nid: 7\ndata: }\n\n\n\n", [b"{\n}"]),
        (b"data: 1\ndata: [DONE]", [b"1", b"[DONE]"]),
        (b"data: half", [b"half"]),
        (b"data\n\ndata:\n\n", [b"", b""]),
        (b"event: x\n\n: y\n\ndatum: 1\n\n", []),
        (b"", []),
    ],
)
def test_events(text, wanted):
    assert list(events(split_lines([text], timeout_s=9))) == wanted


def test_only_the_first_line_has_a_byte_order_mark():
    assert list(without_bom([b"\xef\xbb\xbfa", b"\xef\xbb\xbfb"])) == [b"a", b"\xef\xbb\xbfb"]


def test_objects_may_hold_halves_of_pairs():
    assert read_object(b'{"a": "\\ud83d"}') == {"a": "\ud83d"}


@pytest.mark.parametrize("data", [b"", b"1", b"[]", b"{", b'{"a": "\xff"}', b"[" * 100_000])
def test_anything_else_is_no_object(data):
    with pytest.raises(UnreadableError) as caught:
        read_object(data)
    assert caught.value.__cause__ is None


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"data:", b"\n", b"\r\n", b"{}", b"[1"])))
def test_any_bytes_are_events_or_unreadable(pieces):
    for data in events(split_lines(pieces, timeout_s=60)):
        with suppress(UnreadableError):
            read_object(data)


def test_an_event_is_bounded_over_all_its_lines():
    line = b"data: " + b"x" * 100_000
    with pytest.raises(UnreadableError, match="an event of over"):
        list(events([line] * 100))


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"9" * 9_999 + b"}"]
)
def test_nesting_and_digits_without_end_are_unreadable_or_read(data):
    with suppress(UnreadableError):
        read_object(data)
