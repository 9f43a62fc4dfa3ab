"""Choose the model for a request that names none: what the server was started with, if one fits.

Knows which models are here, and of which kind; does not know protocols. Reads files, in a thread
beside the event loop.
"""

import asyncio
from collections.abc import Iterable, Sequence

from simile.errors import ModelError, ModelNotFoundError
from simile.models.local_model import LocalModel
from simile.server.errors import BodyError
from simile.server.local_models import LocalModels
from simile.server.model_names import AskedModel

_WORDS = {True: "reranker", False: "embedding model"}


class Served:
    """The models that a server is there for."""

    def __init__(self, models: LocalModels, names: Sequence[str]) -> None:
        """`names` are those that it was started with; a path is one, too."""
        self._models = models
        self._names = tuple(names)

    async def embedder(self) -> AskedModel:
        """Return the one embedding model that is served, or else the only local one.

        Raises ModelNotFoundError if there is none, BodyError if there are several.
        """
        return await asyncio.to_thread(self._choose, False)

    async def reranker(self) -> AskedModel:
        """Return the one reranker, in the same way, or else the embedding model."""
        return await asyncio.to_thread(self._choose, True, False)

    async def any(self) -> AskedModel:
        """Return the one embedding model, in the same way, or else the reranker."""
        return await asyncio.to_thread(self._choose, False, True)

    def _choose(self, *kinds: bool) -> AskedModel:
        named = list(self._named())
        here = [(AskedModel.served(model.name), model) for model in self._models.hub.models()]
        for is_reranker in kinds:
            for candidates in (named, here):
                fitting = self._fitting(candidates, is_reranker)
                if len(fitting) == 1:
                    return fitting[0]
                if fitting:
                    names = ", ".join(asked.text for asked in fitting)
                    raise BodyError(f"model is missing; expected one of these: {names}")
        raise ModelNotFoundError(
            f"no {_WORDS[kinds[0]]} is here; pull one, or name it when starting the server:"
            " simile serve --model NAME"
        )

    def _named(self) -> Iterable[tuple[AskedModel, LocalModel]]:
        for name in self._names:
            try:
                asked = AskedModel.served(name)
                yield asked, self._models.hub.find(asked.name)
            except ModelError:
                continue  # Not pulled, or deleted since.

    def _fitting(
        self, candidates: Iterable[tuple[AskedModel, LocalModel]], is_reranker: bool
    ) -> list[AskedModel]:
        """Return the models of a kind, one name for each."""
        by_digest: dict[str, AskedModel] = {}
        for asked, model in candidates:
            facts = self._models.facts_or_none(model)  # A damaged model is chosen for nothing.
            if facts and facts.is_reranker is is_reranker:
                by_digest.setdefault(model.digest, asked)
        return list(by_digest.values())
