"""`simile embed`: embed arguments or lines of stdin as JSON arrays or a .npy file."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter

import click

from simile.cli.parts import options
from simile.cli.parts.stdin import lines_of
from simile.texts import counted
from simile.types import ROLES, EmbedResult, Precision, Role


@click.command("embed")
@click.argument("texts", nargs=-1, required=True, metavar="TEXT... | -")
@options.model
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="document",
    show_default=True,
    help="What the texts are; some models use a different prefix for each role.",
)
@click.option(
    "--dimensions", type=int, help="Truncate vectors to this many numbers and renormalize."
)
@click.option(
    "--strict", is_flag=True, help="Reject --dimensions that the model was not trained for."
)
@options.precision
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a float32 NumPy array (.npy) to this file instead of stdout.",
)
def command(
    texts: tuple[str, ...],
    model: str,
    role: Role,
    dimensions: int | None,
    strict: bool,
    precision: Precision,
    output: Path | None,
) -> None:
    """Print one vector per TEXT as a JSON array.

    `-` reads one text per line from stdin.
    """
    from simile.cli.parts.output import open_output, require_finite
    from simile.embedder import Embedder

    source: Iterable[str] = lines_of(sys.stdin.buffer) if texts == ("-",) else texts
    start = perf_counter()
    with Embedder(model, precision=precision, dimensions=dimensions, strict=strict) as embedder:
        results = _counting(embedder.embed_stream_counted(source, role=role))
        with open_output(output, embedder.dim) as write:
            tally = _Tally()
            for result in results:
                require_finite(result.vectors, embedder.name)
                write(result.vectors)
                tally.add(result)
        tally.report(perf_counter() - start, embedder.max_tokens, quiet=texts != ("-",))


def _counting(results: Iterator[EmbedResult]) -> Iterator[EmbedResult]:
    """Show texts and tokens per second on a terminal during a long input."""
    if not sys.stderr.isatty():
        yield from results
        return
    from tqdm import tqdm

    # Half a second's delay: a few texts need no bar.
    with tqdm(unit=" tokens", unit_scale=True, delay=0.5, leave=False, file=sys.__stderr__) as bar:
        texts = 0
        for result in results:
            texts += len(result.vectors)
            bar.set_description(f"{texts:,} texts", refresh=False)
            tokens = int(result.token_counts.sum())
            if not tokens:  # Providers do not report tokens.
                bar.unit = " texts"
            bar.update(tokens or len(result.vectors))
            yield result


class _Tally:
    """Counts for the summary line on stderr."""

    def __init__(self) -> None:
        self.texts = self.tokens = self.cut = 0

    def add(self, result: EmbedResult) -> None:
        """Count one part of the stream."""
        self.texts += len(result.vectors)
        self.tokens += int(result.token_counts.sum())
        self.cut += int(result.truncated.sum())

    def report(self, seconds: float, max_tokens: int, *, quiet: bool) -> None:
        """Report truncated texts and, unless quiet, totals."""
        if not quiet:
            print(f"simile: {self._summary(seconds)}", file=sys.stderr)
        if self.cut:
            line = f"{self.cut:,} of {self.texts:,} texts were longer than {max_tokens} tokens"
            print(f"simile: {line}; they were truncated", file=sys.stderr)

    def _summary(self, seconds: float) -> str:
        if not self.tokens:  # No text, or a provider, which does not report tokens.
            rate = self.texts / seconds
            return f"{counted(self.texts, 'text')}, {seconds:.1f} s, {rate:,.0f} texts/s"
        rate = self.tokens / seconds
        tokens = counted(self.tokens, "token")
        return f"{counted(self.texts, 'text')}, {tokens}, {seconds:.1f} s, {rate:,.0f}/s"
