"""simile: text to vectors, and vectors to the right passages, on your own machine.

The public names; each is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simile.embedder import Embedder
    from simile.errors import SimileError
    from simile.index import Chunking, Index
    from simile.reranker import Reranker
    from simile.types import Document, EmbedResult, Hit, Ranked

__version__ = "0.1.0"
__all__ = [
    "Chunking",
    "Document",
    "EmbedResult",
    "Embedder",
    "Hit",
    "Index",
    "Ranked",
    "Reranker",
    "SimileError",
    "__version__",
]

_HOMES = {
    "Chunking": "simile.index",
    "Document": "simile.types",
    "EmbedResult": "simile.types",
    "Embedder": "simile.embedder",
    "Hit": "simile.types",
    "Index": "simile.index",
    "Ranked": "simile.types",
    "Reranker": "simile.reranker",
    "SimileError": "simile.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simile' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
