"""Find a model's files and its facts, without loading it.

Knows the hub and the words of each route. Reads files, so it blocks; each model's facts are read
once.
"""

from simile.errors import CheckpointError, ModelError, ModelNotFoundError
from simile.hub.hub import Hub
from simile.models.facts import ModelFacts
from simile.models.known_facts import KnownFacts
from simile.models.local_model import LocalModel
from simile.server.model_names import AskedModel, Style, not_found


class LocalModels:
    """The models of one server, with their facts."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._facts = KnownFacts()

    def find(self, asked: AskedModel, style: Style = "plain") -> LocalModel:
        """Find a model. Raises ModelNotFoundError, in the words of the given style."""
        try:
            return self.hub.find(asked.name)
        except ModelNotFoundError as exc:
            raise not_found(asked.text, style) from exc

    def facts(self, model: LocalModel) -> ModelFacts:
        """Return a model's facts. Raises CheckpointError or UnsupportedModelError.

        ModelNotFoundError if it was deleted since it was found.
        """
        try:
            return self._facts.of(model)
        except CheckpointError:
            self.hub.find(model.name)
            raise

    def all(self) -> list[tuple[LocalModel, ModelFacts | None]]:
        """Return every local model with its facts, newest first; None for damaged files."""
        return [(model, self.facts_or_none(model)) for model in self.hub.models()]

    def facts_or_none(self, model: LocalModel) -> ModelFacts | None:
        """Return a model's facts, or None if its files are damaged."""
        try:
            return self.facts(model)
        except ModelError:
            return None
