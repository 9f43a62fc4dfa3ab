"""Documents of programs: what has the wrong type is refused by name, and the others are stored."""

from datetime import date
from typing import Any

import pytest
from tests.fake import FakeEmbedder

from simile.errors import InputError
from simile.index import Index
from simile.types import Document

WRONG: list[dict[str, Any]] = [
    {"id": 5},
    {"text": None},
    {"text": b"x"},
    {"title": 5},
    {"acl": "public"},
    {"acl": None},
    {"acl": [1]},
    {"acl": (who for who in ["public"])},
    {"metadata": None},
    {"metadata": {"a": [1]}},
    {"metadata": {"a": date(2026, 1, 1)}},
    {"metadata": {1: 2}},
    {"metadata": {1: 2, "a": 3}},
    {"pages": ["a"]},
    {"pages": [-1]},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_field_of_the_wrong_type_is_named_and_the_others_are_stored(tmp_path, wrong):
    fields: dict[str, Any] = {"id": "good", "text": "apple", "acl": {"public"}}
    good = Document(**fields, metadata={"a": None, "b": True, "c": 1.5})
    with Index(tmp_path / "i", embedder=FakeEmbedder(dim=16)) as index:
        with pytest.raises(InputError, match=f"{next(iter(wrong))} is .*expected"):
            index.add([Document(**{**fields, "id": "d", **wrong}), good])
        assert [d.id for d in index.documents(everything=True)] == ["good"]
        assert index.check().problems == ()


@pytest.mark.parametrize("documents", [Document("a", "x"), None, 5, ["x"], "abc", [{"id": "a"}]])
def test_what_are_no_documents_is_an_input_error(tmp_path, documents):
    with Index(tmp_path / "i", embedder=FakeEmbedder(dim=16)) as index:
        with pytest.raises(InputError, match="expected a"):
            index.add(documents)


@pytest.mark.parametrize("id", [5, None, b"a"])
def test_what_is_no_id_is_an_input_error(tmp_path, id):
    with Index(tmp_path / "i", embedder=FakeEmbedder(dim=16)) as index:
        index.add([Document("a", "x")])
        for ask in (index.get, lambda id: index.delete([id]), index.delete):
            with pytest.raises(InputError, match="expected"):
                ask(id)


@pytest.mark.parametrize("embedder", [5, object()])
def test_what_does_not_embed_is_an_input_error(tmp_path, embedder):
    with Index(tmp_path / "i", embedder=embedder) as index:
        with pytest.raises(InputError, match="has no `embed`"):
            index.add([Document("a", "x")])
