"""A loaded reranker: order, what it refuses, and that its work can be dropped."""

import numpy as np
import pytest
from tests.rerankers import say, write_tiny_reranker

from simile.engine.cross_encoder import LocalReranker
from simile.errors import (
    EngineClosedError,
    InputError,
    TextTooLongError,
    WindowTooSmallError,
)
from simile.hub.plain_folder import open_folder
from simile.protocols import RankModel

TEXTS = ["cat", "the sky is blue", "green grass", "cat", "", "dog " * 200]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_reranker(tmp_path_factory.mktemp("reranker"))


@pytest.fixture(scope="module")
def reranker(folder):
    loaded = LocalReranker(open_folder(str(folder)), precision="f32")
    yield loaded
    loaded.close()


def test_texts_come_best_first_equal_ones_in_their_order(reranker):
    ranking: RankModel = reranker
    ranked = ranking.rank("why is the sky blue", TEXTS)
    assert sorted(one.index for one in ranked) == list(range(len(TEXTS)))
    scores = [one.score for one in ranked]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == len(TEXTS) - 1
    order = [one.index for one in ranked]
    assert order.index(3) == order.index(0) + 1
    assert {one.model for one in ranked} == {reranker.name}
    assert ranking.rank("why is the sky blue", TEXTS, top_k=2) == ranked[:2]


def test_scores_are_sigmoids_of_raw_ones_unless_the_files_say_identity(reranker, folder, tmp_path):
    raw = reranker.submit("sky", TEXTS, raw_scores=True).result(timeout=60).scores
    scores = reranker.submit("sky", TEXTS).result(timeout=60).scores
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-raw)), atol=1e-6)
    other = write_tiny_reranker(tmp_path)
    say(other, sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity"})
    plain = LocalReranker(open_folder(str(other)), precision="f32")
    np.testing.assert_allclose(plain.submit("sky", TEXTS).result(timeout=60).scores, raw, atol=1e-5)
    assert plain.fingerprint != reranker.fingerprint
    plain.close()


def test_a_text_has_one_score_whatever_it_is_ranked_with(reranker):
    together = reranker.submit("sky", TEXTS, raw_scores=True).result(timeout=60).scores
    alone = [reranker.submit("sky", [t], raw_scores=True).result(timeout=60).scores for t in TEXTS]
    np.testing.assert_allclose(np.concatenate(alone), together, atol=1e-5)
    calls = [reranker.submit(query, TEXTS, raw_scores=True) for query in ("sky", "a dog", "sky")]
    first, other, again = (call.result(timeout=60).scores for call in calls)
    np.testing.assert_allclose(first, again, atol=1e-5)
    assert np.abs(first - other).max() > 1e-3


def test_no_text_is_no_score(reranker):
    assert reranker.rank("sky", []) == []
    assert reranker.submit("sky", []).result(timeout=60).scores.shape == (0,)


@pytest.mark.parametrize(
    ("query", "texts", "options"),
    [
        (None, ["cat"], {}),
        ("sky", "cat", {}),
        ("sky", ["cat", 3], {}),
        ("sky", ["cat"], {"instruction": "Find cats"}),
    ],
)
def test_what_cannot_be_ranked_is_an_input_error(reranker, query, texts, options):
    with pytest.raises(InputError):
        reranker.submit(query, texts, **options)


def test_top_k_is_no_negative_number(reranker):
    with pytest.raises(InputError, match="top_k"):
        reranker.rank("sky", ["cat"], top_k=-1)


def test_a_window_holds_the_special_tokens_and_the_text_that_fits(reranker):
    with pytest.raises(WindowTooSmallError):
        reranker.submit("sky", ["cat"], max_tokens=3)
    result = reranker.submit("sky", ["cat dog", "cat"], max_tokens=5).result(timeout=60)
    assert result.token_counts.tolist() == [5, 5]
    assert result.truncated.tolist() == [True, False]


def test_truncation_can_be_declined(reranker):
    with pytest.raises(TextTooLongError):
        reranker.submit("sky", ["dog " * 200], truncate=False).result(timeout=60)


def test_a_closed_reranker_says_so(folder):
    loaded = LocalReranker(open_folder(str(folder)), precision="f32")
    loaded.close()
    with pytest.raises(EngineClosedError):
        loaded.submit("sky", ["cat"])


def test_the_configured_prompt_goes_before_the_query(tmp_path, reranker):
    from tests.checkpoint_files import write_json

    folder = write_tiny_reranker(tmp_path)
    prompts = {"default_prompt_name": "ask", "prompts": {"ask": "why is "}}
    write_json(folder / "config_sentence_transformers.json", prompts)
    prompted = LocalReranker(open_folder(str(folder)), precision="f32")
    got = prompted.submit("sky", ["cat"], raw_scores=True).result(timeout=60).scores
    wanted = reranker.submit("why is sky", ["cat"], raw_scores=True).result(timeout=60).scores
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    prompted.close()
