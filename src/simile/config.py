"""Turn the environment into settings; the only module that reads it for simile's own variables.

Reads when asked, never at import. OLLAMA_HOST and OPENAI_* mean what they mean to the official
Python clients (ollama 0.6, openai 3, read 2026-11). The Hugging Face variables (HF_ENDPOINT,
HF_TOKEN, HF_HUB_OFFLINE, HF_HOME) are read by huggingface_hub itself, the package index ones by
pip or uv.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from simile.errors import ConfigError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 11434
DEFAULT_MODEL = "all-minilm"
DEFAULT_KEEP_ALIVE_S = 300.0
DEFAULT_MAX_LOADED_MODELS = 3
DEFAULT_MAX_QUEUE = 512
"""Both as Ollama's, on a machine without a GPU."""
DEFAULT_REGISTRY = "registry.ollama.ai"
OLLAMA_SERVICE_MODELS = Path("/usr/share/ollama/.ollama/models")
"""Where Ollama keeps its models if it was installed as a service of Linux."""
DEFAULT_OPENAI_BASE_URL = "https://api.openai.com/v1"


@dataclass(frozen=True)
class Settings:
    """What the environment says; see docs/settings.md."""

    home: Path
    """Where models are kept (SIMILE_HOME), by default the platform's data folder."""
    model_folders: tuple[Path, ...]
    """Folders searched for checkpoints before a pull gives up (SIMILE_MODEL_FOLDERS)."""
    ollama_models: Path | None = None
    """Where Ollama keeps its models (OLLAMA_MODELS); read, never written."""
    registry: str | None = None
    """Host that is asked for models without a host (SIMILE_REGISTRY); None asks nobody."""
    ollama_host: str = field(default="", repr=False)
    """OLLAMA_HOST as it stands; `ollama_url` is what it means."""
    openai_base_url: str = field(default=DEFAULT_OPENAI_BASE_URL, repr=False)
    """OPENAI_BASE_URL as it stands; `openai_url` is the same, checked."""
    openai_api_key: str | None = field(default=None, repr=False)
    """OPENAI_API_KEY, None if it is not set."""
    origins_as_given: tuple[str, str] = ("", "")
    """OLLAMA_ORIGINS and SIMILE_ORIGINS as they stand; `origins` is what they mean."""

    @property
    def embedding_cache(self) -> Path:
        """The file that remembers vectors of texts, for all indexes."""
        return self.home / "cache" / "embeddings.sqlite"

    @property
    def ollama_url(self) -> str:
        """Where Ollama is asked, `scheme://host:port[/path]`; ConfigError if OLLAMA_HOST is wrong.

        Read only where Ollama is used, so that a bad value is in nobody else's way.
        """
        return _ollama_url(self.ollama_host)

    @property
    def origins(self) -> tuple[str, ...]:
        """Web origins that may ask the server beside the built-in ones; ConfigError if one cannot.

        Read only by the server, so that a bad value is in nobody else's way.
        """
        return tuple(
            origin
            for name, value in zip(_ORIGINS, self.origins_as_given, strict=True)
            for origin in _origins(name, value)
        )

    @property
    def openai_url(self) -> str:
        """Where OpenAI's API is asked. Raises ConfigError if OPENAI_BASE_URL is no such address."""
        if not _split("OPENAI_BASE_URL", self.openai_base_url, DEFAULT_OPENAI_BASE_URL).hostname:
            raise ConfigError(
                f"OPENAI_BASE_URL has no host; expected e.g. {DEFAULT_OPENAI_BASE_URL}"
            )
        return self.openai_base_url


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment into Settings; ConfigError names the variable that cannot be used."""
    env = os.environ if environ is None else environ
    return Settings(
        home=_home(env),
        model_folders=_folders(env),
        ollama_models=_ollama_models(env.get("OLLAMA_MODELS", "")),
        registry=_registry(env.get("SIMILE_REGISTRY", "")),
        ollama_host=env.get("OLLAMA_HOST", ""),
        openai_base_url=env.get("OPENAI_BASE_URL", "").strip() or DEFAULT_OPENAI_BASE_URL,
        openai_api_key=env.get("OPENAI_API_KEY", "").strip() or None,
        origins_as_given=(env.get("OLLAMA_ORIGINS", ""), env.get("SIMILE_ORIGINS", "")),
    )


@dataclass(frozen=True)
class ServerSettings:
    """What the environment says to `simile serve`; see docs/settings.md."""

    keep_alive: str = ""
    """SIMILE_KEEP_ALIVE as it stands, in the grammar of Ollama's keep_alive."""
    max_loaded_models: int = DEFAULT_MAX_LOADED_MODELS
    max_memory_bytes: int | None = None
    """Files of all loaded models together (SIMILE_MAX_MEMORY); None is no limit."""
    max_queue: int = DEFAULT_MAX_QUEUE
    json_log: bool = False
    """Whether every request is logged in one line of JSON (SIMILE_LOG=json)."""


def read_server_settings(environ: Mapping[str, str] | None = None) -> ServerSettings:
    """Read the environment into ServerSettings; ConfigError names what cannot be used."""
    env = os.environ if environ is None else environ
    log = env.get("SIMILE_LOG", "").strip().lower()
    if log not in ("", "text", "json"):
        raise ConfigError(f"SIMILE_LOG is {log!r}; expected json or text")
    models = env.get("SIMILE_MAX_LOADED_MODELS", "")
    return ServerSettings(
        keep_alive=env.get("SIMILE_KEEP_ALIVE", "").strip(),
        max_loaded_models=_count("SIMILE_MAX_LOADED_MODELS", models, DEFAULT_MAX_LOADED_MODELS),
        max_memory_bytes=_size("SIMILE_MAX_MEMORY", env.get("SIMILE_MAX_MEMORY", "")),
        max_queue=_count("SIMILE_MAX_QUEUE", env.get("SIMILE_MAX_QUEUE", ""), DEFAULT_MAX_QUEUE),
        json_log=log == "json",
    )


def _count(variable: str, value: str, default: int) -> int:
    """Read a positive number; 0 and nothing are the default, as in Ollama."""
    value = value.strip() or "0"
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise ConfigError(f"{variable} is {value!r}; expected a number such as {default}")
    return int(value) or default


def _size(variable: str, value: str) -> int | None:
    if not value.strip():
        return None
    found = _SIZE.fullmatch(value.strip())
    if not found or not (size := int(float(found[1]) * _UNITS[found[2].lower()])):
        raise ConfigError(f"{variable} is {value!r}; expected a size such as 2GB or 512MiB")
    return size


_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) *((?:[KMG]i?B)?)", re.IGNORECASE)


def _home(env: Mapping[str, str]) -> Path:
    value = env.get("SIMILE_HOME", "").strip()
    if value:
        path = Path(value).expanduser()
        if path.exists() and not path.is_dir():
            raise ConfigError(f"SIMILE_HOME is {value}, a file; expected a folder")
        return path.absolute()
    from platformdirs import user_data_path

    return user_data_path("simile", appauthor=False)


def _ollama_models(value: str) -> Path:
    given = value.strip().strip("\"'")
    # Unlike Path.expanduser this does not fail for a user without a home.
    own = Path(os.path.expanduser(given or "~/.ollama/models"))  # noqa: PTH111
    is_service = not given and not own.is_dir() and os.access(OLLAMA_SERVICE_MODELS, os.R_OK)
    return OLLAMA_SERVICE_MODELS if is_service else own


def _registry(value: str) -> str | None:
    given = value.strip().lower() or DEFAULT_REGISTRY
    if not _REGISTRY.fullmatch(given):
        raise ConfigError(
            f"SIMILE_REGISTRY is {value!r}; expected a host such as {DEFAULT_REGISTRY}, or none"
        )
    return None if given == "none" else given


_REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")


def _folders(env: Mapping[str, str]) -> tuple[Path, ...]:
    parts = env.get("SIMILE_MODEL_FOLDERS", "").split(os.pathsep)
    return tuple(Path(part).expanduser().absolute() for part in parts if part.strip())


_ORIGINS = ("OLLAMA_ORIGINS", "SIMILE_ORIGINS")


def _origins(variable: str, value: str) -> list[str]:
    origins = [part.strip() for part in value.strip().strip("\"'").split(",") if part.strip()]
    for origin in origins:
        if origin.count("*") > 1 or not _ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"{variable} has {origin!r}; expected origins such as https://example.com or"
                " https://*.example.com, with at most one *, joined by commas"
            )
    return origins


_ORIGIN = re.compile(r"[^\s/]+://[^\s/]+|\S*\*\S*")


def _ollama_url(value: str) -> str:
    """Fill in what is left out, as Ollama's client does, and turn "every address" into this one."""
    value = value.strip().strip("\"'")
    scheme, separator, rest = value.partition("://")
    if not separator:
        scheme, rest = "http", value
    port = {"http": 80, "https": 443}[scheme] if separator and scheme in _SCHEMES else DEFAULT_PORT
    parts = _split("OLLAMA_HOST", f"{scheme}://{rest or DEFAULT_HOST}", "127.0.0.1:11434")
    host = _UNSPECIFIED.get(parts.hostname or "", parts.hostname) or DEFAULT_HOST
    try:
        if ipaddress.ip_address(host).version == 6:
            host = f"[{host}]"
    except ValueError:
        pass  # A name.
    path = parts.path.strip("/")
    return f"{scheme}://{host}:{parts.port or port}" + (f"/{path}" if path else "")


_SCHEMES = ("http", "https")
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""What a server may listen on, but no client can ask."""


def _split(variable: str, value: str, example: str) -> SplitResult:
    """Take an address apart; ConfigError, which does not repeat it: it may hold a password."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  Only reading it says whether it is one.
    except ValueError:
        raise ConfigError(f"{variable} is no address; expected e.g. {example}") from None
    if parts.scheme not in _SCHEMES or parts.query or parts.fragment:
        raise ConfigError(
            f"{variable} is no address that can be used; expected http or https, a host and at most"
            f" a path, e.g. {example}"
        )
    return parts
