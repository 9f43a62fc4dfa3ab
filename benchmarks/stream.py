"""Embed a million texts as one stream, and report memory.

    python -m benchmarks.stream [--texts 1000000] [--precision auto]

The figures are explained in benchmarks/README.md.
"""

import argparse
import os
from collections.abc import Iterator
from time import perf_counter

ROWS = 10


def main() -> None:
    from benchmarks.lib.machine import describe, memory_bytes, peak_memory_bytes

    from simile import Embedder

    options = _options()
    print("\n".join(f"{name}: {value}" for name, value in describe().items()))
    embedder = Embedder(options.model, precision=options.precision)
    embedder.embed(["warm"], role="document")
    print(f"\n{'texts':>10} {'texts/s':>9} {'memory':>8} {'peak, MiB':>10}", flush=True)
    done, due, start_s = 0, 0, perf_counter()
    for vectors in embedder.embed_stream(_texts(options.texts), role="document"):
        done += len(vectors)
        if done >= due or done == options.texts:
            due += options.texts // ROWS
            rate = done / (perf_counter() - start_s)
            now, most = (memory(os.getpid()) or 0 for memory in (memory_bytes, peak_memory_bytes))
            print(f"{done:>10,} {rate:>9,.0f} {now >> 20:>8,} {most >> 20:>10,}", flush=True)
    assert done == options.texts, "expected as many vectors as texts"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Embed a stream of texts in bounded memory.")
    parser.add_argument("--model", default="all-minilm", help="model (all-minilm)")
    parser.add_argument("--texts", type=int, default=1_000_000, help="number of texts (1,000,000)")
    parser.add_argument("--precision", default="auto", help="auto, bf16, f32 or int8")
    return parser.parse_args()


def _texts(count: int) -> Iterator[str]:
    """Yield `count` distinct texts of one to about forty words."""
    words = "grass river stone cloud paper music winter bread copper garden".split()
    for number in range(count):
        chosen = (words[int(digit)] for digit in str(number))
        yield " ".join(chosen) + " and so on" * (12 if number % 100 == 0 else 0)


if __name__ == "__main__":
    main()
