"""Find the words that distinguish each cluster: class-based TF-IDF.

W(t, c) = tf(t, c) * log(1 + A / tf(t)), with A the mean number of words in a class (Grootendorst
2022, equation 2). Instead of stop-word lists, which depend on the language, it excludes words that
are not clearly more common in the cluster than in all texts.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W\d_]{2,}")
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]{2,}")
"""Thai, kana and Chinese characters: written without spaces."""
_MORE_COMMON = 1.5


def label_words(
    texts: Sequence[str], labels: NDArray[np.int32], clusters: int, *, count: int
) -> list[tuple[str, ...]]:
    """Return the `count` most telling words per cluster, best first; labels int32 (n,), -1 none."""
    everywhere: Counter[str] = Counter()
    within: list[Counter[str]] = [Counter() for _ in range(clusters)]
    for text, label in zip(texts, labels.tolist(), strict=True):
        words = _words(text)
        everywhere.update(words)
        if label >= 0:
            within[label].update(words)
    mean = sum(counts.total() for counts in within) / max(1, clusters)
    return [_best(counts, everywhere, mean, count) for counts in within]


def _best(
    counts: "Counter[str]", everywhere: "Counter[str]", mean: float, count: int
) -> tuple[str, ...]:
    usual = counts.total() / max(1, everywhere.total())
    scores = {word: times * np.log1p(mean / everywhere[word]) for word, times in counts.items()}
    telling = {
        word: score
        for word, score in scores.items()
        if counts[word] > _MORE_COMMON * usual * everywhere[word]
    }
    ranked = sorted((telling or scores).items(), key=lambda item: (-item[1], item[0]))
    return tuple(word for word, _ in ranked[:count])


def _words(text: str) -> list[str]:
    words: list[str] = []
    for word in _WORD.findall(text.casefold()):
        runs = _UNSPACED.findall(word)
        words += ["".join(two) for run in runs for two in pairwise(run)] if runs else [word]
    return words
