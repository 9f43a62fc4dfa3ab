"""Turn the environment into settings; the only module that reads it for simile's own variables.

Reads when asked, never at import. The Hugging Face variables (HF_ENDPOINT, HF_TOKEN,
HF_HUB_OFFLINE, HF_HOME) are read by huggingface_hub itself, the package index ones by pip or uv.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simile.errors import ConfigError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 11434
DEFAULT_MODEL = "all-minilm"
DEFAULT_KEEP_ALIVE_S = 300.0


@dataclass(frozen=True)
class Settings:
    """What the environment says; see docs/settings.md."""

    home: Path
    """Where models are kept (SIMILE_HOME), by default the platform's data folder."""
    model_folders: tuple[Path, ...]
    """Folders searched for checkpoints before a pull gives up (SIMILE_MODEL_FOLDERS)."""


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment into Settings; ConfigError names the variable that cannot be used."""
    env = os.environ if environ is None else environ
    return Settings(home=_home(env), model_folders=_folders(env))


def _home(env: Mapping[str, str]) -> Path:
    value = env.get("SIMILE_HOME", "").strip()
    if value:
        path = Path(value).expanduser()
        if path.exists() and not path.is_dir():
            raise ConfigError(f"SIMILE_HOME is {value}, a file; expected a folder")
        return path.absolute()
    from platformdirs import user_data_path

    return user_data_path("simile", appauthor=False)


def _folders(env: Mapping[str, str]) -> tuple[Path, ...]:
    parts = env.get("SIMILE_MODEL_FOLDERS", "").split(os.pathsep)
    return tuple(Path(part).expanduser().absolute() for part in parts if part.strip())
