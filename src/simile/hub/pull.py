"""Pull a model into the hub's folder: one puller at a time, source by source, all or nothing.

Is given the sources to try; does not know how they work.
"""

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from simile.checkpoints.gguf.header import check_embeds
from simile.errors import CheckpointError, DownloadError, LockedError, ModelNotFoundError
from simile.hub.files import check_modules
from simile.hub.manifest import Manifest, damaged_files, write_manifest
from simile.hub.names import ModelName
from simile.hub.pulled_models import PulledModels, writing
from simile.hub.sources.source import Delivery, PullProgress, PullSource, Report

if TYPE_CHECKING:
    from filelock import FileLock


def pull(
    pulled: PulledModels,
    name: ModelName,
    sources: Sequence[PullSource],
    *,
    license: str | None,
    report: Report,
    refresh: bool,
    wait_s: float = math.inf,
) -> None:
    """Put the model into the hub's folder from the first source that has it.

    Blocks while another process pulls the same model, and then takes what that one brought.
    DownloadError lists every source and why it failed, ModelNotFoundError says that the only
    source has no such model, UnsupportedModelError that the model cannot embed, StoreError that the
    folder cannot be written, LockedError that another process still pulls it after `wait_s`.
    """
    lock = pulled.workplace(name, ".lock")
    with writing(pulled.home), _alone(lock, report, wait_s) as waited:
        if is_whole(pulled, name) and (waited or not refresh):
            return
        staging = pulled.workplace(name, ".new")
        try:
            delivery = _first_delivery(name, sources, staging, report)
            report(PullProgress("writing manifest"))
            manifest = Manifest(
                name=name.display,
                source=delivery.origin,
                license=license or delivery.license,
                pulled_at=datetime.now(UTC),
                files=delivery.files,
                copied_from=delivery.copied_from,
                registry_digest=delivery.registry_digest,
            )
            write_manifest(staging, manifest)
            pulled.put(name, staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            pulled.sweep()


def is_whole(pulled: PulledModels, name: ModelName) -> bool:
    """Whether the model is in the hub's folder with all its files."""
    manifest = pulled.read(name)
    return manifest is not None and not damaged_files(pulled.folder(name), manifest)


def _first_delivery(
    name: ModelName, sources: Sequence[PullSource], staging: Path, report: Report
) -> Delivery:
    failures = list[str]()
    for source in sources:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            delivery = source.fetch(staging, report)
            check_modules(staging)
            for path in staging.rglob("*.gguf"):
                if not check_embeds(path, name.display):
                    raise CheckpointError(f"{path.name} ends before its header does")
            return delivery
        except (DownloadError, CheckpointError, ModelNotFoundError) as exc:
            if len(sources) == 1 and isinstance(exc, ModelNotFoundError):
                raise
            failures.append(f"\n  {source.label}: {exc}")
    raise DownloadError(
        f"{name.display} could not be pulled; tried in order:{''.join(failures)}\n"
        f"Check the network, or put the checkpoint's files into a folder {name.model} inside"
        " one that SIMILE_MODEL_FOLDERS lists."
    )


def _wait(lock: "FileLock", report: Report, end_s: float) -> None:
    """Wait for the lock, reporting every second, which raises if nobody listens."""
    from filelock import Timeout

    while True:
        report(PullProgress("waiting for another process that is pulling this model"))
        with suppress(Timeout):
            lock.acquire(timeout=min(1.0, max(0.0, end_s - monotonic())))
            return
        if monotonic() >= end_s:
            raise LockedError("this model is being pulled or copied; try again when that is done")


@contextmanager
def _alone(lock_path: Path, report: Report, wait_s: float) -> Iterator[bool]:
    """Hold the model's lock; yields whether another process held it before."""
    from filelock import FileLock, Timeout

    lock_path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_path)
    try:
        lock.acquire(timeout=0)
        waited = False
    except Timeout:
        _wait(lock, report, monotonic() + wait_s)
        waited = True
    try:
        yield waited
    finally:
        lock.release()
