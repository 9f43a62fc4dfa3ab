"""Plot an evaluation or a tuning as PNG or SVG, depending on the file's suffix.

Error bars are the middle 95% of the means of bootstrap samples of the queries (Efron 1979).
Requires the extra `plot`, which is imported on demand.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.errors import InputError, MissingExtraError
from simile.evaluation.run import Evaluation, Scores
from simile.evaluation.tune import DEPTHS, Tuning
from simile.output_file import writing

SUFFIXES = (".png", ".svg")
RESAMPLES = 2_000
_SEED = 1979
_MIDDLE = (2.5, 97.5)
_BLOCK = 2**20


def plot_arms(evaluation: Evaluation, path: Path, *, metrics: Sequence[str] = ()) -> None:
    """Plot a bar for each arm and metric, and write the file.

    Raises InputError for an unknown metric or an invalid path, MissingExtraError without
    matplotlib.
    """
    arms = evaluation.scores
    known = list(next(iter(arms.values())).keys())
    names = list(metrics) or known
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"metric is {unknown[0]!r}; expected one of {', '.join(known)}")

    def draw(axes: Any) -> None:
        width = 0.8 / len(arms)
        for place, (arm, of) in enumerate(arms.items()):
            low, mean, high = _intervals([of[name] for name in names])
            where = np.arange(len(names)) + (place - (len(arms) - 1) / 2) * width
            around = np.clip([mean - low, high - mean], 0, None)
            axes.bar(where, mean, width, yerr=around, capsize=2, label=arm)
        axes.set_xticks(range(len(names)), names)
        axes.set_ylim(0, 1)
        axes.set_title(f"{evaluation.queries:,} judged queries; bars: 95% over queries")

    _write(path, draw)


def plot_alpha(tuning: Tuning, path: Path) -> None:
    """Plot the metric over the dense arm's weight, and write the file. Raises as `plot_arms`."""

    def draw(axes: Any) -> None:
        for depth in DEPTHS:
            curve = tuning.curve(depth)
            alphas = np.array(list(curve))
            low, mean, high = _intervals(list(curve.values()))
            [line] = axes.plot(alphas, mean, marker=".", label=f"{depth} candidates")
            if depth == tuning.chosen.candidates:
                axes.fill_between(alphas, low, high, alpha=0.15, color=line.get_color())
        axes.axvline(tuning.chosen.alpha, linestyle="--", color="gray", label="chosen")
        axes.set_xlabel("alpha: 0 is lexical only, 1 is dense only")
        axes.set_ylabel(tuning.metric)
        axes.set_title("band: 95% over queries, for the chosen number of candidates")

    _write(path, draw)


def interval(scores: Scores) -> tuple[float, float]:
    """Return the 95% interval of the mean of scores, float (queries,), ignoring NaN."""
    judged = scores[~np.isnan(scores)]
    chance = np.random.default_rng(_SEED)
    rows = max(1, _BLOCK // len(judged))
    means: list[NDArray[np.float64]] = []
    for start in range(0, RESAMPLES, rows):
        drawn = chance.integers(0, len(judged), (min(rows, RESAMPLES - start), len(judged)))
        means.append(judged[drawn].mean(axis=1))
    low, high = np.percentile(np.concatenate(means), _MIDDLE)
    return float(low), float(high)


def _intervals(scores: Sequence[Scores]) -> tuple[NDArray[np.float64], ...]:
    """Return the low ends, means and high ends."""
    low, high = np.array([interval(one) for one in scores]).T
    return low, np.array([np.nanmean(one) for one in scores]), high


def require_plot(path: Path) -> None:
    """Raise InputError for a bad suffix or missing folder, MissingExtraError without matplotlib."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path.name} is invalid; expected the suffix {' or '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written: No such file or directory: {path.parent}")
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError("plots require matplotlib: pip install 'simile[plot]'") from exc


def _write(path: Path, draw: Callable[[Any], None]) -> None:
    require_plot(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    with writing(path) as aside:
        figure.savefig(aside, dpi=150, format=path.suffix.lower().removeprefix("."))
