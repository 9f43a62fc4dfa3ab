"""The face: what it chooses, when it loads, what it refuses; what it joins has tests of its own."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.fake import FakeEmbedder

import simile
from simile.errors import FingerprintError, IndexNotFoundError, InputError
from simile.index import Index
from simile.retrieval.recipe import Chunking
from simile.types import Document

DOCUMENTS = [
    Document("a.md", "# Fish\n\nRed fish swim.", metadata={"n": 1}),
    Document("b", "A blue bird.", acl=["user:b"]),
]


@pytest.fixture
def index(tmp_path):
    with Index(tmp_path / "i", embedder=FakeEmbedder()) as index:
        index.add(DOCUMENTS)
        yield index


def run(code: str) -> str:
    """What the code prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


READS = {
    "search": lambda index, out: index.search("red"),
    "get": lambda index, out: index.get("a.md"),
    "documents": lambda index, out: index.documents(),
    "export": lambda index, out: index.export(out),
    "stats": lambda index, out: index.stats(),
    "check": lambda index, out: index.check(),
    "delete": lambda index, out: index.delete(["a.md"]),
    "reindex": lambda index, out: index.reindex(),
}


@pytest.mark.parametrize("read", READS.values(), ids=list(READS))
@pytest.mark.parametrize("there", [True, False])
def test_where_no_index_is_none_is_made(tmp_path, read, there):
    folder = tmp_path / "folder"
    if there:
        folder.mkdir()
    with Index(folder, embedder=FakeEmbedder()) as index:
        with pytest.raises(IndexNotFoundError, match="simile index PATH -i"):
            read(index, tmp_path / "out")
    assert folder.exists() == there and not (tmp_path / "out").exists()
    assert not there or list(folder.iterdir()) == []


def test_naming_an_index_touches_nothing(tmp_path):
    index = Index(tmp_path / "new", embedder="no-such-model")
    assert index.path == tmp_path / "new" and not index.path.exists()
    index.close()
    index.close()


def test_a_path_may_be_text_and_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Index("below/i", embedder=FakeEmbedder()) as index:
        index.add(DOCUMENTS)
    monkeypatch.chdir("/")
    assert index.path == tmp_path / "below" / "i" and (index.path / "index.sqlite").is_file()


@pytest.mark.parametrize("path", [None, 5, b"x", ["x"], "", "a\0b"])
def test_what_is_no_path_is_an_input_error(path):
    with pytest.raises(InputError):
        Index(path)


def test_what_is_added_is_found_and_told(index):
    report = index.add([*DOCUMENTS, Document("c", "Green."), Document("a.md", "Red.")])
    assert (report.added, report.changed, report.unchanged) == (1, 1, 2)
    stats = index.stats()
    assert (stats.documents, stats.model, stats.dim) == (3, "fake", 64)
    assert (stats.chunking, stats.language) == (Chunking(), "english")
    assert index.search("red")[0].document_id == "a.md"
    assert index.check().problems == ()


def test_any_number_of_documents_may_come_as_a_stream(tmp_path):
    seen: list[int] = []

    def stream():
        for i in range(2000):
            seen.append(i)
            yield Document(f"d{i}", f"word{i} red")

    with Index(tmp_path / "i", embedder=FakeEmbedder()) as index:
        counts: list[tuple[int, int]] = []
        index.add(stream(), progress=lambda tally: counts.append((tally.embedded, len(seen))))
        assert index.stats().documents == 2000
        assert counts[0][1] < 1500, "the first are written before the last are asked for"


def test_get_and_documents_show_what_may_be_read(index):
    assert index.get("a.md") == Document(
        "a.md", "# Fish\n\nRed fish swim.", None, {"n": 1}, ("public",)
    )
    assert index.get("b") is None and index.get("unknown", everything=True) is None
    assert index.get("b", principals=["user:b"]).text == "A blue bird."
    assert index.get("b", everything=True).acl == ("user:b",)
    assert [one.id for one in index.documents()] == ["a.md"]
    assert [one.id for one in index.documents(principals=iter(["user:b"]))] == ["a.md", "b"]
    assert [one.id for one in index.documents(everything=True)] == ["a.md", "b"]
    assert index.get("\udc80") is None


def test_delete_forgets_and_counts(index):
    assert index.delete(["a.md", "unknown", "a.md"]) == 1
    assert index.search("red fish") == [] and index.get("a.md") is None
    assert index.delete([]) == 0
    with pytest.raises(InputError, match="expected a list of ids"):
        index.delete("b")
    assert index.get("b", everything=True) is not None


@pytest.mark.parametrize("wrong", [["a text"], [None], [{"id": "a"}]])
def test_what_is_no_document_is_an_input_error(index, wrong):
    with pytest.raises(InputError, match="expected a Document"):
        index.add(wrong)


def test_an_index_is_opened_with_the_model_it_was_made_with(tmp_path):
    """By the name that is noted in it; a real one, of random weights."""
    model = tmp_path / "tiny"
    write_tiny_bert(model)
    with Index(tmp_path / "i", embedder=str(model)) as index:
        index.add(DOCUMENTS)
        hits = index.search("red fish")
    with Index(tmp_path / "i") as index:
        assert index.stats().model == str(model)
        assert index.search("red fish") == hits and hits[0].document_id == "a.md"
        again = index.search("red fish", rerank=str(model))
        assert again[0].scores["rerank"] == again[0].score
    with Index(tmp_path / "i", embedder=FakeEmbedder()) as index:
        with pytest.raises(FingerprintError, match="simile reindex --model fake"):
            index.search("red fish")


def test_reindex_changes_the_model(index):
    other = FakeEmbedder("other", dim=16)
    with Index(index.path, embedder=other) as changing:
        changing.reindex()
        assert (changing.stats().model, changing.stats().dim) == ("other", 16)
        assert [hit.document_id for hit in changing.search("red")] == ["a.md"]
    with pytest.raises(FingerprintError, match="made with other"):
        index.search("red")


def test_other_sizes_of_chunks_are_an_error_that_names_the_command(index):
    with Index(index.path, embedder=FakeEmbedder(), chunking=Chunking(100, 10)) as other:
        assert len(other.search("red")) == 1
        with pytest.raises(FingerprintError, match="simile reindex --max-tokens 100"):
            other.add(DOCUMENTS)


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_an_empty_index_finds_nothing_and_loads_no_model(tmp_path, mode):
    with Index(tmp_path / "i", embedder="no-such-model") as index:
        index.add([])
        assert index.search("red", mode=mode) == []
        with pytest.raises(InputError, match="filter"):
            index.search("red", mode=mode, filter="n =")


def test_a_question_is_refused_before_anything_is_loaded(tmp_path):
    with Index(tmp_path / "nowhere", embedder="no-such-model") as index:
        with pytest.raises(InputError, match="k is 0"):
            index.search("red", k=0)


def test_words_are_found_without_a_model(index):
    code = f"""
import json, sys
from simile.index import Index
from simile.types import Document
with Index({str(index.path)!r}) as index:
    hits = index.search("red fish", mode="lexical", filter="n = 1", context=1, explain=True)
    told = [index.get("a.md").id, index.stats().model, len(list(index.documents()))]
heavy = ["openvino", "tokenizers", "huggingface_hub", "httpx2", "pyarrow", "faiss", "pypdfium2"]
print(json.dumps([[hit.document_id for hit in hits], told, [n for n in heavy if n in sys.modules]]))
"""
    assert json.loads(run(code)) == [["a.md"], ["a.md", "fake", 1], []]


def test_naming_an_index_loads_no_model(tmp_path):
    heavy = ["openvino", "tokenizers", "huggingface_hub", "httpx2"]
    code = f"""
import sys
from simile import Index
Index({str(tmp_path)!r}, embedder="all-minilm").close()
print([name for name in {heavy} if name in sys.modules])
"""
    assert run(code) == "[]"


def test_it_is_among_the_public_names():
    assert simile.Index is Index and {"Index", "Document", "Hit"} <= set(simile.__all__)


def test_after_close_it_opens_again(index):
    index.close()
    assert len(index.search("red")) == 1
    index.close()
    assert index.add([Document("c", "Green tree.")]).embedded == 1
    assert index.stats().documents == 3


def test_an_embedder_that_was_given_is_not_closed(tmp_path):
    class Given(FakeEmbedder):
        closed = False

        def close(self):
            self.closed = True

    given = Given()
    with Index(tmp_path / "i", embedder=given) as index:
        index.add(DOCUMENTS)
        index.search("red", rerank=given)
    assert not given.closed


def test_threads_share_an_index_while_it_changes(index):
    errors: list[BaseException] = []
    stop = threading.Event()

    def search(mode):
        try:
            while not stop.is_set():
                hits = index.search("red fish", mode=mode, context=1, k=50)
                for hit in hits:
                    assert "blue" not in hit.text
                    assert hit.context is None or hit.text in hit.context.text
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=search, args=(mode,)) for mode in ("dense", "hybrid")]
    for thread in threads:
        thread.start()
    for i in range(8):
        acl = ["public"] if i % 2 else ["user:x"]
        index.add([Document("c", f"red fish {i}", acl=acl), Document(f"d{i}", "red moon")])
        index.delete([f"d{i - 3}"])
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []


def test_the_path_of_another_file_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with Index(tmp_path / "file", embedder=FakeEmbedder()) as index:
        with pytest.raises(simile.errors.StoreError):
            index.add(DOCUMENTS)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "x"
    assert Path(index.path).is_file()
