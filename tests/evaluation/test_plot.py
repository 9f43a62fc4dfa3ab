"""Pictures are written as what their name says, and need an extra that is named."""

import sys

import numpy as np
import pytest

from simile.errors import InputError, MissingExtraError
from simile.evaluation.plot import interval, plot_alpha, plot_arms
from simile.evaluation.run import Evaluation
from simile.evaluation.tune import DEFAULT, GRID, Tuning

STARTS = {"png": b"\x89PNG", "svg": b"<?xml"}
CHANCE = np.random.default_rng(0)
EVALUATION = Evaluation(
    30,
    {arm: {"ndcg@10": CHANCE.random(30), "mrr": CHANCE.random(30)} for arm in ("dense", "hybrid")},
)
TUNING = Tuning("ndcg@10", {one: CHANCE.random(30) for one in GRID}, {}, DEFAULT, 0.5, 0.5, 1.0)


@pytest.mark.parametrize("suffix", STARTS)
def test_pictures_are_of_the_kind_that_the_suffix_says(tmp_path, suffix):
    arms, alpha = tmp_path / f"arms.{suffix}", tmp_path / f"alpha.{suffix}"
    plot_arms(EVALUATION, arms)
    plot_alpha(TUNING, alpha)
    for path in (arms, alpha):
        assert path.read_bytes().startswith(STARTS[suffix])


def test_another_suffix_metric_or_place_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"a.doc is invalid; expected the suffix .png or .svg"):
        plot_arms(EVALUATION, tmp_path / "a.doc")
    with pytest.raises(InputError, match="metric is 'f1'; expected one of ndcg@10, mrr"):
        plot_arms(EVALUATION, tmp_path / "a.png", metrics=["f1"])
    with pytest.raises(InputError, match="cannot be written: No such file"):
        plot_arms(EVALUATION, tmp_path / "no" / "a.png", metrics=["mrr"])


def test_without_the_extra_it_is_named(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[-1:])
    with pytest.raises(MissingExtraError, match=r"pip install 'simile\[plot\]'"):
        plot_alpha(TUNING, tmp_path / "a.svg")


def test_the_interval_is_that_of_the_normal_law_for_many_queries():
    scores = np.random.default_rng(1).normal(0.5, 0.1, 2000)
    low, high = interval(scores)
    error = 1.96 * scores.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((scores.mean() - error, scores.mean() + error), abs=5e-4)
    assert interval(np.array([0.3, np.nan])) == (0.3, 0.3)
