from collections.abc import Mapping
from typing import Any

import pytest

from simile.server.errors import BodyError
from simile.server.gojson.fields import ANY, BOOL, INT, MAP, STRING, Kind, read_fields

KINDS: dict[str, Kind] = {
    "model": STRING,
    "input": ANY,
    "truncate": BOOL,
    "dimensions": INT,
    "options": MAP,
}


def read(value: object, kinds: Mapping[str, Kind] = KINDS) -> dict[str, Any]:
    return read_fields(value, "api.EmbedRequest", kinds)


def test_fields_of_the_right_type_are_taken_and_unknown_ones_passed_over():
    body = {"model": "m", "input": [1], "truncate": False, "dimensions": -3, "options": {}, "x": 1}
    assert read(body) == {key: value for key, value in body.items() if key != "x"}


def test_names_match_in_any_case_and_the_last_one_counts():
    assert read({"model": "a", "MODEL": "b", "Input": 1, "oPtIoNs": {}}) == {
        "model": "b",
        "input": 1,
        "options": {},
    }


def test_a_whole_float_is_an_integer():
    assert read({"dimensions": 3.0}) == {"dimensions": 3}


def test_null_is_absent():
    assert read({"model": None, "truncate": None}) == {}
    assert read(None) == {}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"model": 1}, "number into Go struct field EmbedRequest.model of type string"),
        ({"MODEL": 1.5}, "number into Go struct field EmbedRequest.model of type string"),
        ({"model": True}, "bool into Go struct field EmbedRequest.model of type string"),
        ({"model": []}, "array into Go struct field EmbedRequest.model of type string"),
        ({"model": {}}, "object into Go struct field EmbedRequest.model of type string"),
        ({"truncate": "x"}, "string into Go struct field EmbedRequest.truncate of type bool"),
        ({"truncate": 0}, "number into Go struct field EmbedRequest.truncate of type bool"),
        (
            {"dimensions": 3.5},
            "number 3.5 into Go struct field EmbedRequest.dimensions of type int",
        ),
        (
            {"dimensions": 2**63},
            f"number {2**63} into Go struct field EmbedRequest.dimensions of type int",
        ),
        (
            {"dimensions": -(2.0**63)},
            f"number {-(2.0**63)} into Go struct field EmbedRequest.dimensions of type int",
        ),
        ({"dimensions": True}, "bool into Go struct field EmbedRequest.dimensions of type int"),
        (
            {"options": []},
            "array into Go struct field EmbedRequest.options of type map[string]interface {}",
        ),
        (
            {"truncate": 1, "model": 1},
            "number into Go struct field EmbedRequest.truncate of type bool",
        ),
        ([], "array into Go value of type api.EmbedRequest"),
        ("x", "string into Go value of type api.EmbedRequest"),
        (1, "number into Go value of type api.EmbedRequest"),
    ],
)
def test_a_wrong_type_is_refused_in_the_words_of_go(body, message):
    with pytest.raises(BodyError) as caught:
        read(body)
    assert str(caught.value) == f"json: cannot unmarshal {message}"


def test_a_converter_is_asked_and_its_error_wins():
    def refuse(value):
        raise BodyError(f"no {value}")

    assert read({"n": 2}, {"n": lambda value: [value]}) == {"n": [2]}
    with pytest.raises(BodyError, match=r"^no 2$"):
        read({"model": 1, "n": 2}, KINDS | {"n": refuse})
