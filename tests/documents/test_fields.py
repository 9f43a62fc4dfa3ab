"""An access list in the wrong place or spelling keeps a document out, rather than publish it."""

import json

import pytest

from simile.documents import LoadFailure, load
from simile.types import Document


@pytest.mark.parametrize("name", ["ACL", "Acl", "acl "])
def test_an_access_list_in_another_spelling_is_a_failure(tmp_path, name):
    (tmp_path / "a.md").write_text(f'---\n"{name}": [user:a]\n---\nsecret')
    (tmp_path / "a.json").write_text(json.dumps({"text": "secret", name: ["user:a"]}))
    for file in ("a.md", "a.json"):
        (failure,) = load(tmp_path / file)
        assert isinstance(failure, LoadFailure)
        assert "as acl, in lower case" in failure.reason


def test_an_access_list_among_the_metadata_is_a_failure(tmp_path):
    (tmp_path / "a.md").write_text("---\nmetadata: {acl: [user:a]}\n---\nsecret")
    (tmp_path / "a.json").write_text('{"text": "secret", "metadata": {"acl": ["user:a"]}}')
    for file in ("a.md", "a.json"):
        (failure,) = load(tmp_path / file)
        assert isinstance(failure, LoadFailure)


def test_spaces_around_the_names_of_columns_do_not_count(tmp_path):
    (tmp_path / "a.csv").write_text("id, text, acl\n1,x, user:a\n")
    (document,) = load(tmp_path / "a.csv")
    assert document == Document("1", "x", acl=("user:a",))


def test_a_row_with_more_fields_than_columns_is_a_failure(tmp_path):
    (tmp_path / "a.csv").write_text("id,text,acl\n1,Hello, world,user:a\n2,y,user:b,,\n")
    failure, document = load(tmp_path / "a.csv")
    assert isinstance(failure, LoadFailure)
    assert failure.path.endswith("#row 2")
    assert document == Document("2", "y", acl=("user:b",))
