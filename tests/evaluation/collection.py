"""A small index with judged queries, some of which want words and some of which want spans."""

from contextlib import contextmanager
from random import Random

from tests.retrieval.collection import WORDS, indexed, text

from simile.evaluation.judged import Judged
from simile.evaluation.metrics import Span
from simile.types import Document

QUERIES = 24


@contextmanager
def judged_index(folder):
    """An Index of documents of a few words, and queries for some of them."""
    chance = Random(7)
    documents = [Document(f"d{i:02}", text(chance, chance.randint(1, 5))) for i in range(40)]
    judged = []
    for number in range(QUERIES):
        wanted = chance.choice(documents)
        words = [*chance.sample(wanted.text.split(), 2), chance.choice(WORDS)]
        end = wanted.text.index(" ")
        judged.append(
            Judged(" ".join(words), {wanted.id: 1}, (Span(wanted.id, 0, end),), id=str(number))
        )
    with indexed(folder, documents) as index:
        yield index, judged
