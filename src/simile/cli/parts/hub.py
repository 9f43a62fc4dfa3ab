"""Open the hub with the settings of the environment."""

from simile.config import read_settings
from simile.hub.hub import Hub


def open_hub() -> Hub:
    """Return the hub. Raises ConfigError if a setting is invalid."""
    settings = read_settings()
    return Hub(
        settings.home,
        settings.model_folders,
        ollama_models=settings.ollama_models,
        registry=settings.registry,
    )
