"""Reading on behalf of principals takes the same steps, whatever they may not read."""

from contextlib import closing

import numpy as np
import pytest

from simile.store import SqliteStore, StoredDocument
from simile.store.readable import readable_documents
from simile.types import Chunk, Document

LONG = "word " * 200_000


def stored(id, acl, text=LONG):
    chunk = Chunk(0, 4, text[:4])
    vectors = np.ones((1, 4), np.float32)
    return StoredDocument(Document(id, text, acl=acl), [chunk], vectors, "h", "f")


@pytest.fixture
def store(tmp_path):
    with closing(SqliteStore(tmp_path, create=True)) as store:
        store.write([stored(f"hr/{i:02}", ["group:hr", "user:x"]) for i in range(20)])
        store.write([stored("b", ["public"], "text b"), stored("a", ["user:me"], "text a")])
        yield store


def steps(store, id, principals):
    """How often SQLite's progress handler is called, once per step of its machine."""
    counted = []
    with store._database.reading() as connection:
        connection.set_progress_handler(lambda: counted.append(1), 1)
    try:
        assert store.document(id, principals=principals) is None
    finally:
        with store._database.reading() as connection:
            connection.set_progress_handler(None, 0)
    return len(counted)


def test_an_unreadable_document_takes_the_steps_of_a_missing_one(store):
    """Up to finding its number, and reading not a byte of its million characters."""
    unreadable = [steps(store, f"hr/{i:02}", ["user:me", "group:eng"]) for i in range(20)]
    missing = [steps(store, f"hr/x{i:02}", ["user:me", "group:eng"]) for i in range(20)]
    assert max(unreadable) - min(missing) < 30


def test_only_what_the_principals_may_read_is_found(store):
    assert store.document("a", principals=["user:me"]).text == "text a"
    assert store.document("b", principals=[]).text == "text b"
    assert store.document("a", principals=[]) is None
    assert store.document("hr/00", principals=["group:hr", "user:x"]).text == LONG
    assert store.document("hr/00", principals=["group:\ud800"]) is None
    assert [one.id for one in store.documents(principals=["user:me"])] == ["a", "b"]
    assert [one.id for one in store.documents(principals=[])] == ["b"]
    assert len(list(store.documents(principals=["group:hr", "user:x", "user:me"]))) == 22
    assert len(list(store.documents())) == 22


def test_a_list_does_not_walk_over_what_is_unreadable(store):
    counted = []
    with store._database.snapshot() as connection:
        connection.set_progress_handler(lambda: counted.append(1), 1)
        assert [one.id for one in readable_documents(connection, ["user:me"])] == ["a", "b"]
    store.write([stored(f"more/{i:03}", ["group:hr"], "text") for i in range(500)])
    few = len(counted)
    with store._database.snapshot() as connection:
        connection.set_progress_handler(lambda: counted.append(1), 1)
        assert [one.id for one in readable_documents(connection, ["user:me"])] == ["a", "b"]
    assert len(counted) - few == few
