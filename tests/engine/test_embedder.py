"""A loaded model: roles, windows, streams, fingerprints, and a quiet, clean process."""

import asyncio
import gc
import shutil
import subprocess
import sys
import textwrap
from typing import Any, cast
from weakref import ref

import numpy as np
import pytest
from tests.checkpoint_files import change_json, write_json, write_tiny_bert

from simile.checkpoints.tokenizer_files import read_tokenizer
from simile.engine.embedder import STREAM_SLICES, STREAM_TEXTS, LocalEmbedder
from simile.errors import EngineClosedError, InputError, TextTooLongError, WindowTooSmallError
from simile.hub.plain_folder import open_folder
from simile.models.tokenizer import Tokenizer

PROMPTS = {"query": "search ", "document": "text "}
LONG = "the cat is blue " * 20
TWO_LONG = [LONG, "the sky is green " * 20]
"""More tokens than with precision auto are computed in f32."""


def write_model(folder, **kinds):
    write_tiny_bert(folder, **kinds)
    write_json(folder / "config_sentence_transformers.json", {"prompts": PROMPTS})
    return folder


def load(folder, **options):
    return LocalEmbedder(open_folder(str(folder)), **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def embedder(folder):
    loaded = load(folder, precision="f32")
    yield loaded
    loaded.close()


def bare(embedder, texts, **options):
    return embedder.submit(texts, **options).result(timeout=30)


def test_vectors_are_float32_rows_of_length_one(embedder):
    vectors = embedder.embed(["the sky is blue", "a cat", ""], role="document")
    assert vectors.shape == (3, embedder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_texts_give_no_rows(embedder):
    assert embedder.embed([], role="query").shape == (0, embedder.dim)


def test_a_role_is_its_prompt_before_the_text(embedder):
    for role, prefix in PROMPTS.items():
        got = embedder.embed(["sky"], role=role)
        np.testing.assert_array_equal(got, bare(embedder, [prefix + "sky"]).vectors)
        np.testing.assert_array_equal(got, bare(embedder, ["sky"], role=role).vectors)
        np.testing.assert_array_equal(got, bare(embedder, ["sky"], prompt_name=role).vectors)
    query, document = (embedder.embed(["sky"], role=role) for role in PROMPTS)
    assert np.abs(query - document).max() > 1e-3


@pytest.mark.parametrize(("width", "computed"), [(32, "f32"), (34, "bf16")])
@pytest.mark.parametrize("asked", ["auto", "bf16"])
def test_narrow_token_vectors_are_not_computed_in_bf16(tmp_path, width, computed, asked):
    from openvino import Core

    if "BF16" not in Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bf16 instructions")
    # The width that counts is not that of the text vectors.
    narrow = write_model(tmp_path, dim=width, dense=66 - width)
    exact, loaded = (load(narrow, precision=precision) for precision in ("f32", asked))
    got, wanted = (one.embed(TWO_LONG, role="query") for one in (loaded, exact))
    assert loaded.precision == computed
    assert np.array_equal(got, wanted) == (computed == "f32")
    for one in (loaded, exact):
        one.close()


@pytest.mark.parametrize("role", ["passage", "", None])
def test_an_unknown_role_is_an_input_error(embedder, role):
    with pytest.raises(InputError, match=f"role is {role!r}; expected 'query' or 'document'"):
        embedder.embed(["sky"], role=role)


def test_one_string_is_not_a_list_of_texts(embedder):
    with pytest.raises(InputError, match="one string"):
        embedder.embed("sky", role="query")


def test_one_string_is_not_a_stream_of_texts(embedder):
    with pytest.raises(InputError, match="one string"):
        list(embedder.embed_stream("sky", role="query"))


@pytest.mark.parametrize("text", [None, 3, b"sky", ["sky"]], ids=repr)
def test_what_is_no_string_is_named_by_its_place(embedder, text):
    with pytest.raises(InputError, match=f"text 1 is {type(text).__name__}"):
        embedder.embed(["sky", text], role="query")


def test_a_long_text_is_cut_and_counted(embedder):
    got = embedder.embed_counted(["sky", LONG], role="document")
    assert got.token_counts.tolist() == [4, 32]
    assert got.truncated.tolist() == [False, True]
    with pytest.raises(TextTooLongError, match="exceeds the context length"):
        embedder.embed(["sky", LONG], role="document", truncate=False)
    assert len(embedder.embed(["sky"], role="document", truncate=False)) == 1


def test_a_window_cuts_to_exactly_so_many_tokens(embedder):
    got = bare(embedder, [LONG], max_tokens=7)
    assert got.token_counts.tolist() == [7]
    np.testing.assert_allclose(
        got.vectors, bare(embedder, ["the cat is blue the"]).vectors, atol=1e-6
    )


def test_a_window_is_at_most_what_the_model_can_read(embedder):
    assert bare(embedder, [LONG], max_tokens=10**6).token_counts.tolist() == [32]


@pytest.mark.parametrize("window", [2, 1, -5])
def test_a_window_without_room_is_an_input_error(embedder, window):
    with pytest.raises(WindowTooSmallError):
        embedder.submit(["sky"], max_tokens=window)


def test_awkward_texts_are_answered(embedder):
    texts = ["", " ", "\x00", "\ud800", "sky\udfff", "天空", "é", "x" * 1_000_000, "\U0001f600"]
    vectors = embedder.embed(texts, role="document")
    assert np.isfinite(vectors).all()
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_a_stream_gives_what_one_call_gives(embedder):
    texts = [f"sky {n}" for n in range(STREAM_TEXTS + 10)]
    parts = list(embedder.embed_stream(iter(texts), role="query"))
    assert [len(part) for part in parts] == [STREAM_TEXTS, 10]
    np.testing.assert_allclose(
        np.concatenate(parts), embedder.embed(texts, role="query"), atol=1e-6
    )


def test_a_stream_reads_no_further_than_it_must(embedder):
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield "sky"

    stream = embedder.embed_stream(endless(), role="query")
    assert read == 0
    assert len(next(stream)) == STREAM_TEXTS
    assert read <= STREAM_SLICES * STREAM_TEXTS
    next(stream)
    assert read <= (STREAM_SLICES + 1) * STREAM_TEXTS


def test_an_empty_stream_is_empty(embedder):
    assert list(embedder.embed_stream([], role="query")) == []


def test_a_counted_stream_says_what_was_cut(embedder):
    [result] = embedder.embed_stream_counted(["sky", LONG], role="document")
    assert result.token_counts.tolist() == [4, 32]
    assert result.truncated.tolist() == [False, True]


def test_asyncio_gets_the_same_vectors(embedder):
    async def ask():
        calls = [embedder.embed_async([f"sky {n}"], role="query") for n in range(20)]
        return np.concatenate(await asyncio.gather(*calls))

    wanted = embedder.embed([f"sky {n}" for n in range(20)], role="query")
    np.testing.assert_allclose(asyncio.run(ask()), wanted, atol=1e-6)


def test_token_ids_give_the_vector_of_their_text(embedder, folder):
    texts = ["the sky is blue", "", LONG]
    ids = [t.ids.tolist() for t in Tokenizer(read_tokenizer(folder)).encode(texts, [10**6] * 3)]
    wanted = bare(embedder, texts)
    for given in (ids, [row[1:-1] for row in ids]):
        got = embedder.submit_tokens(given).result(timeout=30)
        np.testing.assert_array_equal(got.vectors, wanted.vectors)
        assert got.token_counts.tolist() == wanted.token_counts.tolist()
        assert got.truncated.tolist() == wanted.truncated.tolist()


def test_an_unknown_prompt_is_refused_with_those_that_are_known(embedder):
    with pytest.raises(
        InputError, match=r"^prompt_name is 'no'; expected one of: .*document, query"
    ):
        embedder.submit(["sky"], prompt_name="no")


def test_token_ids_take_no_prompt(embedder):
    for asked in ({"role": "query"}, {"prompt_name": "query"}):
        with pytest.raises(InputError, match=r"^input_type puts a prompt before text; expected"):
            embedder.submit_tokens([[5]], **asked)
    assert len(embedder.submit_tokens([[5]], role="similarity").result(timeout=30).vectors) == 1


def test_an_unknown_token_id_is_an_input_error(embedder):
    with pytest.raises(InputError, match="token id 99999 is unknown"):
        embedder.submit_tokens([[5], [99_999]])


def test_token_ids_too_long_are_refused_if_asked(embedder):
    with pytest.raises(TextTooLongError):
        embedder.submit_tokens([[5] * 100], truncate=False).result(timeout=30)


def test_auto_is_near_f32_and_short_texts_are_f32(embedder, folder):
    texts = ["the sky is blue", *(f"{LONG} {n}"[n:] for n in range(50))]
    auto = load(folder)
    exact, quick = (e.embed(texts, role="document") for e in (embedder, auto))
    assert (exact * quick).sum(axis=1).min() > 0.999
    one = [e.embed(["sky"], role="query") for e in (embedder, auto)]
    np.testing.assert_allclose(one[0], one[1], atol=1e-6)
    auto.close()


def test_one_fingerprint_for_one_model_wherever_it_lies(tmp_path, embedder, folder):
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert load(tmp_path / "elsewhere").fingerprint == embedder.fingerprint


@pytest.mark.parametrize("what", ["weights", "prompts", "pooling", "window", "normalize"])
def test_what_changes_vectors_changes_the_fingerprint(tmp_path, embedder, what):
    kinds: dict[str, dict[str, Any]] = {
        "weights": {"seed": 1},
        "pooling": {"pooling": "cls"},
        "normalize": {"normalize": False},
    }
    folder = write_model(tmp_path, **kinds.get(what, {}))
    if what == "prompts":
        config = folder / "config_sentence_transformers.json"
        change_json(config, prompts={**PROMPTS, "query": "other "})
    if what == "window":
        change_json(folder / "sentence_bert_config.json", max_seq_length=16)
    assert load(folder).fingerprint != embedder.fingerprint


def test_a_closed_model_says_so(folder):
    closed = load(folder)
    closed.close()
    closed.close()
    with pytest.raises(EngineClosedError):
        closed.embed(["sky"], role="query")


def run(code, folder) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), str(folder)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_the_interpreter_ends_cleanly_with_work_under_way(folder):
    code = """
        import sys
        from simile.engine.embedder import LocalEmbedder
        from simile.hub.plain_folder import open_folder
        embedder = LocalEmbedder(open_folder(sys.argv[1]))
        embedder.embed(["sky"], role="query")
        waiting = embedder.submit([f"text {n}" for n in range(50_000)])
        print("end")
    """
    assert run(code, folder) == "end"


def test_nothing_calls_home(folder):
    """OpenVINO brings a telemetry package; it must not start a thread, a process or a call."""
    code = """
        import sys
        seen = []
        calls = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
                 "subprocess.Popen", "os.fork", "os.posix_spawn", "urllib.Request")
        def watch(event, args):
            if event in calls:
                seen.append(event)
                raise OSError(f"no {event} here")
        sys.addaudithook(watch)
        import threading
        from simile.engine.embedder import LocalEmbedder
        from simile.hub.plain_folder import open_folder
        embedder = LocalEmbedder(open_folder(sys.argv[1]))
        embedder.embed(["sky", "the cat is blue " * 9], role="query")
        others = [t.name for t in threading.enumerate()
                  if t is not threading.main_thread() and not t.name.startswith("simile-")]
        print(seen, others)
        embedder.close()
    """
    assert run(code, folder) == "[] []"


@pytest.mark.parametrize("texts", [{"a cat"}, {"a cat": 1}.keys(), ("a cat",)])
def test_texts_may_be_any_collection(embedder, texts):
    np.testing.assert_array_equal(
        embedder.embed(texts, role="query"), embedder.embed(["a cat"], role="query")
    )


def test_a_closed_model_leaves_memory_without_a_collection(folder):
    embedder = load(folder)
    embedder.embed(["a cat"], role="query")
    compiled = ref(cast(Any, embedder._scheduler._runners[0])._runner._compiled)
    gc.disable()
    try:
        embedder.close()
        del embedder
        assert compiled() is None
    finally:
        gc.enable()
