"""Measure indexing: `Index.sync` of a folder with a real model, compared with the engine alone.

    python -m benchmarks.indexing [--files N | --folder FOLDER] [--rounds N] [--json FILE]

The figures are explained in benchmarks/README.md.
"""

import argparse
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.lib.reports import TableReport
    from benchmarks.lib.sample_folder import Folder

PACKAGES = ("openvino", "tokenizers", "numpy", "tantivy", "simsimd", "numkong")


def main() -> None:
    from benchmarks.lib import machine, sample_folder, sync_times
    from benchmarks.lib.reports import TableReport

    options = _options()
    tables = TableReport()
    tables.section("Machine")
    tables.row("date", note=date.today().isoformat())
    for name, value in machine.describe(PACKAGES).items():
        tables.row(name, note=value)
    with tempfile.TemporaryDirectory(dir=options.temporary) as temporary:
        home, texts = Path(temporary, "home"), Path(temporary, "files")
        _make_home(home)
        folder = (
            sample_folder.copy(options.folder, texts)
            if options.folder
            else sample_folder.make(texts, options.files)
        )
        _describe(tables, folder)
        sync_times.measure(tables, folder, home, rounds=options.rounds)
    if options.json:
        tables.write(options.json)


def _make_home(home: Path) -> None:
    """A SIMILE_HOME with the models of the present one and nothing remembered; used from now on."""
    from benchmarks.lib.model import find_model

    from simile.config import DEFAULT_MODEL, read_settings

    settings = read_settings()
    find_model(DEFAULT_MODEL)
    home.mkdir()
    if (settings.home / "models").is_dir():
        (home / "models").symlink_to(settings.home / "models", target_is_directory=True)
    os.environ["SIMILE_HOME"] = str(home)


def _describe(tables: "TableReport", folder: "Folder") -> None:
    tables.section("Folder")
    tables.row("files", note=f"{folder.files:,}, sha256 {folder.digest[:16]}")
    tables.row("size", note=f"{folder.size_bytes / 1e6:,.1f} MB")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure indexing on this machine.")
    parser.add_argument("--files", type=int, default=10_000, help="number of files (10000)")
    parser.add_argument("--folder", type=Path, help="index a copy of this folder instead")
    parser.add_argument(
        "--rounds", type=int, default=1, help="syncs from scratch, engine timed in between (1)"
    )
    parser.add_argument("--temporary", type=Path, help="folder for temporary files")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
