"""What models' files say is read once for each digest, and again where that failed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.rerankers import write_tiny_reranker

from simile.errors import CheckpointError
from simile.hub.plain_folder import open_folder
from simile.models import known_facts
from simile.models.known_facts import KnownFacts
from simile.models.open import read_facts


class Reader:
    """Reads facts, and counts how often."""

    def __init__(self):
        self.asked = []

    def __call__(self, local):
        self.asked.append(local.name)
        return read_facts(local)


@pytest.fixture
def model(tmp_path):
    return open_folder(str(write_tiny_bert(tmp_path / "tiny")))


def test_facts_are_read_once_for_a_digest(model):
    read = Reader()
    known = KnownFacts(read)
    other_name = replace(model, name="other")
    assert known.of(model) == known.of(model) == known.of(other_name) == read_facts(model)
    assert len(read.asked) == 1
    known.of(replace(model, digest="00" * 32))
    assert len(read.asked) == 2


def test_what_the_catalog_adds_is_kept_apart(model):
    known = KnownFacts()
    prompted = replace(model, prompts={"query": "q: "}, window=7, dimensions=(4,))
    assert known.of(model).prefix("query") == ""
    assert known.of(prompted).prefix("query") == "q: "
    assert known.of(prompted).max_tokens == 7
    assert known.of(model).max_tokens != 7


def test_a_failure_is_not_remembered(model):
    config = model.path / "config.json"
    whole = config.read_text()
    config.write_text("{")
    known = KnownFacts()
    with pytest.raises(CheckpointError):
        known.of(model)
    config.write_text(whole)
    assert known.of(model).dim


def test_no_more_than_so_many_are_kept(model, monkeypatch):
    monkeypatch.setattr(known_facts, "MAX_MODELS", 2)
    read = Reader()
    known = KnownFacts(read)
    for digest in "aabbccaa":
        known.of(replace(model, digest=digest))
    assert len(read.asked) == 4


def test_threads_may_ask_at_the_same_time(model):
    known = KnownFacts()
    with ThreadPoolExecutor(8) as pool:
        assert len({id(facts) for facts in pool.map(known.of, [model] * 64)}) <= 8
    assert known.of(model).dim


def test_facts_tell_a_reranker_from_an_embedding_model(model, tmp_path):
    known = KnownFacts()
    reranker = open_folder(str(write_tiny_reranker(tmp_path / "reranker")))
    assert [known.of(one).is_reranker for one in (model, reranker)] == [False, True]
