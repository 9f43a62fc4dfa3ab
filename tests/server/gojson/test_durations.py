import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simile.server.errors import BodyError
from simile.server.gojson.durations import duration_ns, keep_alive_s


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        (300, 300),
        (1.5, 1.5),
        (-1, math.inf),
        (-0.001, math.inf),
        (10**30, math.inf),
        ("0", 0),
        ("-0", 0),
        ("10m", 600),
        ("1h30m", 5400),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("5.s", 5),
        ("+5s", 5),
        ("300ms", 0.3),
        ("7us", 7e-6),
        ("7µs", 7e-6),
        ("7μs", 7e-6),
        ("9ns", 9e-9),
        ("-1m", math.inf),
        ("-1s", math.inf),
        ("-2562047h", math.inf),
        ("2562047h47m16.854775807s", 9223372036.854775807),
    ],
)
def test_numbers_and_go_durations_are_seconds(value, seconds):
    assert keep_alive_s(value) == seconds


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("-1", 'time: missing unit in duration "-1"'),
        ("300", 'time: missing unit in duration "300"'),
        ("1m30", 'time: missing unit in duration "1m30"'),
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("abc", 'time: invalid duration "abc"'),
        (".s", 'time: invalid duration ".s"'),
        ("1s.", 'time: invalid duration "1s."'),
        ("- 1s", 'time: invalid duration "- 1s"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1h 5m", 'time: unknown unit "h " in duration "1h 5m"'),
        ('1"', 'time: unknown unit "\\"" in duration "1\\""'),
        ("1é", 'time: unknown unit "\\xc3\\xa9" in duration "1\\xc3\\xa9"'),
        ("2562047h47m16.854775808s", 'time: invalid duration "2562047h47m16.854775808s"'),
        ("9" * 5000 + "s", f'time: invalid duration "{"9" * 5000}s"'),
        (True, "Unsupported type: 'bool'"),
        ([], "Unsupported type: '[]interface {}'"),
        ({}, "Unsupported type: 'map[string]interface {}'"),
    ],
)
def test_anything_else_is_refused_in_the_words_of_go(value, message):
    with pytest.raises(BodyError) as caught:
        keep_alive_s(value)
    assert str(caught.value) == message


@given(st.integers(0, 2**40), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_parts_add_up(hours, minutes, seconds, millis):
    hours %= 2_000_000
    expected = ((hours * 60 + minutes) * 60 + seconds) * 10**9 + millis * 10**6
    assert duration_ns(f"{hours}h{minutes}m{seconds}s{millis}ms") == expected
    assert duration_ns(f"-{hours}h{minutes}m{seconds}s{millis}ms") == -expected


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        assert keep_alive_s(text) >= 0
    except BodyError as exc:
        assert str(exc).startswith("time: ")
