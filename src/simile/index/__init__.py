"""The public index: a searchable folder of documents, chunks and vectors."""

from simile.index.index import DEFAULT_FOLDER, Chunking, Index

__all__ = ["DEFAULT_FOLDER", "Chunking", "Index"]
