"""Turn a checkpoint's sentence-transformers files into the steps after the encoder.

Reads modules.json, the modules' own folders and the windows and prompts beside them, in the old
and the new spelling; guesses nothing: what is not understood is refused. Layout as written by
sentence-transformers 2 to 6 (https://sbert.net/docs/package_reference, read 2026-11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simile.checkpoints.checkpoint import Checkpoint
from simile.errors import CheckpointError, UnsupportedModelError
from simile.models.local_model import LocalModel

_WINDOW_FILES = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
_ST_CONFIG = "config_sentence_transformers.json"
_OLD_POOLING_KEYS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weighted_mean",
    "pooling_mode_lasttoken": "last",
}
"""In the order in which several are joined."""
_NEW_POOLING_NAMES = {
    "cls": "cls",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean": "weighted_mean",
    "lasttoken": "last",
}


@dataclass(frozen=True)
class Dense:
    """A linear layer on the pooled vector."""

    folder: str
    width_in: int
    width_out: int
    bias: bool
    activation: str


@dataclass(frozen=True)
class Modules:
    """The steps from token vectors to a text vector."""

    pooling: tuple[str, ...]
    dense: tuple[Dense, ...]
    normalize: bool


def read_modules(checkpoint: Checkpoint) -> Modules:
    """Read the steps; CheckpointError if a file is missing, UnsupportedModelError for others."""
    listed = checkpoint.modules()
    if listed is None:
        raise CheckpointError(
            f"{checkpoint.where('modules.json')} is missing: it says how token vectors become one, "
            "which is never guessed; save the model with sentence-transformers"
        )
    _refuse_other_uses(checkpoint)
    steps = [(_kind(name), path) for name, path in listed]
    kinds = [kind for kind, _ in steps if kind != "Dropout"]
    shape = ["Transformer", "Pooling", *(k for k in kinds[2:] if k == "Dense")]
    if kinds not in (shape, [*shape, "Normalize"]):
        raise UnsupportedModelError(
            f"modules.json lists {', '.join(kinds)}; "
            "expected Transformer, Pooling, any number of Dense and perhaps Normalize"
        )
    paths = {kind: path for kind, path in steps}
    return Modules(
        pooling=_pooling(checkpoint.read_json(f"{paths['Pooling']}/config.json")),
        dense=tuple(_dense(checkpoint, path) for kind, path in steps if kind == "Dense"),
        normalize=kinds[-1] == "Normalize",
    )


def vector_width(hidden_size: int, modules: "Modules") -> int:
    """Follow the width through pooling and Dense modules; CheckpointError where they disagree."""
    width = hidden_size * max(1, len(modules.pooling))
    for dense in modules.dense:
        if dense.width_in != width:
            raise CheckpointError(
                f"{dense.folder}/config.json: in_features is {dense.width_in}; "
                f"expected {width}, the width of the vector before it"
            )
        width = dense.width_out
    return width


def read_prompts(checkpoint: Checkpoint) -> Mapping[str, str]:
    """Read the prefixes that the checkpoint's own file puts before texts, by name."""
    prompts = checkpoint.find_object(_ST_CONFIG).get("prompts") or {}
    if not isinstance(prompts, dict):
        raise CheckpointError(f"{_ST_CONFIG}: prompts is {prompts!r}; expected an object")
    return {str(name): text for name, text in prompts.items() if isinstance(text, str)}


def read_prompt_facts(checkpoint: Checkpoint, model: LocalModel) -> tuple[Mapping[str, str], str]:
    """Return the prompts, the checkpoint's own or else the catalog's, and the default one's name.

    Blank prompts alone say nothing: sentence-transformers writes them for every model.
    """
    own = read_prompts(checkpoint)
    if not any(own.values()):
        return model.prompts or own, ""
    return own, str(checkpoint.find_object(_ST_CONFIG).get("default_prompt_name") or "")


def read_widths(checkpoint: Checkpoint, model: LocalModel, width: int) -> tuple[int, Sequence[int]]:
    """Return the width of the vectors, and those they may be cut to: as trained, where it is known.

    The first is less than `width` where the checkpoint says `truncate_dim`, the second the
    catalog's, or `matryoshka_dimensions` of config.json.
    """
    asked = checkpoint.find_object(_ST_CONFIG).get("truncate_dim")
    if asked is not None and (type(asked) is not int or asked < 1):
        raise CheckpointError(f"{_ST_CONFIG}: truncate_dim is {asked!r}; expected an integer")
    listed = checkpoint.config.get("matryoshka_dimensions")
    known = listed if isinstance(listed, list) and set(map(type, listed)) == {int} else ()
    return min(width, asked or width), model.dimensions or known


def read_window(checkpoint: Checkpoint, context_length: int) -> tuple[int, bool]:
    """Read the default window in tokens, specials included, and whether texts are lower-cased.

    The window is sentence_bert_config.json's, else the tokenizer's, and at most context_length.
    """
    names = (f"sentence_{kind}_config.json" for kind in _WINDOW_FILES)
    config = next((c for c in map(checkpoint.find_object, names) if c), {})
    tokenizer = checkpoint.find_object("tokenizer_config.json")
    loading = config.get("tokenizer_args") or config.get("processor_kwargs") or {}
    if not isinstance(loading, dict):
        raise CheckpointError(f"sentence_bert_config.json: {loading!r}; expected an object")
    asked = (
        loading.get("model_max_length"),
        config.get("max_seq_length"),
        tokenizer.get("model_max_length", tokenizer.get("max_len")),
    )
    window = next((n for n in asked if isinstance(n, int | float) and n > 0), context_length)
    return int(min(window, context_length)), bool(config.get("do_lower_case"))


def _refuse_other_uses(checkpoint: Checkpoint) -> None:
    config = checkpoint.find_object(_ST_CONFIG)
    kind = config.get("model_type", "SentenceTransformer")
    if kind == "CrossEncoder":
        raise UnsupportedModelError(
            f"{checkpoint.place} is a reranker, which scores texts for a query and makes no"
            " vectors; use it as one: Reranker in Python, `simile rerank`, `--rerank`"
        )
    if kind != "SentenceTransformer":
        raise UnsupportedModelError(f"{_ST_CONFIG}: model_type {kind} is not built here")


def _kind(name: str) -> str:
    if not name.startswith("sentence_transformers."):
        raise UnsupportedModelError(f"modules.json asks for {name}, code that is not run here")
    return name.rpartition(".")[2]


def _pooling(config: Mapping[str, Any]) -> tuple[str, ...]:
    if config.get("include_prompt", True) is not True:
        raise UnsupportedModelError("1_Pooling: include_prompt false is not built here")
    if "pooling_mode" not in config:
        chosen = tuple(name for key, name in _OLD_POOLING_KEYS.items() if config.get(key))
        # The mean is sentence-transformers' default where a file has none of these keys. A file
        # in which all are false, with which it cannot pool at all, is read in the same way.
        return chosen or ("mean",)
    modes = config["pooling_mode"]
    names = [modes] if isinstance(modes, str) else modes
    known_names = isinstance(names, list) and set(map(str, names)) <= _NEW_POOLING_NAMES.keys()
    if not known_names or not names:
        known = ", ".join(_NEW_POOLING_NAMES)
        raise UnsupportedModelError(f"1_Pooling: pooling_mode {modes!r}; expected of {known}")
    return tuple(_NEW_POOLING_NAMES[name] for name in names)


def _dense(checkpoint: Checkpoint, path: str) -> Dense:
    config = checkpoint.read_json(f"{path}/config.json")
    width_in, width_out = config.get("in_features"), config.get("out_features")
    if type(width_in) is not int or type(width_out) is not int:
        raise CheckpointError(f"{path}/config.json: in_features and out_features must be integers")
    if config.get("use_residual"):
        raise UnsupportedModelError(f"{path}: use_residual is not built here")
    if config.get("module_input_name", "sentence_embedding") != "sentence_embedding":
        raise UnsupportedModelError(f"{path}: module_input_name is not built here")
    full = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    if not full.startswith("torch."):
        raise UnsupportedModelError(f"{path}: activation_function {full} is not built here")
    name = full.rpartition(".")[2].lower()
    return Dense(path, width_in, width_out, config.get("bias", True) is True, name)
