"""Find a model by its name, and pull it where it is missing, as the commands do."""

from simile.config import read_settings
from simile.hub.hub import Hub
from simile.models.local_model import LocalModel
from simile.pull_progress import find_or_pull


def find_model(name: str) -> LocalModel:
    """Return a model of this machine's SIMILE_HOME and model folders."""
    settings = read_settings()
    return find_or_pull(Hub(settings.home, settings.model_folders), name)
