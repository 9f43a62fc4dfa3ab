"""Read files into documents, and cut documents into chunks; format libraries load lazily."""

from simile.documents.chunking import chunk
from simile.documents.folder import Folder
from simile.documents.headings import embedded_text
from simile.documents.loaders import LoadFailure, load, load_stream
from simile.documents.reading import FileLimits

__all__ = ["FileLimits", "Folder", "LoadFailure", "chunk", "embedded_text", "load", "load_stream"]
