"""Run something several times, and say how long it took at best and in the middle."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time


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
