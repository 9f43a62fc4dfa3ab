"""Giving a model of the store a second name."""

import shutil
import threading
import time

import pytest

from simile.errors import CheckpointError, ModelNameError, ModelNotFoundError
from simile.hub.hub import Hub


def test_copy_is_the_same_model_under_another_name(folder_hub):
    first = folder_hub.pull("tiny")
    copy = folder_hub.copy("TINY", "Mine:v2")
    assert (copy.name, copy.digest, copy.size_bytes) == ("Mine:v2", first.digest, first.size_bytes)
    assert (copy.source, copy.license) == (first.source, first.license)
    assert (copy.path / "config.json").samefile(first.path / "config.json")
    assert folder_hub.find("mine:V2") == copy
    assert [model.name for model in folder_hub.models()] == ["Mine:v2", "tiny:latest"]


def test_copy_keeps_prompts_whatever_it_is_called(folder_hub, home, shelf, kit, files):
    prompts = folder_hub.pull("tiny").prompts
    assert prompts
    folder_hub.copy("tiny", "mine")
    assert folder_hub.copy("mine", "yours").prompts == prompts
    kit.write_files(shelf / "other", files)
    folder_hub.pull("other")
    # The name of a known model does not make it one.
    assert folder_hub.copy("other", "tiny-v1").prompts == {}
    assert Hub(home).find("yours").prompts == {}


def test_copy_outlives_the_first(folder_hub):
    digest = folder_hub.pull("tiny").digest
    folder_hub.copy("tiny", "mine")
    folder_hub.remove("tiny")
    assert folder_hub.find("mine").digest == digest
    assert [model.name for model in folder_hub.models()] == ["mine:latest"]


def test_copy_replaces_what_had_the_name(folder_hub, shelf, kit, files):
    folder_hub.pull("tiny")
    kit.write_files(shelf / "other", files | {"vocab.txt": b"[PAD]"})
    other = folder_hub.pull("other")
    assert folder_hub.copy("other", "TINY").digest == other.digest
    assert [model.name for model in folder_hub.models()] == ["tiny:latest", "other:latest"]


def test_copy_onto_itself_changes_nothing(folder_hub):
    model = folder_hub.pull("tiny")
    assert folder_hub.copy("tiny", "Tiny:latest") == model


def test_what_cannot_be_copied(folder_hub, tmp_path):
    with pytest.raises(ModelNotFoundError):
        folder_hub.copy("tiny", "mine")
    for names in (("a b", "mine"), ("tiny", "./mine"), (str(tmp_path), "mine")):
        with pytest.raises((ModelNameError, ModelNotFoundError)):
            folder_hub.copy(*names)
    model = folder_hub.pull("tiny")
    shutil.move(model.path / "tokenizer.json", tmp_path)
    with pytest.raises(CheckpointError, match="tokenizer"):
        folder_hub.copy("tiny", "mine")
    assert [model.name for model in folder_hub.models()] == ["tiny:latest"]


def test_a_copy_to_a_name_that_is_being_pulled_gives_up(folder_hub, home, monkeypatch):
    from filelock import FileLock

    from simile.errors import LockedError
    from simile.hub import hub as module
    from simile.hub.names import ModelName

    monkeypatch.setattr(module, "_COPY_WAIT_S", 0.1)
    folder_hub.pull("tiny")
    lock = folder_hub._pulled.workplace(ModelName.parse("other"), ".lock")
    with FileLock(lock), pytest.raises(LockedError, match="being pulled"):
        folder_hub.copy("tiny", "other")
    assert folder_hub.copy("tiny", "other").name == "other:latest"


def test_what_is_unfinished_is_swept(folder_hub, home):
    from simile.hub.pulled_models import KEEP_FILES, KEEP_S

    folder_hub.pull("tiny")
    partial = home / "partial"
    for number in range(KEEP_FILES + 9):
        (partial / f"m{number}-0123456789ab.abc.part").write_bytes(b"x")
    (partial / "gone-0123456789ab.new").mkdir()
    folder_hub._pulled.sweep()
    assert len(list(partial.glob("*.part"))) + len(list(partial.glob("*.new"))) == KEEP_FILES
    folder_hub._pulled.sweep(now_s=time.time() + KEEP_S + 1)
    assert [path.suffix for path in partial.iterdir() if path.suffix != ".lock"] == []


def test_models_that_come_and_go_are_found_or_not(folder_hub):
    """Never damaged, never an error of the system: what one client deletes another may look for."""
    folder_hub.pull("tiny")
    seen: list[Exception] = []

    def copy():
        folder_hub.copy("tiny", "x")

    def look():
        for number in range(600):
            actions = (lambda: folder_hub.find("x"), folder_hub.models, copy)
            action = (*actions, lambda: folder_hub.remove("x"))[number % 4]
            try:
                action()
            except ModelNotFoundError:
                continue
            except Exception as exc:
                seen.append(exc)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == []
