"""Compare simile's engine with others: same weights, texts, vectors and cores.

    python -m benchmarks.against [--quick] [--texts N] [--json FILE] [--plot FILE]

Each engine runs in its own process for each number of cores, one after the other. The figures are
explained in benchmarks/README.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.lib.corpus import Sample

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 900.0
AGAIN = "simile, auto, again at the end"


@dataclass
class Run:
    """The setup of a run, and its results so far."""

    model: str
    scratch: Path
    samples: "dict[str, Sample]"
    cores: list[int]
    flop: dict[str, float]
    """FLOP per token, by kind of text."""
    gemm: dict[int, dict[str, float]] = field(default_factory=dict)
    """GFLOP/s, by cores and precision."""
    rows: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, engine: str, cores: int) -> dict[str, Any]:
        """Measure an engine in a process of its own; return what it printed, or why it failed."""
        from benchmarks.lib.one_engine import Task

        task = Task(engine, cores, self.model, str(self.scratch), list(self.samples))
        command = [sys.executable, "-m", "benchmarks.lib.one_engine", json.dumps(asdict(task))]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=TIMEOUT_S, cwd=ROOT
            )
        except subprocess.TimeoutExpired:
            return {"skipped": f"took more than {TIMEOUT_S:.0f} s"}
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["no message"]
            return {"skipped": f"exit {done.returncode}: {said[-1][:200]}"}
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def rate(self, engine: str, cores: int, kind: str) -> float | None:
        """Return tokens/s measured earlier, or None."""
        wanted = (engine, cores, kind)
        for row in self.rows:
            if (row["engine"], row["cores"], row["text"]) == wanted:
                return row.get("tokens_per_s")
        return None


def main() -> None:
    from benchmarks.lib import machine, plot
    from benchmarks.lib.model import find_model

    options = _options()
    model = find_model(options.model)
    facts = machine.describe()
    print("\n".join(f"{name}: {value}" for name, value in facts.items()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        run = _prepare(model, options, Path(folder))
        _measure(run, quick=options.quick)
    found = {"machine": facts, "gemm_gflop_per_s": run.gemm, "measurements": run.rows}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        plot.draw(found, options.plot)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure simile against other engines.")
    parser.add_argument("--model", default="all-minilm", help="a BERT checkpoint (all-minilm)")
    parser.add_argument("--texts", type=int, default=400, help="number of mixed texts (400)")
    parser.add_argument(
        "--quick", action="store_true", help="only mixed texts on all cores, fewer engines"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--plot", type=Path, help="plot the figures to this PNG or SVG file")
    return parser.parse_args()


def _prepare(model: Any, options: argparse.Namespace, scratch: Path) -> Run:
    """Choose the texts, and embed them in f32 as the reference for all engines."""
    import os

    import numpy as np
    from benchmarks.lib import corpus, embed_in_process, one_engine
    from benchmarks.lib.machine import cores

    from simile.engine.embedder import LocalEmbedder

    samples = corpus.build_samples(model.path / "tokenizer.json", options.texts)
    counts = sorted({1, cores()}) if hasattr(os, "sched_setaffinity") else [cores()]
    if options.quick:
        samples, counts = {"mixed": samples["mixed"]}, counts[-1:]
    told = {kind: asdict(sample) for kind, sample in samples.items()}
    (scratch / one_engine.SAMPLES).write_text(json.dumps(told), encoding="utf-8")
    embedder = LocalEmbedder(model, precision="f32")
    vectors = {kind: embedder.embed(of.texts, role="document") for kind, of in samples.items()}
    embedder.close()
    np.savez(scratch / one_engine.REFERENCE, **vectors)  # type: ignore[arg-type]
    for kind, of in samples.items():
        print(f"{kind} texts: {len(of.texts):,}, {of.total / len(of.texts):.0f} tokens on average")
    flop = {kind: embed_in_process.flop_per_token(model.path, of) for kind, of in samples.items()}
    return Run(options.model, scratch, samples, counts, flop)


def _measure(run: Run, *, quick: bool) -> None:
    """Print the table row by row."""
    from benchmarks.lib.engines import KINDS, OURS
    from benchmarks.lib.one_engine import GEMM
    from benchmarks.lib.reports import TableReport

    for cores in run.cores:
        run.gemm[cores] = run.ask(GEMM, cores)
        shown = (f"{name} {rate:,.0f}" for name, rate in run.gemm[cores].items())
        print(f"matrix products, GFLOP/s on {_cores(cores)}: {', '.join(shown)}", flush=True)
    print(
        f"\nTokens/s; in parentheses the speed-up of {OURS}: below 1, the other engine is faster."
        f"\nShare of matrix products: {_last(run)}. Cosine: lowest to simile in f32."
    )
    columns = [f"{kind}, {_cores(cores)}" for cores in run.cores for kind in run.samples]
    table = TableReport()
    table.section("Engines", *columns, "of products", "cosine")
    for name, kind in KINDS.items():
        if quick and not kind.quick:
            continue
        if kind.missing:
            table.skipped(name, f"not installed: {' '.join(kind.missing)}")
            run.rows.append({"engine": name, "cores": 0, "text": "", "skipped": "not installed"})
            continue
        found = {cores: run.ask(name, cores) for cores in run.cores}
        _row(run, table, name, found)
    cores = run.cores[-1]
    _row(run, table, AGAIN, {cores: run.ask(OURS, cores)})


def _row(run: Run, table: Any, name: str, found: dict[int, dict[str, Any]]) -> None:
    """Store and print one engine's results for each number of cores."""
    cells, notes, cosines = [], set(), []
    for cores in run.cores:
        of = found.get(cores, {})
        if "skipped" in of:
            notes.add(of["skipped"])
        for kind in run.samples:
            told = of.get("kinds", {}).get(kind, {"skipped": of.get("skipped", "")})
            row = {"engine": name, "cores": cores, "text": kind, **told}
            run.rows.append(row | {"precision": of.get("precision", "")})
            cells.append(_judged(run, run.rows[-1]))
            cosines.append(told.get("cosine_least", 1.0))
            if told.get("skipped"):
                notes.add(f"{kind}: {told['skipped']}" if "kinds" in of else told["skipped"])
    part = run.rows[-1].get("part_of_gemm")
    shown = f"{100 * part:.0f} %" if part else ""
    precision = run.rows[-1]["precision"]
    note = "; ".join(sorted(notes)) or precision
    table.row(name, *cells, shown, f"{min(cosines):.4f}" if not notes else "", note=note)


def _judged(run: Run, row: dict[str, Any]) -> str:
    """Add the speed-up and the share of the limit to a measurement; return its cell."""
    from benchmarks.lib.engines import OURS

    rate = row.get("tokens_per_s")
    if rate is None:
        return ""
    row["times"] = (run.rate(OURS, row["cores"], row["text"]) or rate) / rate
    if limit := run.gemm[row["cores"]].get(row["precision"]):
        row["part_of_gemm"] = rate * run.flop[row["text"]] / 1e9 / limit
    return f"{rate:,.0f} ({row['times']:.2f})"


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def _last(run: Run) -> str:
    return f"{list(run.samples)[-1]} texts on {_cores(run.cores[-1])}"


if __name__ == "__main__":
    main()
