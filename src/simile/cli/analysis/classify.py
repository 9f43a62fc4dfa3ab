"""`simile classify`: label texts, from names, descriptions or examples of the labels."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from simile.cli.parts import options
from simile.cli.parts.console import print_bold
from simile.cli.parts.printing import print_json
from simile.cli.parts.stdin import MAX_TEXT_BYTES
from simile.errors import InputError
from simile.texts import counted, shortened

if TYPE_CHECKING:
    from io import BufferedReader

    from simile.analysis.classify import Classifier, Prediction
    from simile.embedder import Embedder

_READ_BYTES = 1 << 16
_SHOWN_CHARS = 70


@click.command("classify")
@click.argument("texts", nargs=-1, metavar="TEXT... | -")
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Label names, descriptions or examples (see docs/analysis.md).",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.npz",
    help="Save the classifier to this file.",
)
@click.option(
    "--load",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.npz",
    help="Use a saved classifier instead of --labels.",
)
@click.option(
    "--min-confidence",
    type=options.FINITE,
    help='Answer "none of these" below this; 0 always gives a label.  [default: learned]',
)
@click.option("--scores", is_flag=True, help="Print the confidence of every label.")
@click.option("--model", "-m", help="As for `embed`.  [default: all-minilm, or that of --load]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines even on a terminal.")
def command(
    texts: tuple[str, ...],
    labels: Path | None,
    save: Path | None,
    load: Path | None,
    min_confidence: float | None,
    model: str | None,
    *,
    scores: bool,
    as_json: bool,
) -> None:
    """Label each TEXT.

    The labels come from --labels or from a classifier saved with --save. `-` reads one text per
    line from stdin.
    """
    from simile.config import DEFAULT_MODEL
    from simile.embedder import Embedder

    if (labels is None) == (load is None):
        raise click.UsageError("give either --labels or --load")
    if not texts and save is None:
        raise click.UsageError("TEXT is missing; use - to read from stdin")
    kept = None
    if load is not None:
        from simile.analysis.files import load_classifier

        kept = load_classifier(load)
    with Embedder(model or (kept and kept.model) or DEFAULT_MODEL) as embedder:
        classifier = kept or _learnt(labels, embedder)
        classifier.require(embedder.fingerprint)
        if save is not None:
            from simile.analysis.files import save_classifier

            save_classifier(save, classifier)
        as_text = sys.stdout.isatty() and not as_json
        for text, found in _predictions(classifier, embedder, texts, min_confidence):
            if as_text:
                _print_text(text, found)
            else:
                _print_json(text, found, classifier, scores=scores)


def _learnt(path: Path | None, embedder: "Embedder") -> "Classifier":
    """Train a classifier on a file of labels, and report on stderr."""
    from simile.analysis.classify import fit
    from simile.analysis.labels import read_labels
    from simile.cli.parts.texts import bar, embed_shown

    assert path is not None
    examples = read_labels(path)
    for line in examples.contradictions:
        print(f"simile: {path}: {line}; the first is used", file=sys.stderr)
    if examples.merged:
        print(f"simile: {examples.merged:,} repeated examples are ignored", file=sys.stderr)
    vectors = embed_shown(embedder, examples.texts, role="classification")
    with bar(1.0, "of all methods") as shown:
        classifier = fit(
            vectors,
            examples.labels,
            fingerprint=embedder.fingerprint,
            model=embedder.name,
            progress=lambda share: shown.update(share - shown.n),
        )
    _tell(classifier)
    return classifier


def _tell(classifier: "Classifier") -> None:
    fitted = classifier.fitted
    line = f"{counted(len(classifier.labels), 'label')}, {counted(fitted.examples, 'example')}"
    line += f": {fitted.method}"
    tried = sorted(fitted.accuracies.items(), key=lambda one: -one[1])
    if tried:
        line += "; held-out accuracy: "
        line += ", ".join(f"{name} {accuracy:.3f}" for name, accuracy in tried)
    else:
        line += ", one per label; confidences are not calibrated"
    if fitted.refused_unknown is not None:
        line += f"; {fitted.refused_unknown:.0%} of texts with unknown labels were refused"
    print(f"simile: {line}", file=sys.stderr)


def _predictions(
    classifier: "Classifier",
    embedder: "Embedder",
    texts: tuple[str, ...],
    min_confidence: float | None,
) -> "Iterator[tuple[str, Prediction]]":
    """Label texts in batches, as they arrive."""
    from simile.texts import without_surrogates

    for batch in _lines() if texts == ("-",) else [[without_surrogates(text) for text in texts]]:
        vectors = embedder.embed(batch, role="classification")
        found = classifier.predict(vectors, min_confidence=min_confidence)
        yield from zip(batch, found, strict=True)


def _lines() -> Iterator[list[str]]:
    """Yield the lines of stdin as they become available, so a typed line is answered at once."""
    stdin = cast("BufferedReader", sys.stdin.buffer)
    rest = bytearray()
    while part := stdin.read1(_READ_BYTES):
        rest += part
        if b"\n" in part:
            *lines, last = bytes(rest).split(b"\n")
            yield [line.decode("utf-8", "replace").rstrip("\r") for line in lines]
            rest = bytearray(last)
        if len(rest) > MAX_TEXT_BYTES:
            raise InputError(f"a line has more than {MAX_TEXT_BYTES:,} bytes")
    if rest:
        yield [rest.decode("utf-8", "replace").rstrip("\r")]


def _print_json(text: str, found: "Prediction", classifier: "Classifier", *, scores: bool) -> None:
    line: dict[str, object] = {
        "text": text,
        "label": found.label,
        "confidence": round(found.confidence, 4),
        "nearest": found.nearest,
    }
    if scores:
        each = zip(classifier.labels, found.scores.tolist(), strict=True)
        line["scores"] = {label: round(score, 4) for label, score in each}
    print_json(line)


def _print_text(text: str, found: "Prediction") -> None:
    shown = " ".join(text.split())
    shown = shortened(shown, _SHOWN_CHARS)
    label = found.label or f"none of these (nearest: {found.nearest})"
    print(f"{found.confidence:.3f}", end="  ")
    print_bold(label)
    print(f"  {shown}")
