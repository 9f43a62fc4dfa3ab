"""Collect texts for the benchmarks from the running interpreter's standard library.

Takes docstrings, which are real prose and code, with the length distribution of documents cut at
256 tokens (5 % at most 12 tokens, median 50, 90 % at most 256). The same interpreter and tokenizer
give the same texts; another version of Python gives others of the same lengths. Knows no engine.
"""

import ast
import sysconfig
import warnings
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

WINDOW = 256
"""Length of the longest text in tokens, special tokens included."""
LENGTHS = ((0.0, 4), (0.05, 12), (0.5, 50), (0.75, 126), (0.87, WINDOW), (1.0, WINDOW))
"""Tokens by quantile, interpolated linearly."""
SAMPLES = {
    "short": (2.0, ((0.0, 8), (1.0, 32))),
    "mixed": (1.0, LENGTHS),
    "long": (0.25, ((0.0, WINDOW), (1.0, WINDOW))),
}
"""Number of texts, relative to the requested number, and their lengths, by name."""
SHORT_WORDS = 6
COPIES = 3

_LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test"}
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Corpus:
    """Texts, already cut to the window, with their token counts."""

    texts: list[str]
    tokens: list[int]
    """Tokens of each text, special tokens included."""
    short: list[str]
    """The first words of each text, and a number that makes each unique."""
    short_tokens: list[int]
    varied: list[str]
    """The texts COPIES times, prefixed with a different number each time: for crowds of clients,
    because an engine may compute equal texts once."""
    varied_tokens: list[int]

    @property
    def digest(self) -> str:
        """SHA-256 of the texts, hexadecimal."""
        return sha256("\0".join(self.texts).encode()).hexdigest()

    @property
    def total(self) -> int:
        """Tokens of all texts."""
        return sum(self.tokens)

    @property
    def squares(self) -> int:
        """Sum of the squared token counts, to which the cost of attention is proportional."""
        return sum(length * length for length in self.tokens)

    def percentiles(self, *ranks: int) -> list[int]:
        """Return the token counts at these percentiles."""
        return [int(value) for value in np.percentile(self.tokens, ranks)]


@dataclass(frozen=True)
class Sample:
    """Texts of one kind, already cut to the window."""

    texts: list[str]
    total: int
    """Tokens of all texts, special tokens included."""
    squares: int
    """Sum of the squared token counts, to which the cost of attention is proportional."""


def build(tokenizer_json: Path, count: int) -> Corpus:
    """Gather, cut and choose `count` texts. Raises ValueError if the library has fewer."""
    tokenizer = _tokenizer(tokenizer_json)
    texts = _choose(_gather(tokenizer, count), count, LENGTHS)
    short = [" ".join([*text.split()[:SHORT_WORDS], str(i)]) for i, text in enumerate(texts)]
    varied = _cut(tokenizer, [f"{copy} {text}" for copy in range(COPIES) for text in texts])
    kinds = (texts, short, varied)
    counts = [_lengths(tokenizer, kind) for kind in kinds]
    return Corpus(texts, counts[0], short, counts[1], varied, counts[2])


def build_samples(tokenizer_json: Path, count: int) -> dict[str, Sample]:
    """Choose short, mixed and long texts, with similar totals of tokens. Raises as `build`."""
    tokenizer = _tokenizer(tokenizer_json)
    found = _gather(tokenizer, 2 * count)
    samples = {}
    for name, (times, lengths) in SAMPLES.items():
        texts = _choose(found, max(1, round(times * count)), lengths)
        tokens = _lengths(tokenizer, texts)
        samples[name] = Sample(texts, sum(tokens), sum(length * length for length in tokens))
    return samples


def _tokenizer(tokenizer_json: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _gather(tokenizer: Any, count: int) -> list[tuple[int, str]]:
    """Return all docstrings, cut to the window, with their lengths."""
    found = sorted(set(_docstrings(Path(sysconfig.get_paths()["stdlib"]))))
    if len(found) < count:
        raise ValueError(f"{count} texts requested; the library has {len(found)}")
    cut = _cut(tokenizer, found)
    return list(zip(_lengths(tokenizer, cut), cut, strict=True))


def _docstrings(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*.py")):
        if _LEFT_OUT.intersection(path.relative_to(root).parts):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # Some files of the library are invalid on purpose.
            continue
        for node in ast.walk(tree):
            if isinstance(node, _Documented) and (text := ast.get_docstring(node)):
                yield text


def _cut(tokenizer: Any, texts: Sequence[str]) -> list[str]:
    """Cut each text after the last token that fits in the window."""
    room = WINDOW - tokenizer.num_special_tokens_to_add(False)
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [
        text if len(encoding) <= room else text[: encoding.offsets[room - 1][1]]
        for text, encoding in zip(texts, encodings, strict=True)
    ]


def _lengths(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    return [len(encoding) for encoding in tokenizer.encode_batch(texts)]


def _choose(
    found: list[tuple[int, str]], count: int, lengths: Sequence[tuple[float, int]]
) -> list[str]:
    """Choose the text of nearest length for each quantile, each once, in pseudorandom order."""
    rest = sorted({(length, _key(text), text) for length, text in found})
    ranks = (np.arange(count) + 0.5) / count
    wanted = np.interp(ranks, [rank for rank, _ in lengths], [tokens for _, tokens in lengths])
    chosen = []
    for tokens in reversed(wanted.round().astype(int).tolist()):
        place = bisect_left(rest, (tokens, ""))
        near = [at for at in (place - 1, place) if 0 <= at < len(rest)]
        chosen.append(rest.pop(min(near, key=lambda at: abs(rest[at][0] - tokens)))[2])
    return sorted(chosen, key=_key)


def _key(text: str) -> str:
    return sha256(text.encode()).hexdigest()
