"""`simile quantize`: calibrate a model for 8-bit arithmetic, and report the accuracy loss."""

import sys

import click

from simile.cli.parts.printing import print_json


@click.command("quantize")
@click.argument("name")
def command(name: str) -> None:
    """Prepare the model NAME for --precision int8.

    Otherwise this happens at first use. Prints the least and the mean cosine between its int8 and
    f32 vectors of the calibration texts.
    """
    import numpy as np

    from simile.embedder import Embedder
    from simile.engine.quantize import calibration_texts

    texts = calibration_texts()
    vectors = []
    for precision in ("int8", "f32"):
        with Embedder(name, precision=precision) as embedder:
            found = embedder.embed(texts, role="document")
            vectors.append(found / np.linalg.norm(found, axis=1, keepdims=True))
    cosine = (vectors[0] * vectors[1]).sum(axis=1)
    least, mean = float(cosine.min()), float(cosine.mean())
    if sys.stdout.isatty():
        print(f"{name}: cosine to f32: least {least:.4f}, mean {mean:.4f}")
    else:
        print_json({"model": name, "least_cosine": least, "mean_cosine": mean})
