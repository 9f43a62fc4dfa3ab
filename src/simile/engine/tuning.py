"""Find by trying how this machine computes most tokens per second, and remember it.

What is chosen: how many streams share the cores, and how many tokens a batch may have. Knows
processors by their number of cores only; does not know what a batch is computed with.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from math import log2
from pathlib import Path
from time import perf_counter

from simile.atomic import replacing
from simile.bounded import parse_json, read_file
from simile.errors import EngineError

WORTH = 1.1
"""So much faster a plan must be than what goes before it: less is noise, and more streams make a
single text slower. On two cores two streams of one thread compute 1 to 2 % more than one of two,
and a single text takes half as long again; nothing is tried there."""
TRIAL_S = 1.0
"""No new trial begins after so long."""


@dataclass(frozen=True)
class Plan:
    """How work is shared out on a machine."""

    streams: int
    """Batches computed at the same time; each has its part of the cores."""
    batch_tokens: int
    """Padded tokens of a batch, at most."""


Compare = Callable[[Plan, Plan], float]
"""Compute some batches as either plan says, in turns; how many times faster the second is."""


def first_plan(cores: int) -> Plan:
    """Return a plan that suits many machines: two threads per stream, 1,024 tokens per batch."""
    return Plan(max(1, cores // 2), 1024)


def read_or_find(path: Path | None, cores: int, compare: Compare) -> Plan:
    """Return the plan that is kept in a file, or find and keep one.

    Without a path, or a choice, it is `first_plan`. If the file cannot be written, nothing is kept.
    """
    if path is None or cores <= 2:
        return first_plan(cores)
    if (kept := _read(path, cores)) is not None:
        return kept
    plan = find(cores, compare)
    _write(path, plan)
    return plan


def find(cores: int, compare: Compare) -> Plan:
    """Try other plans against the first; a plan that fails with EngineError is not chosen."""
    start_s = perf_counter()
    best = first_plan(cores)
    streams = {max(1, cores // threads) for threads in (1, 4, 8, cores)} - {best.streams}
    nearest = sorted(streams, key=lambda count: abs(log2(count / best.streams)))
    changes: list[dict[str, int]] = [{"streams": count} for count in nearest]
    changes += [{"batch_tokens": 2048}, {"batch_tokens": 512}]
    for change in changes:
        if perf_counter() - start_s > TRIAL_S:
            break
        plan = replace(best, **change)
        with suppress(EngineError):
            if compare(best, plan) > WORTH:
                best = plan
    return best


def _read(path: Path, cores: int) -> Plan | None:
    try:
        data = read_file(path, max_bytes=65_536, error=EngineError)
        kept = parse_json(data, what="it", error=EngineError)
        plan = Plan(int(kept["streams"]), int(kept["batch_tokens"]))
    except (EngineError, ValueError, OverflowError, KeyError, TypeError):
        return None
    is_sound = 1 <= plan.streams <= cores and 1 <= plan.batch_tokens <= 2**16
    return plan if is_sound else None


def _write(path: Path, plan: Plan) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside:
            aside.write_text(json.dumps(asdict(plan)))
    except OSError:
        return
