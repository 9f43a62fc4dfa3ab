"""Finding, listing and removing models that are on this machine."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.gguf_files import write_gguf

from simile.errors import (
    CheckpointError,
    ModelNameError,
    ModelNotFoundError,
    UnsupportedModelError,
)
from simile.hub.hub import Hub


def test_absent_model_is_reported_in_ollamas_words(home):
    with pytest.raises(ModelNotFoundError) as caught:
        Hub(home).find("Foo")
    assert str(caught.value) == 'model "Foo" not found, try pulling it first'


def test_bad_name_is_refused_everywhere(home):
    for call in (Hub(home).find, Hub(home).pull, Hub(home).remove):
        with pytest.raises(ModelNameError):
            call("a b")


def test_finding_and_listing_write_nothing(home):
    assert Hub(home).models() == []
    with pytest.raises(ModelNotFoundError):
        Hub(home).find("x")
    assert not home.exists()


def test_pulled_model_is_found_in_any_case(folder_hub, files):
    folder_hub.pull("tiny")
    model = folder_hub.find("TINY:Latest")
    assert model.name == "tiny:latest"
    assert model.license == "MIT"
    assert model.prompts == {"query": "q: "}
    assert model.size_bytes == sum(map(len, files.values()))
    assert (model.path / "1_Pooling" / "config.json").is_file()
    assert datetime.now(UTC) - model.modified_at < timedelta(minutes=1)


def test_newest_model_is_listed_first(folder_hub):
    folder_hub.pull("tiny")
    folder_hub.pull("tiny:1m")
    assert [model.name for model in folder_hub.models()] == ["tiny:1m", "tiny:latest"]


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"version": 1, "files": [{}]}'])
def test_folder_without_a_valid_manifest_is_no_model(folder_hub, damage):
    manifest = folder_hub.pull("tiny").path / "manifest.json"
    manifest.write_text(damage, encoding="utf-8")
    assert folder_hub.models() == []
    with pytest.raises(ModelNotFoundError):
        folder_hub.find("tiny")
    assert folder_hub.pull("tiny").name == "tiny:latest"


def test_manifest_of_another_version_is_no_model(folder_hub):
    manifest = folder_hub.pull("tiny").path / "manifest.json"
    fields = json.loads(manifest.read_text(encoding="utf-8")) | {"version": 99}
    manifest.write_text(json.dumps(fields), encoding="utf-8")
    assert folder_hub.models() == []


def test_file_cut_short_is_named_and_pulling_mends_it(folder_hub, files):
    weights = folder_hub.pull("tiny").path / "model.safetensors"
    weights.unlink()
    weights.write_bytes(b"short")
    with pytest.raises(CheckpointError, match=r"model\.safetensors \(5 bytes, expected 3,072,000"):
        folder_hub.find("tiny")
    assert (folder_hub.pull("tiny").path / "model.safetensors").read_bytes() == files[
        "model.safetensors"
    ]


def test_removed_model_is_gone_with_its_empty_folders(folder_hub, home, shelf):
    folder_hub.pull("tiny")
    folder_hub.remove("TINY")
    assert folder_hub.models() == []
    assert not any((home / "models").rglob("*"))
    assert (shelf / "Tiny-Model" / "model.safetensors").is_file()
    with pytest.raises(ModelNotFoundError, match='"TINY" not found'):
        folder_hub.remove("TINY")


def test_other_tags_survive_a_removal(folder_hub):
    folder_hub.pull("tiny")
    folder_hub.pull("tiny:1m")
    folder_hub.remove("tiny")
    assert [model.name for model in folder_hub.models()] == ["tiny:1m"]


def test_folders_of_the_users_own_are_not_removed(home, shelf):
    path = str(shelf / "Tiny-Model")
    with pytest.raises(ModelNameError, match="is a path"):
        Hub(home).remove(path)
    assert Path(path).is_dir()


def test_path_is_a_model_as_it_lies_there(home, shelf, files):
    path = str(shelf / "Tiny-Model")
    model = Hub(home).find(path)
    assert (model.name, model.path, model.source) == (path, Path(path), "folder")
    assert model.size_bytes == sum(map(len, files.values()))
    assert Hub(home).pull(path) == model
    assert not home.exists()


def test_digest_of_a_folder_follows_its_files_and_not_its_place(home, shelf, tmp_path):
    original, copy = shelf / "Tiny-Model", tmp_path / "copy"
    shutil.copytree(original, copy)
    before = Hub(home).find(str(copy)).digest
    assert before == Hub(home).find(str(original)).digest
    (copy / "README.md").write_text("of no importance", encoding="utf-8")
    assert before == Hub(home).find(str(copy)).digest
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert before != Hub(home).find(str(copy)).digest


def test_retrained_large_weights_change_the_digest(home, shelf):
    weights = shelf / "Tiny-Model" / "model.safetensors"
    data = bytearray(20_000_000)
    weights.write_bytes(data)
    before = Hub(home).find(str(weights.parent)).digest
    data[1_000_000:] = b"\1" * (len(data) - 1_000_000)
    weights.write_bytes(data)
    assert before != Hub(home).find(str(weights.parent)).digest


def test_folder_without_config_is_no_checkpoint(home, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        Hub(home).find(str(tmp_path / "empty"))


def test_path_that_is_not_there_is_said_to_be_so(home):
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        Hub(home).find("./nowhere")


def test_a_gguf_file_is_a_model_as_it_lies_there_and_so_is_its_folder(home, tmp_path):
    path = write_gguf(tmp_path / "mine" / "x.gguf")
    model = Hub(home).find(str(path))
    assert (model.name, model.path, model.source) == (str(path), path, "file")
    assert model.size_bytes == path.stat().st_size
    by_folder = Hub(home).find(str(path.parent))
    assert (by_folder.path, by_folder.digest) == (path, model.digest)
    write_gguf(path, seed=1)
    assert Hub(home).find(str(path)).digest != model.digest
    write_gguf(path.parent / "y.gguf")
    with pytest.raises(CheckpointError, match=r"has 2 GGUF files; name one, such as .*x\.gguf"):
        Hub(home).find(str(path.parent))


def test_a_gguf_file_that_cannot_be_used_is_refused(home, tmp_path):
    path = write_gguf(tmp_path / "chat.gguf", kind="llama", pooling=None)
    with pytest.raises(UnsupportedModelError, match=r"chat\.gguf is a chat model \(llama\)"):
        Hub(home).find(str(path))
    path.write_bytes(b"GGUF")
    with pytest.raises(CheckpointError, match="ends before its GGUF header does"):
        Hub(home).find(str(path))
    path.write_bytes(b"something else")
    with pytest.raises(CheckpointError, match="is no GGUF file"):
        Hub(home).find(str(path))
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        Hub(home).find(str(tmp_path / "absent.gguf"))


def test_manifests_of_before_are_read(folder_hub):
    """They spelled the key of the license in the British way."""
    model = folder_hub.pull("tiny")
    manifest = model.path / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    assert '"license"' in text
    manifest.write_text(text.replace('"license"', '"licence"'), encoding="utf-8")
    assert folder_hub.find("tiny").digest == model.digest
