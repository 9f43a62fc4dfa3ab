"""`simile similarity`: the cosine of two texts' vectors."""

import click

from simile.cli.parts import options
from simile.types import Precision


@click.command("similarity")
@click.argument("first")
@click.argument("second")
@options.model
@options.precision
def command(first: str, second: str, model: str, precision: Precision) -> None:
    """Print the cosine similarity of two texts.

    1 means the same direction, 0 unrelated.
    """
    import numpy as np

    from simile.cli.parts.output import require_finite
    from simile.embedder import Embedder

    with Embedder(model, precision=precision) as embedder:
        vectors = embedder.embed([first, second], role="document").astype(np.float64)
        require_finite(vectors, embedder.name)
        a, b = vectors
    print(f"{a @ b / (np.linalg.norm(a) * np.linalg.norm(b)):.6f}")
