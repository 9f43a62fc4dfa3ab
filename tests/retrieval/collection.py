"""Small collections to search: few words, so that many chunks are alike, and one made index."""

from collections.abc import Iterable
from contextlib import contextmanager
from random import Random

from tests.fake import FakeEmbedder

from simile.index import Index
from simile.retrieval.recipe import Chunking
from simile.types import Document

WORDS = ("red", "green", "blue", "fish", "bird", "tree", "stone", "cloud", "river", "moon")
"""None of them is changed by the stemmer."""
ONE_EACH = Chunking(max_tokens=6, min_tokens=0)
"""A chunk for each paragraph of `text`: a word more would fit, another paragraph would not."""


def text(chance: Random, paragraphs: int) -> str:
    """Paragraphs of four or five words."""
    parts = [chance.choices(WORDS, k=chance.randint(4, 5)) for _ in range(paragraphs)]
    return "\n\n".join(map(" ".join, parts))


@contextmanager
def indexed(path, documents: Iterable[Document], *, model=None, chunking=ONE_EACH):
    """An index of the documents."""
    with Index(path, embedder=model or FakeEmbedder(), chunking=chunking) as index:
        index.add(documents)
        yield index


def chunks_of(index: Index):
    """All chunks, by the numbers of their rows, which are in the order of their ids."""
    store = index._resources.store()
    stored = [
        chunk for d in index.documents(everything=True) for chunk in store.document_chunks(d.id)
    ]
    return sorted(stored, key=lambda chunk: chunk.id)
