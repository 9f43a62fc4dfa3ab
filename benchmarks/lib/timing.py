"""Run something several times, and say how long it took at best and in the middle."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

WARM_UP, LEAST = 20, 20
"""Single calls before those that are timed, and of those."""


@dataclass(frozen=True)
class Times:
    """Seconds of several runs."""

    runs: tuple[float, ...]
    cores: float
    """Cores that this process kept busy meanwhile; fewer than there are: someone else had them."""

    @property
    def best(self) -> float:
        """The shortest run."""
        return min(self.runs)

    @property
    def middle(self) -> float:
        """The median run."""
        return median(self.runs)


def time_runs(work: Callable[[], object], *, runs: int, warm_up: int = 1) -> Times:
    """Time `work`, after `warm_up` runs that do not count."""
    for _ in range(warm_up):
        work()
    taken, busy = [], process_time()
    for _ in range(runs):
        start = perf_counter()
        work()
        taken.append(perf_counter() - start)
    return Times(tuple(taken), (process_time() - busy) / sum(taken))


def time_within(work: Callable[[], object], *, budget_s: float, most: int) -> Times:
    """Time `work` until so many seconds are spent or so many runs done; at least once."""
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
    """Cores that this process kept busy meanwhile."""

    def percentile(self, rank: float) -> float:
        """So many of a hundred calls took no longer."""
        place = rank / 100 * (len(self.each) - 1)
        ordered, low = sorted(self.each), int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def time_each(work: Callable[[int], object], count: int, *, budget_s: float = 60.0) -> Latencies:
    """Time `work(0)` ... `work(count - 1)`, fewer (LEAST at least) where the budget ends before.

    WARM_UP others go first, for a tenth of the budget at most: `work(count)` and so on.
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
