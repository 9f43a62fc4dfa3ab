from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from simile.providers.remarks import remark_of, retry_after_s, showable


@pytest.mark.parametrize(
    ("body", "remark"),
    [
        (b'{"error": "no"}', "no"),
        (b'{"error": {"message": "no", "type": "x"}}', "no"),
        (b'{"error": {"type": "x"}}', None),
        (b'{"error": 1}', None),
        (b'"no"', None),
        (b"no", None),
        (b"", None),
    ],
)
def test_remark_is_found_in_both_envelopes(body, remark):
    assert remark_of(body) == remark


@pytest.mark.parametrize(
    ("remark", "private", "shown"),
    [
        ("model requires more system memory (5.6 GiB)", ["the sky is blue"], True),
        ("cannot read 'the sky is blue'", ["the sky is blue"], False),
        ("cannot read 'THE SKY IS'", ["see how the sky is blue"], False),
        ("cannot read the sk...", ["the sky is blue"], True),
        ("cannot read 'cat'", ["cat"], False),
        ("cannot read it", ["", " "], True),
        ("cannot read 'd\\u00e9j\\u00e0'", ["déjà"], False),
        ("two\nlines", [], False),
        ("x" * 301, [], False),
    ],
)
def test_a_remark_is_shown_unless_it_quotes_a_text(remark, private, shown):
    assert showable(remark, private) is shown


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, 0), ("2", 2), ("0.5", 0.5), ("-1", 0), ("nan", 0), ("soon", 0), ("", 0)],
)
def test_retry_after_in_seconds(value, seconds):
    assert retry_after_s(value) == seconds


def test_retry_after_as_a_date():
    now = datetime.now(UTC)
    assert retry_after_s(format_datetime(now - timedelta(hours=1), usegmt=True)) == 0
    assert 3500 < retry_after_s(format_datetime(now + timedelta(hours=1), usegmt=True)) <= 3600
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 -0000") == 0
