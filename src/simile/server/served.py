"""Choose the model for a request that names none: what the server was started with, if one fits.

Knows the hub, and what kind of model a checkpoint is; does not know protocols. Reads files, in a
thread beside the event loop.
"""

import asyncio
from collections.abc import Iterable, Sequence

from simile.errors import ModelError, ModelNotFoundError
from simile.hub.hub import Hub
from simile.models.local_model import LocalModel
from simile.models.open import is_cross_encoder
from simile.server.errors import BodyError

_WORDS = {True: "reranker", False: "embedding model"}


class Served:
    """The models that a server is there for."""

    def __init__(self, hub: Hub, names: Sequence[str]) -> None:
        """`names` are those that it was started with; a path is one, too."""
        self._hub = hub
        self._names = tuple(names)
        self._kinds: dict[str, bool] = {}
        """By digest: whether it is a reranker."""

    async def embedder(self) -> str:
        """Name the one embedding model that is served, or that is here at all.

        ModelNotFoundError if there is none, BodyError if there are several.
        """
        return (await asyncio.to_thread(self._choose, (False,)))[0]

    async def reranker(self) -> str:
        """Name the one reranker, in the same way, or the embedding model where there is none."""
        return (await asyncio.to_thread(self._choose, (True, False)))[0]

    async def any(self) -> str:
        """Name the one embedding model, in the same way, or the reranker where there is none."""
        return (await asyncio.to_thread(self._choose, (False, True)))[0]

    def _choose(self, kinds: Sequence[bool]) -> tuple[str, LocalModel]:
        named = dict(self._named())
        for is_reranker in kinds:
            for candidates in (named, {model.name: model for model in self._hub.models()}):
                fitting = self._fitting(candidates, is_reranker)
                if len(fitting) == 1:
                    return fitting[0]
                if fitting:
                    names = ", ".join(name for name, _ in fitting)
                    raise BodyError(f"model is missing; expected one of these: {names}")
        raise ModelNotFoundError(
            f"no {_WORDS[kinds[0]]} is here; pull one, or name it when starting the server:"
            " simile serve --model NAME"
        )

    def _named(self) -> Iterable[tuple[str, LocalModel]]:
        for name in self._names:
            try:
                yield name, self._hub.find(name)
            except ModelError:
                continue  # Not pulled, or deleted since.

    def _fitting(
        self, candidates: dict[str, LocalModel], is_reranker: bool
    ) -> list[tuple[str, LocalModel]]:
        """Give those of a kind, one name for each."""
        by_digest: dict[str, tuple[str, LocalModel]] = {}
        for name, model in candidates.items():
            if self._is_reranker(model) is is_reranker:
                by_digest.setdefault(model.digest, (name, model))
        return list(by_digest.values())

    def _is_reranker(self, model: LocalModel) -> bool | None:
        """None for a damaged model, which is chosen for nothing."""
        if model.digest not in self._kinds:
            try:
                self._kinds[model.digest] = is_cross_encoder(model)
            except ModelError:
                return None
        return self._kinds[model.digest]
