import json

from hypothesis import given
from hypothesis import strategies as st

from simile.texts import json_printable, printable


@given(st.text())
def test_what_is_printable_holds_no_control_but_tab_and_line_feed(text):
    shown = printable(text)
    assert all(char in "\t\n" or ord(char) not in range(32) for char in shown)
    assert not any(0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in shown)
    assert printable(shown) == shown


def test_what_reorders_or_hides_text_is_written_visibly():
    assert printable("a\x1b[31m\x9b\u202eb\udcff\ufeff") == (r"a\x1b[31m\x9b\u202eb\udcff\ufeff")


@given(st.text(st.characters(codec="utf-8")))
def test_escaped_json_is_the_same_value(text):
    line = json_printable(json.dumps(text, ensure_ascii=False).encode())
    assert json.loads(line) == text
    assert printable(line.decode()) == line.decode()
