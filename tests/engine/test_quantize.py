"""8-bit arithmetic: close to f32, found once, kept beside the model, and never mixed with float."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.checkpoint_files import write_tiny_bert

from simile.engine.compile import compute
from simile.engine.embedder import LocalEmbedder
from simile.engine.quantize import RECIPE, calibration_texts, matrix_steps
from simile.graph import Model, ops
from simile.hub.plain_folder import open_folder

GOLDEN = Path(__file__).parents[1] / "golden"
TEXTS = ["the cat is blue", "a dog in the green grass", "why is the sky blue?", "text " * 20, ""]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    found = open_folder(str(write_tiny_bert(folder / "tiny", dim=64, heads=4, layers=3)))
    return replace(found, derived=folder / "derived")


@pytest.fixture(scope="module")
def vectors(model):
    with_f32 = LocalEmbedder(model, precision="f32")
    vectors = with_f32.embed(TEXTS, role="document")
    with_f32.close()
    return vectors


def embed(model, texts=TEXTS):
    embedder = LocalEmbedder(model, precision="int8")
    vectors = embedder.embed(texts, role="document")
    embedder.close()
    return vectors


def test_products_of_the_largest_numbers_are_exact(model):
    """Without VNNI, x86 cuts sums of pairs at 16 bits: the matrices then hold 7 bits."""
    inputs = np.full((1, 3, 64), 255, np.float32)
    steps = matrix_steps()
    value = ops.parameter([-1, -1, 64], np.float32)
    bounds = [ops.constant(np.float32(bound)) for bound in (0, 255)]
    matrix = ops.convert(ops.constant(np.full((8, 64), steps, np.int8)), "f32")
    quantized = ops.fake_quantize(value, *bounds, *bounds, 256)
    product = ops.matmul(quantized, ops.multiply(matrix, np.float32(1)), False, True)
    [[sums]] = compute(Model([product], [value], "largest"), [[inputs]])
    np.testing.assert_allclose(sums, 255 * steps * 64, rtol=0.01)


def test_vectors_are_near_those_of_f32(model, vectors):
    cosine = (embed(model) * vectors).sum(axis=1)
    assert cosine.min() > 0.98
    assert cosine.max() < 0.9999999, "nothing was quantized"


def test_ranges_are_found_once(model, vectors, monkeypatch):
    first = embed(model)
    assert (model.derived / f"int8-{RECIPE}.npz").is_file()
    monkeypatch.setattr("simile.engine.quantize._measure", None)
    np.testing.assert_array_equal(embed(model), first)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not an archive"])
def test_damaged_ranges_are_found_again(model, content):
    first = embed(model)
    (model.derived / f"int8-{RECIPE}.npz").write_bytes(content)
    np.testing.assert_array_equal(embed(model), first)


def test_where_nothing_can_be_kept_it_works_all_the_same(model, vectors, tmp_path):
    (tmp_path / "file").write_text("no folder")
    unkept = replace(model, derived=tmp_path / "file")
    np.testing.assert_array_equal(embed(unkept), embed(model))
    np.testing.assert_array_equal(embed(replace(model, derived=None)), embed(model))


def test_a_text_has_the_same_vector_alone_and_in_a_crowd(model):
    crowd = embed(model)
    for place, text in enumerate(TEXTS):
        np.testing.assert_allclose(embed(model, [text])[0], crowd[place], atol=0.02)


def test_the_fingerprint_is_not_that_of_float(model):
    prints = {}
    for precision in ("f32", "auto", "int8"):
        embedder = LocalEmbedder(model, precision=precision)
        prints[precision] = embedder.fingerprint
        embedder.close()
    assert prints["f32"] == prints["auto"] != prints["int8"]


def test_calibration_texts_are_many_and_of_many_lengths():
    lengths = sorted(map(len, calibration_texts()))
    assert len(lengths) > 100
    assert lengths[0] < 5
    assert lengths[-1] > 1000


FAMILIES = sorted(
    path.name
    for path in GOLDEN.iterdir()
    if (path / "config.json").is_file() and not path.name.startswith("static")
)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_quantized_and_stays_near_f32(family):
    found = open_folder(str(GOLDEN / family))
    rows = []
    for precision in ("f32", "int8"):
        embedder = LocalEmbedder(found, precision=precision)
        vectors = embedder.embed(TEXTS[:4], role="document")
        rows.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        embedder.close()
    cosine = (rows[0] * rows[1]).sum(axis=1)
    assert cosine.min() > 0.98
    assert cosine.max() < 0.99999, "nothing was quantized"
