"""A model whose files are on this machine: where they are, and what the catalog knows of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class LocalModel:
    """A model whose files are on this machine."""

    name: str
    """The short name it is stored under, or the path as it was given."""
    path: Path
    """A folder with a checkpoint's files, or one GGUF file, whatever its name."""
    digest: str
    """Sha256, hexadecimal: equal for equal files, wherever and whenever they were pulled."""
    size_bytes: int
    modified_at: datetime
    """With its time zone."""
    source: str
    """Where the files came from, in words."""
    license: str | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Role to the text that goes before, where the catalog knows it."""
    derived: Path | None = None
    """Folder for what is computed once from its files; None to compute it each time."""
    window: int | None = None
    """Default window, if it differs from what the checkpoint's own files say."""
    dimensions: Sequence[int] = ()
    """Widths that its vectors may be cut to, where the catalog knows it was trained for them."""
    layer_norm_before_cut: bool = False
    """Whether a vector goes through layer normalization, without weights, before it is cut."""
