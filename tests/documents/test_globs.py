"""Globs find what pathspec finds, in linear time."""

import warnings

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from simile.documents.globs import globs, is_glob

NAMES = st.text("ab", min_size=1, max_size=6)


@settings(max_examples=500, deadline=None)
@given(st.text("ab*?/[a]!-.", min_size=1, max_size=10), st.lists(NAMES, min_size=1, max_size=4))
def test_a_glob_finds_what_pathspec_finds(glob, names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        assume(is_glob(glob))
        path = "/".join(names)
        expected = GitIgnoreSpec.from_lines([glob]).match_file(path)
        assert globs([glob]).match_file(path) == expected


def test_a_glob_ends_whatever_the_path():
    assert not globs(["*a" * 100 + "b"]).match_file("a" * 250)
    assert not globs(["**/a/**/b"]).match_file("a/" * 2000 + "c")
    assert globs(["**/" * 50 + "c"]).match_file("a/" * 2000 + "c")
    assert not is_glob("**/a/" * 9 + "b") and not is_glob("*" * 9000 + "a/" * 900)
