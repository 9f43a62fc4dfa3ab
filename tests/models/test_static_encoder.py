"""Static embeddings: tables of every format and layout, windows, refusals, and no OpenVINO."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.checkpoint_files import SPECIALS, VOCAB, change_json, write_json, write_safetensors
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from simile.architectures.architecture import ENDLESS
from simile.checkpoints.files import choose, listing
from simile.checkpoints.open import open_checkpoint
from simile.engine.embedder import LocalEmbedder
from simile.errors import CheckpointError, TextTooLongError, UnsupportedModelError
from simile.hub.files import check_modules
from simile.hub.plain_folder import open_folder
from simile.models.open import read_facts

PIECES = [*SPECIALS, *VOCAB]
UNKNOWN = 1
TABLE = np.random.default_rng(3).normal(size=(len(PIECES), 6)).astype(np.float32)
MODULES = ("StaticEmbedding", "Normalize")
WEIGHTS = Path(os.environ.get("SIMILE_TEST_WEIGHTS", "no-such-folder"))
"""Folders of real static models: those that model2vec's Rust port is tested with."""


def tokenizer() -> Tokenizer:
    words = WordPiece({piece: n for n, piece in enumerate(PIECES)}, unk_token="[UNK]")
    fast = Tokenizer(words)
    fast.normalizer = BertNormalizer(lowercase=False)
    fast.pre_tokenizer = BertPreTokenizer()
    return fast


def write_modules(folder, kinds, path=""):
    entries = [
        {"path": "" if n else path, "type": f"sentence_transformers.models.{kind}"}
        for n, kind in enumerate(kinds)
    ]
    write_json(folder / "modules.json", entries)


def write_model2vec(folder, *, normalize=False, **tensors):
    folder.mkdir(exist_ok=True)
    write_safetensors(folder / "model.safetensors", {"embeddings": TABLE, **tensors})
    tokenizer().save(str(folder / "tokenizer.json"))
    write_json(folder / "config.json", {"model_type": "model2vec", "normalize": normalize})
    return folder


def write_st(folder, kinds=MODULES[:1], path=""):
    place = folder / path
    place.mkdir(parents=True, exist_ok=True)
    write_safetensors(place / "model.safetensors", {"embedding.weight": TABLE})
    tokenizer().save(str(place / "tokenizer.json"))
    write_json(folder / "config_sentence_transformers.json", {"prompts": {"query": "a "}})
    write_modules(folder, kinds, path)
    return folder


def embed(folder, *texts, **options):
    embedder = LocalEmbedder(open_folder(str(folder)))
    try:
        return embedder.embed(list(texts), role="document", **options)
    finally:
        embedder.close()


def ids_of(text):
    return [number for number in tokenizer().encode(text).ids if number != UNKNOWN]


def expected(text, table=TABLE):
    return table[ids_of(text)].mean(axis=0, dtype=np.float64)


@pytest.mark.parametrize("kind", ["<f4", "<f2", "<f8", "<i1"])
def test_a_table_of_any_format_is_averaged_as_it_is(tmp_path, kind):
    table = (TABLE * 20).astype(kind)
    folder = write_model2vec(tmp_path, embeddings=table)
    (vector,) = embed(folder, "the cat is blue")
    np.testing.assert_allclose(vector, expected("the cat is blue", table), rtol=1e-3)


def test_tokens_may_share_rows_and_have_weights(tmp_path):
    mapping = np.random.default_rng(1).integers(0, 9, len(PIECES)).astype(np.int64)
    weights = np.random.default_rng(2).random(len(PIECES))
    tensors = {"embeddings": TABLE[:9], "mapping": mapping, "weights": weights}
    folder = write_model2vec(tmp_path, normalize=True, **tensors)
    mean = expected("the sky is green", TABLE[mapping] * weights[:, None])
    (vector,) = embed(folder, "the sky is green")
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


def test_a_text_without_tokens_is_zeros(tmp_path):
    folder = write_model2vec(tmp_path, normalize=True)
    assert not embed(folder, "", " \n", "日本").any()
    assert embed(folder, "cat").any()


def test_the_unknown_token_counts_by_the_layout(tmp_path):
    text = "cat 日 dog"
    (left_out,) = embed(write_model2vec(tmp_path / "m"), text)
    np.testing.assert_allclose(left_out, expected(text), atol=1e-6)
    (counted,) = embed(write_st(tmp_path / "s"), text)
    np.testing.assert_allclose(counted, TABLE[tokenizer().encode(text).ids].mean(0), atol=1e-6)


@pytest.mark.parametrize("path", ["", "0_StaticEmbedding"])
def test_the_layouts_of_sentence_transformers(tmp_path, path):
    folder = write_st(tmp_path, MODULES, path)
    mean = expected("the cat")
    np.testing.assert_allclose(embed(folder, "the cat")[0], mean / np.linalg.norm(mean), atol=1e-6)
    facts = read_facts(open_folder(str(folder)))
    assert (facts.model_type, facts.normalize) == ("static_embedding", True)
    assert facts.prefix("query") == "a "


@pytest.mark.parametrize("path", ["", "0_StaticEmbedding"])
def test_that_layout_without_modules_json_is_model2vecs(tmp_path, path):
    folder = write_st(tmp_path, path=path)
    (folder / "modules.json").unlink()
    write_json(folder / "config_sentence_transformers.json", {"normalize": True})
    facts = read_facts(open_folder(str(folder)))
    assert (facts.model_type, facts.normalize, facts.max_tokens) == ("model2vec", True, 512)


def test_a_config_that_model2vec_writes_without_a_model_type_is_read(tmp_path):
    folder = write_model2vec(tmp_path)
    write_json(folder / "config.json", {"normalize": True, "max_length": 9})
    write_modules(folder, MODULES, ".")
    facts = read_facts(open_folder(str(folder)))
    assert (facts.model_type, facts.normalize, facts.max_tokens) == ("model2vec", True, 9)


def test_any_length_is_read_whole_where_nothing_says_otherwise(tmp_path):
    folder = write_st(tmp_path)
    assert read_facts(open_folder(str(folder))).max_tokens == ENDLESS
    text = "cat " * 30_000 + "dog " * 30_000
    np.testing.assert_allclose(embed(folder, text, truncate=False)[0], expected(text), atol=1e-5)


@pytest.mark.parametrize(("said", "window"), [({}, 512), ({"max_length": 7}, 7)])
def test_model2vecs_window_is_its_max_length(tmp_path, said, window):
    folder = write_model2vec(tmp_path)
    change_json(folder / "config.json", **said)
    assert read_facts(open_folder(str(folder))).max_tokens == window
    text = "cat " * 6 + "dog " * 2000
    cut = "cat " * 6 + "dog " * (window - 6)
    median = int(np.median([len(piece) for piece in PIECES]))
    np.testing.assert_allclose(embed(folder, text)[0], expected(cut[: window * median]), atol=1e-6)


def test_model2vec_without_a_limit_reads_everything(tmp_path):
    folder = write_model2vec(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", {**config, "max_length": None})
    text = "cat " * 3000 + "dog " * 3000
    np.testing.assert_allclose(embed(folder, text, truncate=False)[0], expected(text), atol=1e-5)


def test_a_text_cut_by_its_characters_is_told(tmp_path):
    folder = write_model2vec(tmp_path)
    text = "green " * 400  # Fewer tokens than the window, but too many characters.
    embedder = LocalEmbedder(open_folder(str(folder)))
    assert embedder.embed_counted([text], role="query").truncated.tolist() == [True]
    with pytest.raises(TextTooLongError):
        embedder.embed([text], role="query", truncate=False)
    embedder.close()


def test_the_window_of_sentence_transformers_is_the_tokenizers(tmp_path):
    folder = write_st(tmp_path)
    fast = tokenizer()
    fast.enable_truncation(5)
    fast.save(str(folder / "tokenizer.json"))
    np.testing.assert_allclose(embed(folder, "cat " * 5 + "dog")[0], expected("cat"), atol=1e-6)


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        ({"embeddings": TABLE[:-1]}, "embeddings has"),
        ({"embeddings": TABLE[0]}, "expected a table"),
        ({"mapping": np.zeros(3, np.int64)}, "mapping has 3 rows"),
        ({"weights": np.zeros(3, np.float32)}, "weights has 3 rows"),
        ({"mapping": np.full(len(PIECES), len(PIECES))}, "mapping: a row"),
        ({"mapping": np.full(len(PIECES), -1)}, "mapping: a row"),
        ({"other": TABLE}, "other"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path, tensors, named):
    folder = write_model2vec(tmp_path, **tensors)
    with pytest.raises((CheckpointError, UnsupportedModelError), match=named):
        embed(folder, "cat")


@pytest.mark.parametrize(
    "kinds", [("StaticEmbedding", "Dense"), ("StaticEmbedding", "Normalize", "Dense")]
)
def test_other_modules_are_refused(tmp_path, kinds):
    with pytest.raises(UnsupportedModelError, match="Dense"):
        open_checkpoint(write_st(tmp_path, kinds))


def test_a_module_outside_the_folder_is_refused(tmp_path):
    folder = write_st(tmp_path / "model")
    write_modules(folder, MODULES, "../elsewhere")
    with pytest.raises(CheckpointError, match="outside"):
        open_checkpoint(folder)


def test_facts_have_no_layers(tmp_path):
    facts = read_facts(open_folder(str(write_model2vec(tmp_path))))
    assert (facts.sizes.layer_count, facts.sizes.head_count, facts.dim) == (0, 0, 6)
    assert (facts.sizes.vocab_size, facts.parameter_count) == (len(PIECES), TABLE.size)


@pytest.mark.parametrize("path", ["", "0_StaticEmbedding"])
def test_what_is_pulled_is_all_there_is(tmp_path, path):
    folder = write_st(tmp_path, MODULES, path)
    assert choose(listing(folder)) == listing(folder)
    check_modules(folder)


def test_openvino_is_not_imported(tmp_path):
    code = (
        "import sys; from simile.engine.embedder import LocalEmbedder\n"
        "from simile.hub.plain_folder import open_folder\n"
        "embedder = LocalEmbedder(open_folder(sys.argv[1]))\n"
        "embedder.embed(['cat'], role='query'); embedder.close()\n"
        "sys.exit('openvino' in sys.modules)"
    )
    folder = write_model2vec(tmp_path)
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "stored", "text"),
    [
        *(
            (f"test-model-{kind}", stored, text)
            for kind in ("float32", "float16", "int8", "sentence-transformers")
            for stored, text in (("short", "hello world"), ("long", "hello " * 10_000))
        ),
        ("test-model-vocab-quantized", "vocab_quantized", "hello " * 10_000),
    ],
)
def test_real_layouts_agree_with_their_stored_vectors(name, stored, text):
    folder = next(WEIGHTS.rglob(name), None)
    if folder is None:
        pytest.skip("the real static models are not here; SIMILE_TEST_WEIGHTS names their folder")
    vectors = np.array(json.loads((folder.parent / f"embeddings_{stored}.json").read_text()))
    # The vectors are those of the float32 table, of which int8 is a rounded one.
    tolerance = {"test-model-int8": 1e-2, "test-model-float16": 1e-3}.get(name, 1e-6)
    np.testing.assert_allclose(embed(folder, text), vectors, atol=tolerance)
