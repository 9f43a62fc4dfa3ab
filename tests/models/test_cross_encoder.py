"""Rerankers agree with stored scores of the reference implementations; what differs is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.checkpoint_files import write_json, write_tiny_bert
from tests.rerankers import say, write_tiny_reranker

from simile.engine.cross_encoder import LocalReranker
from simile.errors import CheckpointError, UnsupportedModelError
from simile.hub.plain_folder import open_folder
from simile.models.open import open_cross_encoder, read_facts

GOLDEN = Path(__file__).parent.parent / "golden" / "rerank"
FOLDERS = sorted(path.parent.name for path in GOLDEN.glob("*/expected.json"))
LOGIT = {"f32": 1e-4, "bf16": 6e-2}
"""Largest difference of a logit, as part of the spread of a checkpoint's.

The reference itself, computed in bfloat16, is 0.05 from itself in float32 on the worst of them.
"""


def has_bf16() -> bool:
    from openvino import Core

    return "BF16" in Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.fixture(scope="module", params=FOLDERS)
def folder(request) -> Path:
    return GOLDEN / str(request.param)


@pytest.fixture(scope="module")
def cases(folder) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "expected.json").read_text("utf-8"))["cases"]
    return found


@pytest.fixture(scope="module", params=["f32", "bf16"])
def reranker(request, folder):
    if request.param == "bf16" and not has_bf16():
        pytest.skip("this CPU has no bf16 instructions")
    loaded = LocalReranker(open_folder(str(folder)), precision=request.param)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def tolerance(reranker, cases):
    spread = np.ptp([case["logit"] for case in cases])
    assert spread > 1
    return LOGIT[reranker.precision] * spread


def judged(reranker, cases, **options):
    """Ask for the texts of each query in one call; gives results beside their cases."""
    for query in dict.fromkeys(case["query"] for case in cases):
        some = [case for case in cases if case["query"] == query]
        texts = [case["text"] * case["repeat"] for case in some]
        yield reranker.submit(query, texts, **options).result(timeout=60), some


def test_there_is_a_golden_reranker_of_every_kind():
    assert {"bert", "modernbert", "qwen3", "xlm-roberta"} <= set(FOLDERS)


def test_logits_are_the_references(reranker, cases, tolerance):
    for result, some in judged(reranker, cases, raw_scores=True):
        assert result.scores.dtype == np.float32
        wanted = np.array([case["logit"] for case in some])
        assert np.abs(result.scores - wanted).max() <= tolerance


def test_scores_are_the_references_with_the_activation_of_its_files(reranker, cases, tolerance):
    for result, some in judged(reranker, cases):
        wanted = np.array([case["score"] for case in some])
        assert np.abs(result.scores - wanted).max() <= tolerance


def test_tokens_are_counted_and_cut_as_by_the_reference(reranker, cases):
    for result, some in judged(reranker, cases):
        assert result.token_counts.tolist() == [case["tokens"] for case in some]
        full = result.token_counts == reranker.max_tokens
        assert result.truncated.any() and full[result.truncated].all()


def test_the_order_is_the_references_where_it_is_no_tie(reranker, cases, tolerance):
    for _, some in judged(reranker, cases):
        texts = [case["text"] * case["repeat"] for case in some]
        ranked = reranker.rank(some[0]["query"], texts)
        wanted = [some[one.index]["logit"] for one in ranked]
        assert np.diff(wanted).max() <= 2 * tolerance


@pytest.fixture
def tiny(tmp_path):
    return write_tiny_reranker(tmp_path / "tiny")


def graph_of(folder):
    return open_cross_encoder(open_folder(str(folder))).graph()


def test_a_classifier_is_a_reranker_and_a_folder_with_pooling_is_not(tiny, tmp_path):
    assert read_facts(open_folder(str(tiny))).is_reranker
    assert not read_facts(open_folder(str(write_tiny_bert(tmp_path / "embedder")))).is_reranker


def test_its_facts_are_read_without_pooling(tiny):
    facts = read_facts(open_folder(str(tiny)))
    assert (facts.pooling, facts.dim, facts.max_tokens) == ("rank", 1, 32)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "3 labels"),
        ({"id2label": None}, "2 labels"),
        ({"architectures": ["BertForTokenClassification"]}, "BertForTokenClassification"),
        ({"architectures": None}, "no architecture"),
        ({"sbert_ce_default_activation_function": "torch.nn.Softplus"}, "torch.nn.Softplus"),
        ({"sentence_transformers": {"activation_fn": "mine.Odd"}}, "mine.Odd"),
    ],
)
def test_what_is_no_reranker_of_one_score_is_refused(tiny, changes, error):
    say(tiny, **changes)
    with pytest.raises(UnsupportedModelError, match=error):
        graph_of(tiny)


def test_a_tensor_that_takes_no_part_is_refused(tmp_path):
    def add(tensors):
        tensors["adapter.weight"] = np.zeros((2, 2), "<f4")

    folder = write_tiny_bert(tmp_path, tensors_changed=add)
    (folder / "modules.json").unlink()
    say(folder, architectures=["BertForSequenceClassification"], id2label={"0": "a"})
    with pytest.raises(CheckpointError, match=r"classifier\.weight"):
        graph_of(folder)
    tensors_with(tmp_path / "more", "adapter.weight")
    with pytest.raises(UnsupportedModelError, match=r"adapter\.weight"):
        graph_of(tmp_path / "more")


def tensors_with(folder, name):
    def add(tensors):
        tensors[name] = np.zeros((2, 2), "<f4")
        tensors["classifier.weight"] = np.zeros((1, 16), "<f4")
        tensors["classifier.bias"] = np.zeros(1, "<f4")

    write_tiny_bert(folder, tensors_changed=add)
    (folder / "modules.json").unlink()
    say(folder, architectures=["BertForSequenceClassification"], id2label={"0": "a"})


def test_other_modules_of_a_cross_encoder_are_refused(tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(GOLDEN / "xlm-roberta", folder)
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    write_json(folder / "modules.json", [*modules, {"type": "sentence_transformers.Dense"}])
    with pytest.raises(UnsupportedModelError, match="Transformer, Dense"):
        graph_of(folder)
