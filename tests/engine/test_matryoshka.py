"""Vectors cut to fewer numbers: scaled, normalized before where trained so, refused."""

import asyncio

import numpy as np
import pytest
from tests.checkpoint_files import change_json, write_json, write_tiny_bert

from simile.engine.embedder import LocalEmbedder
from simile.engine.matryoshka import check_dimensions, cut
from simile.errors import InputError
from simile.hub.plain_folder import open_folder

DIM = 16
TEXTS = ["the sky is blue", "a cat", ""]


def layer_norm(vectors):
    """Exact, as PyTorch's `layer_norm(vectors, (dim,))`."""
    centered = vectors - vectors.mean(axis=1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(axis=1, keepdims=True) + 1e-5)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("tiny"), dim=DIM)


def load(folder, **options):
    return LocalEmbedder(open_folder(str(folder)), precision="f32", **options)


@pytest.fixture(scope="module")
def whole(folder):
    embedder = load(folder)
    yield embedder.embed(TEXTS, role="document")
    embedder.close()


@pytest.mark.parametrize("scale", [1.0, 1e-3, 40.0])
def test_a_cut_is_the_formula(scale):
    vectors = (np.random.default_rng(1).normal(0.3, 1, (5, 32)) * scale).astype(np.float32)
    np.testing.assert_allclose(cut(vectors, 7), unit(vectors[:, :7]), rtol=1e-5)
    normal = unit(layer_norm(vectors.astype(np.float64))[:, :7])
    np.testing.assert_allclose(cut(vectors, 7, layer_norm=True), normal, rtol=1e-4, atol=1e-6)


def test_zeros_stay_zeros():
    zeros = np.zeros((2, 8), np.float32)
    assert not cut(zeros, 3).any()
    assert not cut(zeros, 3, layer_norm=True).any()


@pytest.mark.parametrize("dimensions", [0, -1, 8, 9])
def test_nothing_is_changed_where_there_is_nothing_to_cut(dimensions):
    vectors = np.full((1, 8), 3, np.float32)
    assert cut(vectors, dimensions, layer_norm=True) is vectors


def test_an_embedder_cuts_in_every_way_it_is_asked(folder, whole):
    embedder = load(folder, dimensions=5)
    expected = unit(whole[:, :5])
    assert embedder.dim == 5
    counted = embedder.embed_counted(TEXTS, role="document").vectors
    np.testing.assert_allclose(counted, expected, atol=1e-6)
    streamed = np.concatenate(list(embedder.embed_stream(TEXTS, role="document")))
    np.testing.assert_allclose(streamed, expected, atol=1e-6)
    awaited = asyncio.run(embedder.embed_async(TEXTS, role="document"))
    np.testing.assert_allclose(awaited, expected, atol=1e-6)
    embedder.close()


def test_the_width_is_part_of_the_fingerprint(folder):
    whole, five, again, six = (load(folder, dimensions=n) for n in (None, 5, 5, 6))
    assert five.fingerprint == again.fingerprint
    assert len({whole.fingerprint, five.fingerprint, six.fingerprint}) == 3
    assert load(folder, dimensions=DIM).fingerprint == whole.fingerprint


@pytest.mark.parametrize("dimensions", [0, -1, DIM + 1, 2.0, "3", True])
def test_what_is_no_width_is_refused(folder, dimensions):
    with pytest.raises(InputError, match=f"integer from 1 to {DIM}"):
        load(folder, dimensions=dimensions)


def test_strict_refuses_what_was_not_trained_for(folder, tmp_path):
    with pytest.raises(InputError, match="its trained widths are unknown"):
        load(folder, dimensions=8, strict=True)
    assert load(folder, dimensions=DIM, strict=True).dim == DIM
    trained = write_tiny_bert(tmp_path, dim=DIM)
    change_json(trained / "config.json", matryoshka_dimensions=[8, 4])
    assert load(trained, dimensions=4, strict=True).dim == 4
    assert load(trained, dimensions=5).dim == 5
    with pytest.raises(InputError, match="it was trained for 8, 4"):
        load(trained, dimensions=5, strict=True)


def test_a_range_of_widths_is_said_as_such():
    assert check_dimensions(40, 64, range(32, 65), strict=True) == 40
    with pytest.raises(InputError, match="it was trained for 32 to 64"):
        check_dimensions(31, 64, range(32, 65), strict=True)


def test_the_checkpoint_itself_may_say_where_to_cut(tmp_path, whole):
    folder = write_tiny_bert(tmp_path, dim=DIM)
    write_json(folder / "config_sentence_transformers.json", {"truncate_dim": 6})
    embedder = load(folder)
    assert (embedder.dim, embedder.facts.dim) == (6, 6)
    got = embedder.embed(TEXTS, role="document")
    np.testing.assert_allclose(got, unit(whole[:, :6]), atol=1e-6)
    with pytest.raises(InputError, match="1 to 6"):
        load(folder, dimensions=7)
    embedder.close()
