"""Turn log records into lines: JSON objects with the id of their request, or text.

What a client sends is part of some messages, and can neither begin a line nor reach the terminal
raw. Knows Python's logging; does not know what is logged.
"""

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

import orjson

from simile.texts import json_printable, printable

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")


class JsonFormatter(logging.Formatter):
    """Writes a record, its `fields` if it has any, and its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """One line: time, level, logger, message, request_id and more."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json_printable(orjson.dumps(line, default=str)).decode()


class TextFormatter(logging.Formatter):
    """Writes a message on one line, and its traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """The message, control characters and line feeds escaped."""
        line = printable(record.getMessage()).replace("\n", "\\n")
        trace = f"\n{printable(self.formatException(record.exc_info))}" if record.exc_info else ""
        return line + trace


def log_text() -> None:
    """Log warnings on stderr from now on."""
    _log(TextFormatter())


def log_json() -> None:
    """Log in JSON on stderr from now on: every request, and what goes wrong."""
    _log(JsonFormatter())
    logging.getLogger("simile").setLevel(logging.INFO)


def _log(formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
