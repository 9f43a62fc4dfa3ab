"""A record is one line, whatever a client put into it."""

import logging

import orjson
import pytest

from simile.server.http.logs import JsonFormatter, TextFormatter

HOSTILE = 'model "x\nerror: forged\x1b[2J\x9b\u202e" not found'


@pytest.fixture
def record():
    return logging.LogRecord("simile", logging.WARNING, "", 1, "%s", (HOSTILE,), None)


def test_a_message_cannot_begin_a_line_or_hold_control_characters(record):
    line = TextFormatter().format(record)
    assert line == r'model "x\nerror: forged\x1b[2J\x9b\u202e" not found'


def test_a_json_line_has_no_control_characters_and_the_same_message(record):
    line = JsonFormatter().format(record)
    assert line.isprintable() and orjson.loads(line)["message"] == HOSTILE


def test_a_traceback_follows_its_message(record):
    try:
        raise ValueError("\x1b[2J")
    except ValueError as exc:
        record.exc_info = (ValueError, exc, exc.__traceback__)
    line, *trace = TextFormatter().format(record).split("\n")
    assert line.endswith("not found") and trace[-1] == r"ValueError: \x1b[2J"
