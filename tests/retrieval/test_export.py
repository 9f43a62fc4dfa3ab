"""What an export writes is what the index holds, in files that other programs read."""

import json
import sys
from contextlib import closing
from random import Random

import numpy as np
import pytest
from tests.fake import FakeEmbedder
from tests.retrieval.collection import chunks_of, indexed, text

from simile.errors import InputError, MissingExtraError, StoreError
from simile.index import Index
from simile.retrieval.export import export
from simile.store import SqliteStore
from simile.types import Document

METADATA = {"n": 1, "f": 0.5, "b": True, "none": None, "big": 2**70, "least": -(2**63), "日": "本"}
FORMATS = ["folder", "x.parquet", "x.faiss"]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    chance = Random(4)
    documents = [Document(f"d{i}", text(chance, 1 + i % 4)) for i in range(30)]
    headed = "# One\n\nred fish here now today\n\n## Zwei\n\ngrün ist der Baum 🌲 hier"
    documents += [Document("ä/b.md", headed, "T", METADATA, ["user:a", "group:x"], pages=(0, 20))]
    with indexed(tmp_path_factory.mktemp("export") / "i", documents) as index:
        index.delete(["d3", "d7"])
        yield index


def need(name):
    """Leave out a test of a format whose library is not installed."""
    for suffix, module in ((".parquet", "pyarrow.parquet"), (".faiss", "faiss")):
        if name.endswith(suffix):
            return pytest.importorskip(module)
    return None


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def expected(index):
    """All chunks as rows of a table, and their vectors."""
    store = index._resources.store()
    view = store.view()
    rows, vectors = [], []
    for stored in chunks_of(index):
        chunk = stored.chunk
        rows.append(
            {"chunk_id": stored.id, "document_id": stored.document_id, "title": stored.title,
             "text": chunk.text, "start": chunk.start, "end": chunk.end, "page": chunk.page,
             "first_line": chunk.lines[0], "last_line": chunk.lines[1],
             "headings": list(chunk.headings), "metadata": stored.metadata,
             "acl": list(stored.acl)}
        )  # fmt: skip
        vectors.append(view.vectors[np.searchsorted(view.ids, stored.id)])
    return rows, np.array(vectors)


def test_rows_of_the_matrix_are_the_lines(index, tmp_path):
    rows, vectors = expected(index)
    assert index.export(tmp_path / "out", everything=True) == len(rows)
    assert lines_of(tmp_path / "out" / "chunks.ndjson") == rows
    written = np.load(tmp_path / "out" / "vectors.npy", mmap_mode="r")
    assert written.dtype == np.dtype("<f4")
    np.testing.assert_array_equal(written, vectors)
    model = FakeEmbedder()
    plain = [row["document_id"] for row in rows].index("d1")
    embedded = model.embed([rows[plain]["text"]], role="document")[0]
    np.testing.assert_array_equal(written[plain], embedded)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"chunks.ndjson", "vectors.npy"}


def test_a_parquet_file_is_the_same_table(index, tmp_path):
    parquet = need("x.parquet")
    rows, vectors = expected(index)
    assert index.export(tmp_path / "new" / "x.parquet", everything=True) == len(rows)
    table = parquet.read_table(tmp_path / "new" / "x.parquet")
    assert table.schema.field("vector").type.list_size == vectors.shape[1]
    read = table.to_pylist()
    np.testing.assert_array_equal(np.array([row.pop("vector") for row in read], "f4"), vectors)
    assert [row | {"metadata": json.loads(row["metadata"])} for row in read] == rows


def test_a_faiss_index_finds_what_the_dense_arm_finds(index, tmp_path):
    faiss = need("x.faiss")
    rows, vectors = expected(index)
    assert index.export(tmp_path / "x.faiss", everything=True) == len(rows)
    assert lines_of(tmp_path / "x.ndjson") == rows
    read = faiss.read_index(str(tmp_path / "x.faiss"))
    assert (read.ntotal, read.d) == vectors.shape
    query = FakeEmbedder().embed(["red fish"], role="query")
    scores, ids = read.search(query, 200)
    hits = index.search("red fish", k=200, mode="dense", principals=["user:a"])
    by_id = {hit.chunk_id: hit.score for hit in hits}
    found = {int(id): score for id, score in zip(ids[0], scores[0], strict=True) if id >= 0}
    assert found.keys() == by_id.keys()
    np.testing.assert_allclose([found[id] for id in by_id], list(by_id.values()), atol=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_of_nothing_is_a_file_of_nothing(tmp_path, name):
    need(name)
    with indexed(tmp_path / "empty", []) as index:
        assert index.export(tmp_path / name) == 0
    with indexed(tmp_path / "i", [Document("a", "red", acl=["user:a"])]) as index:
        assert index.export(tmp_path / name) == 0
    if name == "folder":
        assert np.load(tmp_path / name / "vectors.npy").shape == (0, 64)
    else:
        assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize("name", FORMATS)
def test_more_chunks_than_a_block_stay_in_step(tmp_path, name):
    module = need(name)
    documents = [Document(f"d{i:03}", text(Random(i), 100)) for i in range(50)]
    with indexed(tmp_path / "i", documents) as index:
        index.delete(["d020"])
        rows, vectors = expected(index)
        assert index.export(tmp_path / name) == len(rows) == 4900
    if name == "folder":
        read, lines = np.load(tmp_path / name / "vectors.npy"), tmp_path / name / "chunks.ndjson"
        assert [line["chunk_id"] for line in lines_of(lines)] == [row["chunk_id"] for row in rows]
    elif name == "x.parquet":
        table = module.read_table(tmp_path / name)
        assert table["chunk_id"].to_pylist() == [row["chunk_id"] for row in rows]
        read = np.array(table["vector"].to_pylist(), np.float32)
    else:
        loaded = module.read_index(str(tmp_path / name))
        read = np.stack([loaded.reconstruct(row["chunk_id"]) for row in rows])
    np.testing.assert_array_equal(read, vectors)


class Failing(SqliteStore):
    """Its disk breaks after the first block."""

    blocks = 0

    def chunks(self, ids):
        self.blocks += 1
        if self.blocks > 1:
            raise StoreError("the disk broke")
        return super().chunks(ids)


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_that_fails_leaves_what_was_there(tmp_path, name):
    need(name)
    folder = tmp_path / "out"
    with indexed(tmp_path / "i", [Document("a", "red")]) as index:
        index.export(folder / name)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        index.add(Document(f"d{i}", text(Random(i), 100)) for i in range(45))
    with closing(Failing(tmp_path / "i")) as store, pytest.raises(StoreError, match="broke"):
        export(store, folder / name, frozenset())
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


class Vanishing(SqliteStore):
    """Right after a view was taken, a document goes."""

    def view(self):
        view = super().view()
        view.allowed(())
        self.delete(["gone"])
        return view


@pytest.mark.parametrize("allowed", [None, frozenset[str]()])
def test_what_goes_between_view_and_fetch_is_left_out_of_both(tmp_path, allowed):
    documents = [Document(id, text(Random(id), 3)) for id in ("a", "gone", "z")]
    with indexed(tmp_path / "i", documents) as index:
        index.delete(["gone"])
        index.export(tmp_path / "without")
        index.add(documents)
    with closing(Vanishing(tmp_path / "i")) as store:
        assert export(store, tmp_path / "out", allowed) == 6
    read, without = (np.load(tmp_path / name / "vectors.npy") for name in ("out", "without"))
    np.testing.assert_array_equal(read, without)
    assert "gone" not in (tmp_path / "out" / "chunks.ndjson").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "module"), [("x.parquet", "pyarrow"), ("x.parquet", "pyarrow.parquet"),
                         ("X.PARQUET", "pyarrow"), ("x.faiss", "faiss")]
)  # fmt: skip
def test_a_library_that_is_missing_is_named_with_its_extra(
    index, tmp_path, monkeypatch, name, module
):
    need(name)
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    extra = "parquet" if module.startswith("pyarrow") else module
    with pytest.raises(MissingExtraError, match=rf"{module} is needed.*simile\[{extra}\]"):
        index.export(tmp_path / name)
    assert not list(tmp_path.glob("*[xX].*"))


@pytest.mark.parametrize("name", ["x.csv", "x.npy", "x.parquet.gz", ".x.json"])
def test_a_format_that_is_unknown_is_an_input_error(index, tmp_path, name):
    with pytest.raises(InputError, match=r"\.parquet or \.faiss, or a folder"):
        index.export(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_folder_may_have_a_dot_if_it_is_there(index, tmp_path):
    (tmp_path / "v1.2").mkdir()
    assert index.export(tmp_path / "v1.2") > 0


def test_what_is_in_the_way_is_a_store_error(index, tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match="cannot be written"):
            index.export(path)
    need("x.parquet")
    (tmp_path / "x.parquet").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        index.export(tmp_path / "x.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "x.parquet"]


def test_an_export_is_not_an_index(index, tmp_path):
    index.export(tmp_path / "out")
    with pytest.raises(StoreError, match="holds no index"):
        Index(tmp_path / "out").search("red")
