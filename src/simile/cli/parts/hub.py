"""The hub that the environment's settings describe, for the verbs that need one."""

from simile.config import read_settings
from simile.hub.hub import Hub


def open_hub() -> Hub:
    """Give the hub; ConfigError if a setting cannot be used."""
    settings = read_settings()
    return Hub(
        settings.home,
        settings.model_folders,
        ollama_models=settings.ollama_models,
        registry=settings.registry,
    )
