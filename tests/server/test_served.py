"""Which model is meant where a request names none."""

import asyncio
from typing import Any

import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.rerankers import write_tiny_reranker

from simile.errors import ModelNotFoundError
from simile.hub.hub import Hub
from simile.server.errors import BodyError
from simile.server.local_models import LocalModels
from simile.server.served import Served


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    for seed, name in enumerate(("embeds", "embeds-too")):
        write_tiny_bert(folder / name, seed=seed)
    for seed, name in enumerate(("ranks", "ranks-too")):
        write_tiny_reranker(folder / name, seed=seed)
    return folder


@pytest.fixture
def served(sources, tmp_path):
    """Pull these, and serve those."""

    def served(*pulled: str, models: tuple[str, ...] = ()) -> Served:
        hub = Hub(tmp_path / "home", [sources])
        for name in pulled:
            hub.pull(name)
        return Served(LocalModels(hub), models)

    return served


def choose(chosen: Any) -> str:
    return str(asyncio.run(chosen).text)


def test_the_one_that_the_server_was_started_with_goes_before_others(served):
    several = served("embeds", "embeds-too", "ranks", "ranks-too", models=("embeds-too", "ranks"))
    assert choose(several.embedder()) == "embeds-too"
    assert choose(several.reranker()) == "ranks"
    assert choose(several.any()) == "embeds-too"


def test_the_only_one_that_is_here_is_meant(served):
    both = served("embeds", "ranks")
    assert choose(both.embedder()) == "embeds:latest"
    assert choose(both.reranker()) == "ranks:latest"


def test_a_reranker_that_is_here_goes_before_an_embedding_model_that_is_served(served):
    assert choose(served("embeds", "ranks", models=("embeds",)).reranker()) == "ranks:latest"


def test_without_a_reranker_an_embedding_model_ranks(served):
    assert choose(served("embeds", "embeds-too", models=("embeds",)).reranker()) == "embeds"


def test_what_was_not_pulled_is_passed_over(served):
    assert choose(served("embeds", models=("not-pulled",)).embedder()) == "embeds:latest"


def test_two_names_of_one_model_are_one(served):
    assert choose(served("embeds", models=("embeds", "embeds:latest")).embedder()) == "embeds"


def test_several_are_told_by_their_names(served):
    two = served("embeds", "embeds-too", models=("embeds", "embeds-too"))
    with pytest.raises(BodyError, match=r"expected one of these: embeds, embeds-too$"):
        choose(two.embedder())
    with pytest.raises(BodyError, match="ranks-too:latest, ranks:latest"):
        choose(served("ranks", "ranks-too").reranker())


def test_none_is_an_error_that_says_what_to_do(served):
    with pytest.raises(ModelNotFoundError, match="no reranker is here; pull one, or name it"):
        choose(served().reranker())
    with pytest.raises(ModelNotFoundError, match="no embedding model is here"):
        choose(served("ranks", models=("ranks",)).embedder())
    assert choose(served("ranks", models=("ranks",)).any()) == "ranks"


def test_a_damaged_model_is_not_chosen(served, tmp_path):
    two = served("embeds", "embeds-too")
    for config in (tmp_path / "home").rglob("embeds/**/config.json"):
        config.write_text("{", encoding="utf-8")
    assert choose(two.embedder()) == "embeds-too:latest"
