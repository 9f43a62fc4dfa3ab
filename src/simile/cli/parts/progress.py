"""Report an index update on stderr: a progress bar on a terminal, then a summary line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from simile.retrieval.report import SyncReport, Tally
from simile.retrieval.update import Progress

_SHOWN = 10


@contextmanager
def shown(unit: str = "B") -> Iterator[Progress]:
    """Yield a function that shows a tally: bytes or documents done, tokens per second, ETA."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from tqdm import tqdm

    start = monotonic()
    with tqdm(unit=unit, unit_scale=True, delay=0.5, leave=False, file=sys.__stderr__) as bar:

        def show(tally: Tally) -> None:
            done, total = tally.bytes_done, tally.size_bytes
            if unit != "B":
                done, total = tally.files_done, tally.files
            rate = tally.tokens / max(1e-9, monotonic() - start)
            bar.total = max(total, done)
            bar.set_postfix_str(f"{rate:,.0f} tokens/s", refresh=False)
            bar.update(done - bar.n)

        yield show


def summary(report: SyncReport) -> str:
    """Format a report as `+12 ~3 -1 = 840 chunks, 1.9 s`."""
    counts = f"+{report.added:,} ~{report.changed:,} -{report.removed:,}"
    return f"{counts} = {report.chunks:,} chunks, {report.seconds:.1f} s"


def tell(report: SyncReport) -> int:
    """Print failures and the summary; return the exit code, 2 if nothing could be read."""
    for failure in report.failures:
        print(f"simile: {failure.path}: {failure.reason}", file=sys.stderr)
    for skipped in report.skipped[:_SHOWN]:
        print(f"simile: {skipped.path}: {skipped.reason}", file=sys.stderr)
    if (more := len(report.skipped) - _SHOWN) > 0:
        print(f"simile: and {more:,} more that are skipped", file=sys.stderr)
    done = report.added + report.changed + report.removed + report.unchanged
    if not done and not report.failures:
        print("simile: no documents found; simile why-skipped FILE says why", file=sys.stderr)
    print(summary(report), file=sys.stderr)
    return 2 if report.failures and not done else 0
