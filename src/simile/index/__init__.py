"""The face that people import: a folder of documents, chunks and vectors that can be searched."""

from simile.index.index import DEFAULT_FOLDER, Chunking, Index

__all__ = ["DEFAULT_FOLDER", "Chunking", "Index"]
