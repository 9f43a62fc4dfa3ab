"""Time repeated runs: best and median."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

WARM_UP, LEAST = 20, 20
"""Maximum number of warm-up calls, and minimum number of timed calls."""


@dataclass(frozen=True)
class Times:
    """Seconds of several runs."""

    runs: tuple[float, ...]
    cores: float
    """Mean number of cores this process used; fewer than expected means that others used them."""

    @property
    def best(self) -> float:
        """The shortest run."""
        return min(self.runs)

    @property
    def middle(self) -> float:
        """The median run."""
        return median(self.runs)


def time_runs(work: Callable[[], object], *, runs: int, warm_up: int = 1) -> Times:
    """Time `work` after `warm_up` untimed runs."""
    for _ in range(warm_up):
        work()
    taken, busy = [], process_time()
    for _ in range(runs):
        start = perf_counter()
        work()
        taken.append(perf_counter() - start)
    return Times(tuple(taken), (process_time() - busy) / sum(taken))


def time_within(work: Callable[[], object], *, budget_s: float, most: int) -> Times:
    """Time `work` until `budget_s` is spent or `most` runs are done; at least once."""
    taken: list[float] = []
    busy = process_time()
    while not taken or (len(taken) < most and sum(taken) < budget_s):
        start = perf_counter()
        work()
        taken.append(perf_counter() - start)
    return Times(tuple(taken), (process_time() - busy) / sum(taken))


@dataclass(frozen=True)
class Latencies:
    """Milliseconds of single calls."""

    each: tuple[float, ...]
    cores: float
    """Mean number of cores this process used."""

    def percentile(self, rank: float) -> float:
        """Return a percentile of the latencies."""
        place = rank / 100 * (len(self.each) - 1)
        ordered, low = sorted(self.each), int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def time_each(work: Callable[[int], object], count: int, *, budget_s: float = 60.0) -> Latencies:
    """Time `work(0)` ... `work(count - 1)`, or fewer, at least LEAST, if the budget runs out.

    Warms up with WARM_UP other calls, `work(count)` and so on, for at most a tenth of the budget.
    """
    start = perf_counter()
    for place in range(count, count + WARM_UP):
        work(place)
        if perf_counter() - start > budget_s / 10:
            break
    taken, busy, begun = [], process_time(), perf_counter()
    for place in range(count):
        if place >= LEAST and perf_counter() - begun > budget_s:
            break
        start = perf_counter()
        work(place)
        taken.append(1e3 * (perf_counter() - start))
    return Latencies(tuple(taken), 1e3 * (process_time() - busy) / sum(taken))
