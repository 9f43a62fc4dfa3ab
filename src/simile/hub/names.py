"""Turn what people type into a model name, and a model name into a folder of its own.

Knows the grammar `[scheme://][host/][namespace/]model[:tag]`; does not know which models exist, nor
the disk. Source: Ollama, types/model/name.go, read 2026-08.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import PurePosixPath

from simile.errors import ModelNameError

DEFAULT_HOST = "registry.ollama.ai"
OLLAMA_HOSTS = (DEFAULT_HOST, "ollama.com")
"""The registry, and the site whose addresses people copy: they name the same models."""
HUB_HOSTS = ("hf.co", "huggingface.co")
"""The Hugging Face, which is asked in its own way."""
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

_PARTS = {
    "host": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}"),
    "namespace": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}"),
    "model": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"),
    "tag": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"),
}
_PATH = re.compile(r"[./~]|[A-Za-z]:[\\/]|.*\\|.*\.gguf$", re.IGNORECASE | re.DOTALL)
# Windows keeps these names for devices, with any extension and in any case.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_LONGEST_FOLDER_NAME = 120
MAX_LENGTH = 1024
"""The longest name with all parts, a scheme and blanks around it; the parts alone reach 600."""


def is_path(text: str) -> bool:
    r"""Whether this is a path (`./x`, `/x`, `~/x`, `C:\x`, `x.gguf`) rather than a name."""
    return _PATH.match(text.strip()) is not None


@dataclass(frozen=True, eq=False)
class ModelName:
    """A full model name; ModelNameError when a part breaks the grammar.

    Names are equal if they name the same model: part by part, upper and lower case alike.
    """

    host: str
    namespace: str
    model: str
    tag: str

    def __post_init__(self) -> None:
        for part, pattern in _PARTS.items():
            if not pattern.fullmatch(getattr(self, part)):
                raise ModelNameError(
                    f"{self.display!r} is not a model name: {part} {getattr(self, part)!r};"
                    " expected [host/][namespace/]model[:tag], each of letters, digits, '_', '-'"
                    " and '.', not beginning with '-' or '.' (a folder is written ./folder)"
                )

    @classmethod
    def parse(cls, text: str) -> "ModelName":
        """Read a name as Ollama does, filling in the default host, namespace and tag.

        Blanks around it are trimmed, a scheme and the suffix `:local` are dropped. ModelNameError
        names the part that breaks the grammar, and refuses `:cloud` and `-cloud`: nothing runs
        elsewhere.
        """
        if len(text) > MAX_LENGTH:
            raise ModelNameError(
                f"this model name has {len(text)} characters; expected at most {MAX_LENGTH}"
            )
        rest = _without_selector(text)
        tag, namespace, host = DEFAULT_TAG, DEFAULT_NAMESPACE, DEFAULT_HOST
        # A colon left of the last slash belongs to the port of the host.
        if rest.rfind(":") > rest.rfind("/"):
            rest, _, tag = rest.rpartition(":")
        rest, slash, model = rest.rpartition("/")
        if slash:
            rest, slash, namespace = rest.rpartition("/")
        if slash:
            scheme, separator, after = rest.partition("://")
            host = after if separator else scheme
            host = DEFAULT_HOST if host.lower() in OLLAMA_HOSTS else host
        return cls(host, namespace, model, tag)

    @property
    def display(self) -> str:
        """The short form: host and namespace only where not the default, the tag always."""
        short = f"{self.model}:{self.tag}"
        if self.host.lower() != DEFAULT_HOST:
            return f"{self.host}/{self.namespace}/{short}"
        if self.namespace.lower() != DEFAULT_NAMESPACE:
            return f"{self.namespace}/{short}"
        return short

    @property
    def folder(self) -> PurePosixPath:
        """Relative folder host/namespace/model/tag, valid everywhere, always below its root."""
        parts = (self.host, self.namespace, self.model, self.tag)
        return PurePosixPath(*map(_safe_folder_name, parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelName) and self._folded == other._folded

    def __hash__(self) -> int:
        return hash(self._folded)

    @cached_property
    def _folded(self) -> tuple[str, ...]:
        return tuple(part.lower() for part in (self.host, self.namespace, self.model, self.tag))


def _without_selector(text: str) -> str:
    rest = text.strip()
    while rest.lower().endswith(":local"):
        rest = rest[: -len(":local")]
    if rest.lower().endswith((":cloud", "-cloud")) and ":" in rest.rpartition("/")[2]:
        raise ModelNameError(
            f"{text!r} names a model in Ollama's cloud; models run on this machine only"
        )
    return rest


def _safe_folder_name(part: str) -> str:
    """Escape with `%`, which no name may hold, so that different names stay different folders."""
    if len(part) > _LONGEST_FOLDER_NAME:
        # The host may have 350 characters, a folder name 255 at most.
        part = f"{part[:60]}%{sha256(part.lower().encode()).hexdigest()[:32]}"
    if _DEVICE.match(part):
        part = f"%{ord(part[0]):02X}{part[1:]}"
    if part.endswith("."):
        part = f"{part[:-1]}%2E"
    return part.replace(":", "%3A")
