"""Turn recipes into small checkpoints and the vectors that a correct reader computes for them.

The reference is sentence-transformers in float32 on the CPU, one text at a time. The weights are
random, drawn with NumPy from fixed seeds; tokenizers, files and vectors are the library's own.

    pip install . --group golden
    python -m scripts.make_golden [--all-minilm FOLDER] [FAMILY ...]

regenerates tests/golden for the given families, by default for all (the files of scripts/golden).
Given the folder of the real all-MiniLM-L6-v2, it also regenerates tests/golden/all-minilm. See
tests/golden/README.md.
"""

import argparse
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import torch
from scripts.golden.common import GOLDEN, SEED_TEXTS, TEXTS, expect, report, write_expected

RECIPES = Path(__file__).parent / "golden"
FAMILIES = sorted({path.stem for path in RECIPES.glob("*.py")} - {"__init__", "common"})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make the golden checkpoints and vectors.")
    parser.add_argument("family", nargs="*", help="all by default")
    parser.add_argument("--all-minilm", type=Path, help="folder of the real all-MiniLM-L6-v2")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for family in options.family or FAMILIES:
        import_module(f"scripts.golden.{family}").make()
    if options.all_minilm is not None:
        expected = expect(options.all_minilm, (*TEXTS, *SEED_TEXTS))
        write_expected(GOLDEN / "all-minilm", expected)
        report("all-minilm", expected)


if __name__ == "__main__":
    main()
