"""Find a model's files, and what they say of it, without loading it.

Knows the hub and the words of each route. Reads files, so it blocks; what a model's files say is
read once.
"""

from simile.errors import ModelError, ModelNotFoundError
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
        """Find a model; ModelNotFoundError, in the words of that style, if it is not here."""
        try:
            return self.hub.find(asked.name)
        except ModelNotFoundError as exc:
            raise not_found(asked.text, style) from exc

    def facts(self, model: LocalModel) -> ModelFacts:
        """Give a model's facts; CheckpointError or UnsupportedModelError for wrong files."""
        return self._facts.of(model)

    def all(self) -> list[tuple[LocalModel, ModelFacts | None]]:
        """Give every model that is here, newest first; None for facts of damaged files."""
        return [(model, self.facts_or_none(model)) for model in self.hub.models()]

    def facts_or_none(self, model: LocalModel) -> ModelFacts | None:
        """Give a model's facts, or None where its files are damaged."""
        try:
            return self.facts(model)
        except ModelError:
            return None
