"""A body's values are weighed outside its strings, whatever stands in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simile.server.errors import BodyError
from simile.server.gojson.decode import LIGHT_BYTES, decode
from simile.server.gojson.weight import MAX_WEIGHT, weight_of

WEIGHTS = {",": 1, "[": 4, "{": 4, ":": 8}
TEXTS = st.text(alphabet='\\",[{:a\n\u20ac', max_size=12)
VALUES = st.recursive(
    st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


def weighed_by_hand(value: object) -> int:
    inner = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inner, list):
        return 0
    commas, colons = max(0, len(inner) - 1), len(inner) if isinstance(value, dict) else 0
    return 4 + commas + 8 * colons + sum(map(weighed_by_hand, inner))


@given(value=VALUES, block_bytes=st.integers(1, 9))
def test_only_what_stands_outside_strings_weighs(value, block_bytes):
    assert weight_of(json.dumps(value).encode(), block_bytes=block_bytes) == weighed_by_hand(value)


def test_megabytes_of_text_weigh_nothing():
    assert weight_of(json.dumps({"a": ',[{:\\"' * 2**18}).encode()) == 12


@pytest.mark.parametrize("item", ["[],", "{},", '{"a":1},', "1,", '"",', "[[[]]],"])
def test_too_many_values_are_refused_before_they_are_parsed(item):
    body = f"[{item * MAX_WEIGHT}1]".encode()
    with pytest.raises(BodyError, match="too many values"):
        decode(body)


MALFORMED = (b"[" + b"1," * 2**18 + b"x]", b'{"a":"' + b"\\ud800" * 2**16, b'"' + b"a" * 2**19)


@pytest.mark.parametrize("body", MALFORMED, ids=["array", "escapes", "unclosed"])
def test_large_malformed_bodies_are_refused_without_a_second_look(body):
    assert len(body) > LIGHT_BYTES
    with pytest.raises(BodyError, match="the body is not JSON"):
        decode(body)
