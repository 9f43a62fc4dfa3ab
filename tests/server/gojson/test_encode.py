import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from simile.server.gojson.encode import json_numbers, json_time, json_value

FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
FLOAT64 = st.floats(allow_nan=False, allow_infinity=False)
EDGES = [1e-6, 9.99999e-7, 1e-5, 1.5e-5, 1e20, 1e21, 9.99e20, 1e13, 1e14, 1e15, 1e16, 1e17]
EDGES += [0.0, -0.0, 1.0, -1.0, 100.0, 5e-324, 1e-45, 123456789.0, 1 / 3, 10.05]


def go_float(value: Any) -> str:
    """What strconv.FormatFloat and encoding/json write; value is a NumPy scalar."""
    shortest = Decimal(np.format_float_scientific(value, unique=True, trim="-"))
    if value == 0 or 1e-6 <= abs(value) < 1e21 or abs(value) == type(value)(1e-6):
        return f"{shortest:f}"
    digits, _, exponent = f"{shortest:e}".partition("e")
    return f"{digits}e{int(exponent):+d}"


@given(arrays.arrays(np.float32, st.integers(1, 20), elements=FLOAT32))
def test_float32_is_written_as_go_writes_it_and_reads_back(values):
    text = json_numbers(values).decode()
    assert text == f"[{','.join(map(go_float, values))}]"
    assert np.array_equal(np.array(json.loads(text), np.float32), values)


@given(arrays.arrays(np.float64, st.integers(1, 20), elements=FLOAT64))
def test_float64_is_written_as_go_writes_it_and_reads_back(values):
    text = json_numbers(values).decode()
    assert text == f"[{','.join(map(go_float, values))}]"
    assert np.array_equal(np.array(json.loads(text), np.float64), values)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edges_of_the_forms(dtype):
    with np.errstate(all="ignore"):
        values = np.array(EDGES).astype(dtype)
    for value in values:
        assert json_numbers(value[None]).decode() == f"[{go_float(value)}]"


def test_published_examples_of_float_text():
    values = np.array([-7.227309e-33, -1.430923e-8, 0.010071029, 1], np.float32)
    assert json_numbers(values) == b"[-7.227309e-33,-1.430923e-8,0.010071029,1]"
    widened = np.array([0.06642947], np.float32).astype(np.float64)
    assert json_numbers(widened) == b"[0.06642947345972061]"


def test_rows_are_nested_and_need_not_be_contiguous():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)[:, :2]
    assert json_numbers(values) == b"[[0,1],[3,4]]"


@given(st.text())
def test_strings_read_back(text):
    assert json.loads(json_value(text)) == text


def test_strings_are_escaped_as_go_does():
    assert json_value('<"x">&\u2028\u2029é\n\x00').decode() == (
        r'''"\u003c\"x\"\u003e\u0026\u2028\u2029é\n\u0000"'''
    )


def test_times_have_nanosecond_form_and_the_local_offset():
    moment = datetime(2026, 5, 4, 3, 2, 1, 120_000, tzinfo=timezone(timedelta(hours=5)))
    text = json_time(moment)
    assert ".12" in text and ".120" not in text
    assert datetime.fromisoformat(text) == moment
    whole = json_time(datetime(2026, 5, 4, tzinfo=UTC))
    assert "." not in whole
    assert datetime.fromisoformat(whole) == datetime(2026, 5, 4, tzinfo=UTC)
