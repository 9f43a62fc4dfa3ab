import hashlib
import os
import stat

import pytest

from simile.errors import ConfigError
from simile.server.http.keys import Caller, Keys, seen_by_others

KEY = "a-key-of-alices-own"
OTHER = "another-key-0123456"
DIGEST = hashlib.sha256(OTHER.encode()).hexdigest()
FILE = f"""
[[keys]]
name = "alice"
key = "{KEY}"
principals = ["user:alice", "group:eng"]

[[keys]]
name = "search page"
key = "sha256:{DIGEST}"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "caller"),
    [
        (f"Bearer {KEY}", Caller("alice", ("user:alice", "group:eng"))),
        (f"bearer  {OTHER} ", Caller("search page")),
        (f"Bearer {KEY}x", None),
        (f"Bearer {KEY} {KEY}", None),
        (f"Bearer {KEY.upper()}", None),
        (f"Bearer sha256:{DIGEST}", None),
        (f"Bearer {DIGEST}", None),
        (f"Basic {KEY}", None),
        (f"Bearer{KEY}", None),
        (KEY, None),
        ("Bearer ", None),
        ("", None),
    ],
)
def test_whose_key_it_is(file, header, caller):
    assert Keys(file).caller_of(header.encode()) == caller


def test_keys_are_read_again_when_asked(file):
    keys = Keys(file)
    file.write_text(f'keys = [{{name = "new", key = "{KEY}"}}]', encoding="utf-8")
    assert keys.caller_of(f"Bearer {OTHER}".encode()) == Caller("search page")
    keys.reload()
    assert keys.caller_of(f"Bearer {OTHER}".encode()) is None
    assert keys.caller_of(f"Bearer {KEY}".encode()) == Caller("new")


def test_a_bad_file_leaves_the_keys_as_they_were(file):
    keys = Keys(file)
    file.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError):
        keys.reload()
    assert keys.caller_of(f"Bearer {OTHER}".encode()) == Caller("search page")


SECRET = "swordfish"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "expected one or more"),
        ("keys = []", "expected one or more"),
        (f"keys = '{SECRET}'", "expected one or more"),
        (f"{SECRET}\n", "is not TOML: invalid at line 1"),
        (f'keys = "{SECRET}', "is not TOML"),
        (f'a = "{SECRET}"\na = "{SECRET}"', "is not TOML"),
        (f"[[keys]]\nname = 'a'\nkey = '{SECRET}'", "key 1: expected a key of at least 16"),
        (f"[[keys]]\nname = 'a'\nkey = 'sha256:{SECRET}{SECRET}'", "64 hex digits"),
        (f"[[keys]]\nname = 'a'\nkey = '{SECRET} {SECRET}'", "without spaces"),
        (f"[[keys]]\nname = 'a'\nkey = '{SECRET}{SECRET}ü'", "ASCII"),
        ("[[keys]]\nname = 'a'\nkey = 5", "expected a key"),
        (f"[[keys]]\nkey = '{SECRET}{SECRET}'", "expected a name"),
        (f"[[keys]]\nname = 'a'\nkeys = '{SECRET}'", "expected name, key and principals"),
        (f"keys = ['{SECRET}']", "expected name, key and principals"),
        (f"[[keys]]\nname='a'\nkey='{SECRET * 2}'\nprincipals='x'", "expected principals"),
        (f"[[keys]]\nname='a'\nkey='{SECRET * 2}'\nprincipals=['']", "expected principals"),
        (FILE.replace("search page", "alice"), "same name"),
        (FILE.replace(f"sha256:{DIGEST}", KEY), "same key"),
        (f"{FILE}\n[other]", "nothing else"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_without_its_content(file, content, text):
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=text) as caught:
        Keys(file)
    assert str(file) in str(caught.value)
    assert SECRET not in str(caught.value) and KEY not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(file):
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        Keys(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        Keys(file.parent / "missing.toml")


@pytest.mark.skipif(os.name != "posix", reason="other systems have other permissions")
@pytest.mark.parametrize(("mode", "seen"), [(0o600, False), (0o640, False), (0o644, True)])
def test_permissions(file, mode, seen):
    file.chmod(mode)
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert seen_by_others(file) is seen
