"""The filter language, against a naive evaluator of each document's metadata."""

import re
import shlex
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simile.errors import InputError
from simile.retrieval.filter_parser import (
    EXAMPLE,
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_NAMES,
    MAX_VALUES,
)
from simile.retrieval.filters import (
    And,
    Not,
    OneOf,
    Or,
    Ordered,
    evaluate,
    parse_filter,
)
from simile.store import SqliteStore, StoredDocument
from simile.types import Chunk, Document

DOCUMENTS = {
    "a": {"lang": "en", "year": 2019, "draft": True, "date": "2019-05-01"},
    "b": {"lang": "de", "year": 2020.0, "draft": False, "date": "2020-11-30"},
    "c": {"lang": "fr", "year": 2021, "date": "2021-01-15", "it's": 'say "x"'},
    "d": {"lang": "EN", "year": "2020", "draft": 1, "ключ": "日本", "naïve.x-y": 0.5},
    "e": {"lang": None, "year": -3, "draft": "true", "and": "or", "": "", "`": r"C:\new"},
    "f": {"year": 2**70, "big": 2**53 + 1, "'; DROP TABLE documents; --": "'; DROP TABLE x; --"},
}


def write(store, documents):
    chunk, vectors = [Chunk(0, 1, "t")], np.ones((1, 2), np.float32)
    store.write(
        [
            StoredDocument(Document(id, "t", metadata=metadata), chunk, vectors, "h", "f")
            for id, metadata in documents.items()
        ]
    )


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    with closing(SqliteStore(tmp_path_factory.mktemp("filters"), create=True)) as store:
        write(store, DOCUMENTS)
        yield store.view()


def passing(view, expression):
    mask = evaluate(parse_filter(expression), view)
    assert mask.dtype == np.bool_ and mask.shape == view.ids.shape
    return "".join(id for id, passes in zip(DOCUMENTS, mask, strict=True) if passes)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("lang = 'en'", "a"),
        ("lang == \"en\"", "a"),
        ("lang='en'or lang='de'", "ab"),
        ("lang != 'en'", "bcdef"),
        ("lang <> 'en'", "bcdef"),
        ("lang in ('en', 'de', 'xx')", "ab"),
        ("lang in ['en']", "a"),
        ("lang not in ('en', 'de')", "cdef"),
        ("lang = null", "ef"),
        ("lang != null", "abcd"),
        ("lang in (null, 'fr')", "cef"),
        ("lang NOT IN (Null, 'fr')", "abd"),
        ("lang < 'en'", "bd"),
        ("lang <= 'en'", "abd"),
        ("lang > 'en'", "c"),
        ("lang >= 'en'", "ac"),
        ("year = 2020", "b"),
        ("year = 2020.0", "b"),
        ("year = 2.02e3", "b"),
        ("year = '2020'", "d"),
        ("year >= 2020", "bcf"),
        ("year < 2020", "ae"),
        ("year < 0", "e"),
        ("year = -3", "e"),
        ("year > -3.5 and year < .5", "e"),
        ("year >= ''", "d"),
        ("year != 2020", "acdef"),
        ("not year >= 2020", "ade"),
        (f"year = {2**70}", "f"),
        ("big = 9007199254740993", "f"),
        ("big = 9007199254740992", ""),
        ("big > 9007199254740992.0", "f"),
        ("draft = true", "a"),
        ("draft = TRUE", "a"),
        ("draft = false", "b"),
        ("draft = 1", "d"),
        ("draft = 0", ""),
        ("draft != true", "bcdef"),
        ("draft in (true, 'true')", "ae"),
        ("draft >= 0", "d"),
        ("date >= '2020-01-01' and date < '2021-01-01'", "b"),
        ("lang = 'en' or lang = 'de' and draft = true", "a"),
        ("(lang = 'en' or lang = 'de') and draft = false", "b"),
        ("not (lang = 'en' or lang = 'de') and year > 0", "cf"),
        ("not not lang = 'en'", "a"),
        ("NOT lang = 'en' AND NOT year = 2020", "cdef"),
        ("\n\t lang\n=\n'en'\u00a0", "a"),
        ("`it's` = 'say \"x\"'", "c"),
        ("`it's` = \"say \"\"x\"\"\"", "c"),
        (r"""`it's` = "say \"x\"" """, "c"),
        ("ключ = '日本'", "d"),
        ("naïve.x-y <= 0.5", "d"),
        ("`and` = 'or'", "e"),
        ("`` = ''", "e"),
        (r"```` = 'C:\new'", "e"),
        (r"```` = 'C:\\new'", "e"),
        ("`'; DROP TABLE documents; --` = '''; DROP TABLE x; --'", "f"),
        ("unknown = 1", ""),
        ("unknown != 1", "abcdef"),
        ("unknown = null", "abcdef"),
        ("unknown < 1 or unknown >= 1", ""),
        ("`\udc80` = '\udc80'", ""),
        ("order = 1 or input = 2 or nothing = 3 or lang = 'en'", "a"),
    ],
)  # fmt: skip
def test_an_expression_passes_these(view, expression, expected):
    assert passing(view, expression) == expected


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "the filter is empty"),
        (" \n ", "the filter is empty"),
        ("lang", "character 5: it ends, expected an operator"),
        ("lang =", "character 7: it ends, expected a value"),
        ("lang = en", "character 8: got 'en', expected a value .* put text in quotes: 'en'"),
        ("lang = 'en", "character 8: .* this quote is never closed"),
        ('lang = "en', "character 8: .* this quote is never closed"),
        ("`lang = 1", "character 1: .* this quote is never closed"),
        ("lang = 'a''", "character 8: .* this quote is never closed"),
        (r"lang = 'a\'", "character 8: .* this quote is never closed"),
        ("date > 2020-01-01", "character 8: got '2020-01-01', expected a number; .*'2020-01-01'"),
        ("n = 1e999", "character 5: .* number below"),
        ("n = -", "character 5: got '-'"),
        ("n = 1.2.3", "not|expected a number"),
        ("n = 1_000", "expected a number"),
        ("n = ٣", "character 5"),
        ("5 = n", "character 1: got '5', expected the name"),
        ("'n' = 5", "expected the name"),
        ("and = 1", "character 1: got 'and', expected the name .* in backticks: `and`"),
        ("null = 1", "in backticks: `null`"),
        ("n = 1 and", "it ends, expected the name"),
        ("n = 1 or or n = 2", "character 10: got 'or'"),
        ("n = 1 n = 2", "character 7: got 'n', expected `and`, `or` or the end"),
        ("n = 1)", r"character 6: got '\)'"),
        ("(n = 1", r"it ends, expected `and`, `or` or the `\)` for character 1"),
        ("()", r"character 2: got '\)', expected the name"),
        ("n && 1", "write `and`"),
        ("!n = 1", "write `not`"),
        ("n like 'x'", "character 3: got 'like', expected an operator"),
        ("n is null", "character 3: got 'is', expected an operator"),
        ("n not 1", "character 3: got 'not', expected an operator"),
        ("n in 1", "character 6: .* a list in parentheses"),
        ("n in ()", "expected a value"),
        ("n in (1,)", "expected a value"),
        ("n in (1]", r"expected `,` or the `\)` for character 6"),
        ("n in (1", "it ends, expected `,`"),
        ("n < true", "character 5: .* after <; use = or !="),
        ("n >= null", "use = or !="),
        ("n = [1]", r"got '\[', expected a value"),
        ("n = (1)", "expected a value"),
        ("'; DROP TABLE documents; --", "character 1: .* never closed"),
        ("n = 1; DROP TABLE documents; --", "character 6: got ';'"),
        ("n = 1 -- comment", "character 7"),
        ("1 = 1 or n = 1", "expected the name"),
        ("n = 1 union select 1", "character 7: got 'union'"),
        ("n ≥ 5", "character 3: got '≥'"),
        ("n = “x”", "character 5: got '“'"),
        ("n = \0", r"got '\\x00'"),
        ("n = \udc80", r"got '\\udc80'"),
    ],
)
def test_what_is_no_filter_is_explained(expression, words):
    with pytest.raises(InputError, match=words) as caught:
        parse_filter(expression)
    assert EXAMPLE in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("thing", [None, 3, b"n = 1", {"n": 1}])
def test_a_filter_is_text(thing):
    with pytest.raises(InputError, match="expected a string such as"):
        parse_filter(thing)


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 100_000,
        "n = " + "9" * MAX_CHARACTERS,
        "(" * (MAX_CHARACTERS - 1),
        "not " * (MAX_CHARACTERS // 4),
        "(" * (MAX_DEPTH + 1) + "n = 1" + ")" * (MAX_DEPTH + 1),
        f"n in ({','.join(['1'] * (MAX_VALUES + 1))})",
        " or ".join(f"n{i} = 1" for i in range(MAX_NAMES + 1)),
        "n = '" + "''" * 4_997,
        "n = '" + "\\'" * 4_997,
        "n = 1" + " " * 9_990 + "?",
        "n" * 9_000 + " = x",
        "n = 1" + "." * 9_000 + "'",
        "=" * 10_000,
        "`" * 9_999,
    ],
    ids=range(14),
)
def test_hostile_text_is_refused_at_once(expression):
    begin = time.thread_time()  # Of the processor: what else runs does not count.
    with pytest.raises(InputError) as caught:
        parse_filter(expression)
    assert time.thread_time() - begin < 1 and len(str(caught.value)) < 400


def test_the_bounds_themselves_are_allowed(view):
    deep = "(" * MAX_DEPTH + "lang = 'en'" + ")" * MAX_DEPTH
    assert passing(view, deep) == "a" and passing(view, f"{deep} and {deep}") == "a"
    assert passing(view, "not " * MAX_DEPTH + "lang = 'en'") == "a"
    years = ",".join(map(str, range(2021 - MAX_VALUES, 2021)))
    assert passing(view, f"year in ({years})") == "ab"
    assert passing(view, " or ".join(["lang = 'en'"] * 650)) == "a"
    assert passing(view, " or ".join(f"n{i} != 1" for i in range(MAX_NAMES))) == "abcdef"
    assert passing(view, "lang = 'en'".ljust(MAX_CHARACTERS)) == "a"


def test_an_empty_store_has_no_rows(tmp_path):
    with closing(SqliteStore(tmp_path, create=True)) as store:
        for expression in ("n = 1", "n < 1", "n != 1", "n in (1, 2)", "not (n = null or m = 1)"):
            assert evaluate(parse_filter(expression), store.view()).shape == (0,)


def test_an_evaluation_leaves_the_column_as_it_was(view):
    before = view.metadata("lang").codes.copy()
    for expression in ("not lang = 'en'", "lang = null and year > 3", "not lang in ('en', 'de')"):
        mask = evaluate(parse_filter(expression), view)
        mask[:] = ~mask
    np.testing.assert_array_equal(view.metadata("lang").codes, before)


def test_the_documented_filters_are_filters():
    page = Path(__file__).parents[2] / "docs" / "search.md"
    lines = re.findall(r"^simile search .*--filter.*$", page.read_text(encoding="utf-8"), re.M)
    assert len(lines) >= 3
    for line in lines:
        words = shlex.split(line)
        parse_filter(words[words.index("--filter") + 1])


NAMES = st.sampled_from(["a", "b.c-d", "é", "and", "it`s", "'; DROP TABLE documents; --", ""])
TEXTS = st.sampled_from(["", "a", "b", "B", "é", "日", "it's", '"', "\\", "\\'", "\0", "`", "1"])
INTEGERS = st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, 2**63, -(2**63), 2**70]) | st.integers()
FLOATS = st.sampled_from([0.0, -0.0, 1.0, 0.5, 1e300, 5e-324, 2.0**53, 2.0**63])
NUMBERS = INTEGERS | FLOATS | st.floats(allow_nan=False, allow_infinity=False)
SET = TEXTS | NUMBERS | st.booleans()
VALUES = SET | st.none()
LEAVES = st.builds(OneOf, NAMES, st.lists(VALUES, min_size=1, max_size=4).map(tuple)) | st.builds(
    Ordered, NAMES, st.sampled_from(["<", "<=", ">", ">="]), TEXTS | NUMBERS
)
TREES = st.recursive(
    LEAVES,
    lambda part: (
        st.builds(Not, part)
        | st.builds(And, st.lists(part, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(part, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)
METADATA = st.dictionaries(NAMES, VALUES, max_size=5)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def in_64_bits(value):
    """As it is stored and compared."""
    whole = isinstance(value, int) and not -(2**63) <= value < 2**63
    return float(value) if whole else value


def kind(value):
    return float if type(value) is int else type(value)


def passes(tree, metadata):
    """Whether a document passes, the naive way."""
    if isinstance(tree, And):
        return all(passes(part, metadata) for part in tree.parts)
    if isinstance(tree, Or):
        return any(passes(part, metadata) for part in tree.parts)
    if isinstance(tree, Not):
        return not passes(tree.part, metadata)
    field = in_64_bits(metadata.get(tree.name))
    if isinstance(tree, OneOf):
        values = [in_64_bits(value) for value in tree.values]
        return any(kind(field) is kind(value) and field == value for value in values)
    wanted = in_64_bits(tree.value)
    if kind(field) is not kind(wanted):
        return False
    orders = {"<": field < wanted, "<=": field <= wanted, ">": field > wanted}
    return {**orders, ">=": field >= wanted}[tree.order]


def render(tree):
    """The expression of a tree; parentheses around every part."""
    if isinstance(tree, And | Or):
        word = " and " if isinstance(tree, And) else " oR "
        return word.join(f"({render(part)})" for part in tree.parts)
    if isinstance(tree, Not):
        return f"not ({render(tree.part)})"
    name = f"`{tree.name.replace('`', '``')}`"
    if isinstance(tree, Ordered):
        return f"{name}{tree.order}{render_value(tree.value)}"
    if len(tree.values) == 1:
        return f"{name}={render_value(tree.values[0])}"
    return f"{name} in ({','.join(map(render_value, tree.values))})"


def render_value(value):
    if isinstance(value, str):
        quote = "'" if len(value) % 2 else '"'
        return quote + value.replace("\\", "\\\\").replace(quote, quote * 2) + quote
    return {"None": "null"}.get(str(value), str(value).lower())


def as_parsed(tree):
    """The tree with its numbers as the parser gives them."""
    if isinstance(tree, And | Or):
        return type(tree)(tuple(map(as_parsed, tree.parts)))
    if isinstance(tree, Not):
        return Not(as_parsed(tree.part))
    if isinstance(tree, Ordered):
        return Ordered(tree.name, tree.order, in_64_bits(tree.value))
    return OneOf(tree.name, tuple(map(in_64_bits, tree.values)))


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(documents=st.lists(METADATA, max_size=8), trees=st.lists(TREES, min_size=1, max_size=12))
def test_random_filters_agree_with_the_naive_way(tmp_path_factory, documents, trees):
    with closing(SqliteStore(tmp_path_factory.mktemp("f"), create=True)) as store:
        write(store, {str(i): metadata for i, metadata in enumerate(documents)})
        view = store.view()
        for tree in trees:
            parsed = parse_filter(render(tree))
            assert repr(parsed) == repr(as_parsed(tree))
            expected = [passes(tree, metadata) for metadata in documents]
            assert evaluate(parsed, view).tolist() == expected
            rows = view.lexical("t", k=9, mask=np.array(expected, np.bool_))
            assert sorted(rows[0].tolist()) == np.flatnonzero(expected).tolist()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab'\"`\\()[],=<>!1.-e \n", max_size=40) | st.text(max_size=20))
def test_any_text_is_a_filter_or_an_input_error(text):
    try:
        parse_filter(text)
    except InputError as exc:
        assert EXAMPLE in str(exc)
