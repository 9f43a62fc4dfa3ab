"""Measure one engine, or bare matrix products, in this process and on a number of cores.

Prints JSON as its last line. benchmarks/against.py starts it, once for each engine and number of
cores, and explains the figures.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.lib.corpus import Sample

GEMM = "gemm"
REFERENCE = "reference.npz"
"""File in the scratch folder: simile's f32 vectors, by kind of text."""
SAMPLES = "samples.json"
BUDGET_S, MOST_RUNS = 6.0, 5
"""Seconds after which no further run starts, and the maximum of runs; at least one is done."""


@dataclass(frozen=True)
class Task:
    """The task of this process."""

    engine: str
    cores: int
    model: str
    scratch: str
    kinds: list[str]


def main() -> None:
    task = Task(**json.loads(sys.argv[1]))
    # Before importing anything that counts cores.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: task.cores])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(task.cores)
    os.environ["HF_HUB_OFFLINE"] = "1"
    found = _gemm() if task.engine == GEMM else _engine(task)
    print("\n" + json.dumps(found))


def _gemm() -> dict[str, float]:
    """Return the GFLOP/s of the better shape, by precision."""
    from benchmarks.lib import gemm

    from simile.engine.compile import choose

    precisions = dict.fromkeys((choose("auto"), "int8", "f32"))
    return {
        precision: max(gemm.measure(precision, shape) for shape in gemm.SHAPES.values())
        for precision in precisions
    }


def _engine(task: Task) -> dict[str, Any]:
    import numpy as np
    from benchmarks.lib.corpus import Sample
    from benchmarks.lib.engines import KINDS
    from benchmarks.lib.model import find_model

    model = find_model(task.model)
    scratch = Path(task.scratch)
    engine = KINDS[task.engine].open(model, scratch)
    samples = json.loads((scratch / SAMPLES).read_text(encoding="utf-8"))
    reference = np.load(scratch / REFERENCE)
    found = {
        kind: _measure(engine, Sample(**samples[kind]), reference[kind], KINDS[task.engine])
        for kind in task.kinds
    }
    return {"precision": engine.precision, "kinds": found}


def _measure(engine: Any, sample: "Sample", reference: Any, kind: Any) -> dict[str, Any]:
    """Check the results, which also warms up, then time the engine."""
    import numpy as np
    from benchmarks.lib.similarity import cosines
    from benchmarks.lib.timing import time_within

    alike = cosines(np.asarray(engine.embed(sample.texts), np.float32), reference)
    tokens = engine.count(sample.texts)
    checked = {"cosine_least": float(alike.min()), "cosine_mean": float(alike.mean())}
    if not alike.min() >= kind.least_cosine or tokens != sample.total:
        reason = f"results differ: cosine {alike.min():.4f}, {tokens:,} tokens"
        return {**checked, "skipped": reason}
    times = time_within(lambda: engine.embed(sample.texts), budget_s=BUDGET_S, most=MOST_RUNS)
    rate = sample.total / times.best
    return {**checked, "tokens_per_s": rate, "runs": len(times.runs), "busy": times.cores}


if __name__ == "__main__":
    main()
