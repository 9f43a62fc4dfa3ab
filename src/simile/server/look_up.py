"""Find a model's files, and what they say of it, without loading it.

Knows the hub and the words of each route; reads files, so it blocks.
"""

from simile.errors import ModelError, ModelNotFoundError
from simile.hub.hub import Hub
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.open import read_facts
from simile.server.model_names import AskedModel, Style, not_found


def find(hub: Hub, asked: AskedModel, style: Style = "plain") -> LocalModel:
    """Find a model; ModelNotFoundError, in the words of that style, if it is not here."""
    try:
        return hub.find(asked.name)
    except ModelNotFoundError as exc:
        raise not_found(asked.text, style) from exc


def look_up(hub: Hub, asked: AskedModel, style: Style = "plain") -> tuple[LocalModel, ModelFacts]:
    """Find a model, in the same way, and read its facts."""
    model = find(hub, asked, style)
    return model, read_facts(model)


def facts_or_none(model: LocalModel) -> ModelFacts | None:
    """Read a model's facts; None if its files are damaged, since it is listed all the same."""
    try:
        return read_facts(model)
    except ModelError:
        return None
