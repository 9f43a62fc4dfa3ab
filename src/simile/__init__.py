"""Turn text into vectors, and vectors into the right passages, on this machine.

Importing this package loads nothing heavy: each name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simile.chat import Chat as Chat
    from simile.embedder import Embedder as Embedder
    from simile.errors import SimileError as SimileError
    from simile.index import Chunking as Chunking
    from simile.index import Index as Index
    from simile.reranker import Reranker as Reranker
    from simile.types import Document as Document
    from simile.types import EmbedResult as EmbedResult
    from simile.types import Hit as Hit
    from simile.types import Ranked as Ranked

__version__ = "0.1.0"
_HOMES = {
    "Chat": "chat",
    "Chunking": "index",
    "Document": "types",
    "EmbedResult": "types",
    "Embedder": "embedder",
    "Hit": "types",
    "Index": "index",
    "Ranked": "types",
    "Reranker": "reranker",
    "SimileError": "errors",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
