"""Read which layers of a model see the whole text, and which a window around each token."""

from simile.checkpoints.configuration import Configuration
from simile.errors import CheckpointError, UnsupportedModelError

GLOBAL, LOCAL = "full_attention", "sliding_attention"


def read_layer_types(configuration: Configuration, layer_count: int) -> tuple[str, ...] | None:
    """Read layer_types of config.json, GLOBAL or LOCAL for each layer; None if it is absent.

    Raises CheckpointError for what is no list of that length, UnsupportedModelError for other
    names.
    """
    listed = configuration.values.get("layer_types")
    if listed is None:
        return None
    if not isinstance(listed, list) or len(listed) != layer_count:
        raise CheckpointError(
            f"{configuration.where}: layer_types is {listed!r}; expected {layer_count} names"
        )
    unknown = [kind for kind in listed if kind not in (GLOBAL, LOCAL)]
    if unknown:
        raise UnsupportedModelError(
            f"{configuration.where}: layer_types {unknown[0]!r} is not built here; "
            f"expected {GLOBAL!r} or {LOCAL!r}"
        )
    return tuple(listed)
