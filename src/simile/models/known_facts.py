"""Remember models' facts, so that each model is read once while its files do not change.

Knows digests, not files; may be used from several threads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.open import read_facts

MAX_MODELS = 256


@dataclass(frozen=True)
class _Key:
    """Everything that facts depend on: the files, and what the catalog adds."""

    digest: str
    prompts: Sequence[tuple[str, str]]
    window: int | None
    dimensions: Sequence[int]
    layer_norm_before_cut: bool
    local: LocalModel = field(compare=False)


class KnownFacts:
    """The facts of the models that were asked for last, by digest."""

    def __init__(self, read: Callable[[LocalModel], ModelFacts] = read_facts) -> None:
        self._of = lru_cache(MAX_MODELS)(lambda key: read(key.local))

    def of(self, local: LocalModel) -> ModelFacts:
        """Return the facts of a model, read once.

        Raises CheckpointError or UnsupportedModelError, each time anew, where its files are wrong.
        """
        return self._of(
            _Key(
                local.digest,
                tuple(sorted(local.prompts.items())),
                local.window,
                tuple(local.dimensions),
                local.layer_norm_before_cut,
                local,
            )
        )
