import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simile.server.errors import BodyError, EmptyBodyError
from simile.server.gojson.decode import decode
from simile.server.gojson.scanner import MAX_DEPTH, end_of_value

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_what_json_writes_is_read_back(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )
    assert decode(text) == value


@given(VALUES, st.binary(max_size=8))
def test_the_first_value_counts_and_the_rest_does_not(value, rest):
    text = json.dumps(value).encode()
    # A number goes on with digits: end it.
    assert decode(text + b" " + rest) == value
    assert end_of_value(text + b" " + rest) == len(text)


@given(VALUES, st.data())
def test_a_value_cut_short_is_an_unexpected_end(value, data):
    text = json.dumps([value]).encode()
    cut = data.draw(st.integers(1, len(text) - 1))
    with pytest.raises(BodyError, match=r"^unexpected EOF$"):
        decode(text[:cut])


JSON_LIKE = st.text('{}[]",:\\u0123eE+-. truefalsn\n', max_size=30).map(str.encode)


@given(st.binary(max_size=40) | JSON_LIKE)
def test_any_bytes_are_read_or_refused_as_json_does(inner):
    body = b"[" + inner + b"]"
    text = body.decode("utf-8", "replace")
    try:
        expected, _ = json.JSONDecoder(parse_constant=_refuse).raw_decode(text)
    except ValueError:
        with pytest.raises(BodyError):
            decode(body)
    else:
        # By design the two differ in what is no character, and in numbers beyond float64.
        if not any(mark in text.lower() for mark in ("\ufffd", "\\ud", "e")):
            assert decode(body) == expected


def _refuse(name):
    raise ValueError(name)


@pytest.mark.parametrize("body", [b"", b" \n\t\r "])
def test_no_body_is_its_own_error(body):
    with pytest.raises(EmptyBodyError):
        decode(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"hello", "invalid character 'h' looking for beginning of value"),
        (b"{hello}", "invalid character 'h' looking for beginning of object key string"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b"[1,]", "invalid character ']' looking for beginning of value"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b"[tru]", "invalid character ']' in literal true (expecting 'e')"),
        (b"[faLse]", "invalid character 'L' in literal false (expecting 'l')"),
        (b"nil", "invalid character 'i' in literal null (expecting 'u')"),
        (b"[-]", "invalid character ']' in numeric literal"),
        (b"[01]", "invalid character '1' after array element"),
        (b"[1.]", "invalid character ']' after decimal point in numeric literal"),
        (b"[1.e5]", "invalid character 'e' after decimal point in numeric literal"),
        (b"[1e+]", "invalid character ']' in exponent of numeric literal"),
        (b"[.5]", "invalid character '.' looking for beginning of value"),
        (b'"a\nb"', "invalid character '\\n' in string literal"),
        (b'"a\x01"', "invalid character '\\x01' in string literal"),
        (b'"\\x"', "invalid character 'x' in string escape code"),
        (b'"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"),
        (b"{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
        (b"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value"),
        (b"\x80", "invalid character '\\u0080' looking for beginning of value"),
        (b"[NaN]", "invalid character 'N' looking for beginning of value"),
        (b"[Infinity]", "invalid character 'I' looking for beginning of value"),
        (b"[-Infinity]", "invalid character 'I' in numeric literal"),
        (b"[1e999]", "json: cannot unmarshal number into Go value of type float64"),
        (b'{"a":', "unexpected EOF"),
        (b'{"a', "unexpected EOF"),
        (b'"\\', "unexpected EOF"),
        (b'"\\u1', "unexpected EOF"),
        (b"-", "unexpected EOF"),
        (b"1.", "unexpected EOF"),
        (b"[tr", "unexpected EOF"),
    ],
)
def test_errors_have_the_words_of_go(body, message):
    with pytest.raises(BodyError) as caught:
        decode(body)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'"a\xffb"', "a\ufffdb"),
        (b'"\xe2\x82"', "\ufffd\ufffd"),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
        (rb'"\ud800"', "\ufffd"),
        (rb'"\uDC00x"', "\ufffdx"),
        (rb'"\ud800\u0041"', "\ufffdA"),
        (rb'"\ud800\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\\ud800 \ud800"', "\\ud800 \ufffd"),
        (rb'"\u0000"', "\0"),
    ],
)
def test_what_is_no_character_is_replaced(body, text):
    assert decode(body) == text


@pytest.mark.parametrize("body", [b"[" * 10**6, b'{"a":' * 10**6, b"[" * 2000 + b"]" * 2000])
def test_deep_nesting_is_refused(body):
    with pytest.raises(BodyError, match=r"exceeded max depth|too many values"):
        decode(body)


def test_nesting_up_to_the_limit_is_read():
    assert decode(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"x")
