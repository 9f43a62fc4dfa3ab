"""A plan is found by trying, chosen only where it is clearly better, and kept."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checkpoint_files import write_tiny_bert
from tests.opened import encoder_of

from simile.engine import tuning
from simile.engine.compile import CompiledEncoder
from simile.engine.tuning import Plan, find, first_plan, read_or_find
from simile.errors import EngineError
from simile.hub.plain_folder import open_folder


def rates(best, gain):
    """A machine on which one number of streams computes so many times more."""
    return lambda first, second: (
        (gain if second.streams == best else 1.0) / (gain if first.streams == best else 1.0)
    )


@pytest.mark.parametrize("best", [1, 2, 4, 16])
def test_the_plan_that_computes_most_is_found(best):
    assert find(16, rates(best, 1.5)) == Plan(best, 1024)


def never(first: Plan, second: Plan) -> float:
    raise AssertionError("nothing is to be tried")


class Trials:
    """Remembers what was tried; all are as fast."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []

    def __call__(self, first: Plan, second: Plan) -> float:
        self.plans.append(second)
        return 1.0


def test_noise_changes_nothing():
    assert find(16, lambda first, second: 1.05) == first_plan(16)


def test_a_plan_that_fails_is_not_chosen():
    def compare(first, second):
        if second.streams == 1:
            raise EngineError("too much for this machine")
        return 2.0 if second.streams == 4 else 1.0

    assert find(16, compare).streams == 4


def test_no_trial_begins_after_the_time_is_over(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(tuning, "perf_counter", lambda: next(clock))
    tried = Trials()
    find(64, tried)
    assert len(tried.plans) == 1


def test_a_plan_is_kept_and_read_again(tmp_path):
    path = tmp_path / "derived" / "plan.json"
    assert read_or_find(path, 8, rates(8, 2.0)) == Plan(8, 1024)
    assert read_or_find(path, 8, never) == Plan(8, 1024)
    assert [file.name for file in path.parent.iterdir()] == ["plan.json"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"streams": 99, "batch_tokens": 1024}', '{"streams": 2}', "null"]
)
def test_a_damaged_plan_is_found_again(tmp_path, content):
    path = tmp_path / "plan.json"
    path.write_text(content)
    assert read_or_find(path, 8, rates(8, 2.0)) == Plan(8, 1024)
    assert json.loads(path.read_text())["streams"] == 8


def test_where_nothing_can_be_kept_it_is_found_all_the_same(tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert read_or_find(tmp_path / "file" / "plan.json", 8, rates(8, 2.0)) == Plan(8, 1024)


@pytest.mark.parametrize(("cores", "kept"), [(1, True), (2, True), (16, False)])
def test_without_a_choice_or_a_place_nothing_is_tried(tmp_path, cores, kept):
    path = tmp_path / "plan.json" if kept else None
    assert read_or_find(path, cores, never) == first_plan(cores)


@given(cores=st.integers(1, 256))
def test_every_plan_tried_fits_the_machine(cores):
    tried = Trials()
    find(cores, tried)
    plans = [first_plan(cores), *tried.plans]
    assert all(1 <= plan.streams <= cores and plan.batch_tokens >= 512 for plan in plans)


def test_a_real_graph_is_compared_by_computing(tmp_path, monkeypatch):
    monkeypatch.setattr("simile.engine.compile._cores", lambda: 4)
    model = open_folder(str(write_tiny_bert(tmp_path / "tiny")))
    compiled = CompiledEncoder(
        encoder_of(model.path), precision="f32", derived=tmp_path / "derived"
    )
    (kept,) = (tmp_path / "derived").glob("plan-*.json")
    assert json.loads(kept.read_text()) == {
        "streams": compiled.plan.streams,
        "batch_tokens": compiled.plan.batch_tokens,
    }
    assert len(compiled.runners()) == compiled.plan.streams
    assert compiled._compare(Plan(1, 512), Plan(2, 1024)) > 0
