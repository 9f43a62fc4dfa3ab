"""Measure search: warm and cold, whether it is exact, and other engines for comparison.

    python -m benchmarks.search [--chunks N] [--random] [--skip-peers] [--json FILE]

The figures are explained in benchmarks/README.md.
"""

import argparse
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.lib.collection import Collection
    from benchmarks.lib.reports import TableReport

PACKAGES = (
    *("numpy", "simsimd", "numkong", "tantivy", "openvino"),
    *("faiss-cpu", "sqlite-vec", "apsw", "lancedb", "pyarrow"),
)


def main() -> None:
    from benchmarks.lib import collection, machine
    from benchmarks.lib.reports import TableReport
    from benchmarks.lib.timing import WARM_UP

    options = _options()
    tables = TableReport()
    tables.section("Machine")
    tables.row("date", note=date.today().isoformat())
    for name, value in machine.describe(PACKAGES).items():
        tables.row(name, note=value)
    made = collection.build(options.chunks, options.queries + WARM_UP, random=options.random)
    _describe(tables, made, random=options.random)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        _measure(tables, Path(folder), made, options)
    if options.json:
        tables.write(options.json)


def _measure(
    tables: "TableReport", folder: Path, made: "Collection", options: argparse.Namespace
) -> None:
    from benchmarks.lib import search_command, search_in_process, search_index, search_peers

    name, fingerprint = ("prepared", "prepared") if options.skip_cold else _real_model()
    model, index = search_index.prepared(made, name, fingerprint), folder / "index"
    search_index.fill(tables, index, made, model)
    search_in_process.measure(tables, index, made, model)
    search_in_process.check(tables, index, made, model)
    if not options.skip_cold:
        search_command.measure(tables, index, made)
    if not options.skip_peers:
        search_peers.measure(tables, folder, made, budget_s=options.budget)
        search_in_process.measure_again(tables, index, made, model)


def _real_model() -> tuple[str, str]:
    """Return name and fingerprint of the model that the command embeds queries with."""
    from simile.config import DEFAULT_MODEL
    from simile.embedder import Embedder

    with Embedder(DEFAULT_MODEL) as model:
        return model.name, model.fingerprint


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure search on this machine.")
    parser.add_argument("--chunks", type=int, default=100_000, help="number of chunks (100000)")
    parser.add_argument("--queries", type=int, default=200, help="number of queries (200)")
    parser.add_argument("--random", action="store_true", help="vectors without clusters")
    parser.add_argument("--skip-cold", action="store_true", help="skip fresh processes")
    parser.add_argument("--skip-peers", action="store_true", help="measure only simile")
    parser.add_argument(
        "--budget", type=float, default=60.0, help="seconds per kind of search of a peer (60)"
    )
    parser.add_argument("--folder", type=Path, help="folder for temporary files")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    if options.chunks < 1000 or options.chunks % 10:
        parser.error(f"--chunks is {options.chunks}; expected a multiple of 10, at least 1000")
    if options.queries < 20:
        parser.error(f"--queries is {options.queries}; expected at least 20")
    return options


def _describe(tables: "TableReport", made: "Collection", *, random: bool) -> None:
    from benchmarks.lib.collection import DIM, FILTER

    tables.section("Collection")
    vectors = "scattered evenly" if random else "300 clusters"
    tables.row("chunks", note=f"{made.chunks:,} of {made.documents:,} documents")
    tables.row("vectors", note=f"float32, {DIM} wide, {vectors}")
    tables.row("searcher", note=f"{len(made.principals)} of 50 groups; each document has 2")
    tables.row("filter", note=FILTER)
    tables.row("a query", note=made.queries[0])


if __name__ == "__main__":
    main()
