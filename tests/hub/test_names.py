"""Model names: Ollama's grammar, the short form, and folders that stay below their root."""

import re
from dataclasses import astuple
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simile.errors import ModelNameError
from simile.hub.names import ModelName, is_path

ALNUM = st.sampled_from("abcXYZ019_")
REST = "abcXYZ019_-."


def part(rest: str, longest: int) -> st.SearchStrategy[str]:
    return st.builds(str.__add__, ALNUM, st.text(rest, max_size=longest - 1))


names = st.builds(
    ModelName,
    host=part(REST + ":", 350) | st.just("registry.ollama.ai"),
    namespace=part("abcXYZ019_-", 80) | st.just("library"),
    model=part(REST, 80) | st.sampled_from(["con", "NUL.txt", "com1", "aux."]),
    tag=part(REST, 80) | st.just("latest"),
).filter(lambda name: not name.tag.lower().endswith(("cloud", "local")))


@pytest.mark.parametrize(
    ("text", "host", "namespace", "model", "tag"),
    [
        ("all-minilm", "registry.ollama.ai", "library", "all-minilm", "latest"),
        ("  all-minilm:22m\n", "registry.ollama.ai", "library", "all-minilm", "22m"),
        ("me/mine", "registry.ollama.ai", "me", "mine", "latest"),
        ("hf.co/BAAI/bge-m3", "hf.co", "BAAI", "bge-m3", "latest"),
        ("https://hf.co/BAAI/bge-m3:v1", "hf.co", "BAAI", "bge-m3", "v1"),
        ("localhost:5000/me/mine", "localhost:5000", "me", "mine", "latest"),
        ("localhost:5000/me/mine:x", "localhost:5000", "me", "mine", "x"),
        ("all-minilm:local", "registry.ollama.ai", "library", "all-minilm", "latest"),
        ("all-minilm:22m:LOCAL", "registry.ollama.ai", "library", "all-minilm", "22m"),
        ("_x:_y", "registry.ollama.ai", "library", "_x", "_y"),
        ("h" * 350 + "/n/m", "h" * 350, "n", "m", "latest"),
        ("m" * 80, "registry.ollama.ai", "library", "m" * 80, "latest"),
    ],
)
def test_name_is_split_as_ollama_splits_it(text, host, namespace, model, tag):
    assert astuple(ModelName.parse(text)) == (host, namespace, model, tag)


@pytest.mark.parametrize(
    "text",
    ["", " ", ":x", "x:", "a/", "/a", "a//b", "a b", "-a", ".a", "a:-b", "a:b:c", "na.me/x"]
    + [
        "a/b/c/d",
        "m" * 81,
        "m:" + "t" * 81,
        "n" * 81 + "/m",
        "h" * 351 + "/n/m",
        "é",
        "x@sha256:ab",
    ]
    + ["../x/y/z", "a/../b", "x\\y", "x\x00", "hf.co:/a/../b", "http://", "https://x"],
)
def test_text_outside_the_grammar_is_refused(text):
    with pytest.raises(ModelNameError, match="is not a model name"):
        ModelName.parse(text)


def test_a_name_longer_than_any_is_refused_in_a_short_message():
    with pytest.raises(ModelNameError, match="has 1025 characters; expected at most 1024"):
        ModelName.parse(" " * 1024 + "x")


@pytest.mark.parametrize("text", ["x:cloud", "x:20b-cloud", "X:CLOUD", "x:cloud:local"])
def test_cloud_models_are_refused(text):
    with pytest.raises(ModelNameError, match="this machine"):
        ModelName.parse(text)


def test_a_model_whose_own_name_ends_in_cloud_is_accepted():
    assert ModelName.parse("word-cloud").model == "word-cloud"


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ("all-minilm", "all-minilm:latest"),
        ("library/all-minilm:22m", "all-minilm:22m"),
        ("Registry.Ollama.AI/Library/x", "x:latest"),
        ("me/x", "me/x:latest"),
        ("hf.co/Org/Repo", "hf.co/Org/Repo:latest"),
    ],
)
def test_display_drops_only_defaults(text, display):
    assert ModelName.parse(text).display == display


def test_names_match_whatever_the_case():
    assert ModelName.parse("HF.co/baai/BGE-M3") == ModelName.parse("hf.co/BAAI/bge-m3:Latest")
    assert ModelName.parse("x:a") != ModelName.parse("x:b")


@settings(deadline=None)
@given(names)
def test_display_is_read_back_as_the_same_name(name):
    again = ModelName.parse(name.display)
    assert again == name
    assert again.display == name.display


def assert_safe(folder: PurePosixPath) -> None:
    assert len(folder.parts) == 4
    for part in folder.parts:
        assert re.fullmatch(r"[A-Za-z0-9_.%-]{1,255}", part)
        assert part not in (".", "..")
        assert not part.endswith(".")
        assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)", part)


@settings(deadline=None)
@given(names)
def test_folder_of_any_name_is_below_the_root_on_every_system(name):
    assert_safe(name.folder)


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("a./:\\-_~%", max_size=30))
def test_accepted_text_never_leads_out_of_the_root(text):
    try:
        name = ModelName.parse(text)
    except ModelNameError:
        return
    assert_safe(name.folder)


@settings(deadline=None)
@given(names, names)
def test_different_names_have_different_folders(one, other):
    same_folder = one.folder.as_posix().lower() == other.folder.as_posix().lower()
    assert same_folder == (one == other)


@pytest.mark.parametrize(
    "text",
    ["./x", "../x", "/x", "~/x", "~", ".", "..", "C:\\x", "c:/x", ".\\x", "a\\b", "x.gguf"]
    + ["models/X.GGUF", " ./x "],
)
def test_paths_are_told_from_names(text):
    assert is_path(text)


@pytest.mark.parametrize("text", ["x", "x:latest", "me/x", "hf.co/a/b", "host:1/a/b", "gguf", ""])
def test_names_are_told_from_paths(text):
    assert not is_path(text)
