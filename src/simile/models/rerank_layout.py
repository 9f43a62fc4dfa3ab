"""Turn a checkpoint's files into the way to a score: head, activation and prompt.

Reads config.json and the files that sentence-transformers' CrossEncoder writes, versions 2 to 6
(https://sbert.net/docs/package_reference/cross_encoder, read 2026-11). Builds no graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from simile.checkpoints.checkpoint import Checkpoint
from simile.checkpoints.configuration import Configuration
from simile.errors import CheckpointError, UnsupportedModelError

JUDGE = "Judge whether the Document meets the requirements based on the Query and the Instruct"
"""The beginning of Qwen3-Reranker's system prompt, which identifies its template."""
_LABELS = 2
"""The defaults of transformers, for configurations that name none."""
_ST_CONFIG = "config_sentence_transformers.json"
_CAUSAL = "Qwen3ForCausalLM"
_DECODERS = (_CAUSAL, "Qwen3ForSequenceClassification")
"""Those whose score is read off the last token."""
_ACTIVATIONS: Mapping[str, str] = {
    "torch.nn.modules.activation.Sigmoid": "sigmoid",
    "torch.nn.modules.linear.Identity": "identity",
    "torch.nn.Sigmoid": "sigmoid",
    "torch.nn.Identity": "identity",
}


@dataclass(frozen=True)
class Layout:
    """How a reranker computes its score."""

    kind: str
    """The class of transformers that its config.json names."""
    activation: str
    """The function from logit to score: sigmoid or identity."""
    is_causal: bool
    """Whether the score is read off the words `yes` and `no` that would come next."""
    has_template: bool
    """Whether a pair is put into the template of Qwen3-Reranker."""
    has_types: bool
    """Whether the model gets token types, which mark a pair's second text."""
    answers: tuple[int, int | None] | None = None
    """Their token ids, where the checkpoint says them."""
    prompt: str = ""
    """What goes before a query; for a model with a template, its instruction."""


def is_reranker(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint gives scores to pairs; it is an embedding model otherwise."""
    if checkpoint.find_json("modules.json") is not None:
        return checkpoint.find_object(_ST_CONFIG).get("model_type") == "CrossEncoder"
    kind = _kind(checkpoint)
    return kind.endswith("ForSequenceClassification") or kind == _CAUSAL


def read_layout(checkpoint: Checkpoint) -> Layout:
    """Read the files. Raises UnsupportedModelError or CheckpointError."""
    from simile.architectures.heads import HEADS

    kind = _kind(checkpoint)
    if kind not in (*HEADS, _CAUSAL):
        raise UnsupportedModelError(
            f"{checkpoint.place}: {kind or 'no architecture'} is no reranker that is built here; "
            f"expected one of {', '.join((*HEADS, _CAUSAL))}"
        )
    if kind != _CAUSAL:
        _require_one_label(checkpoint.configuration)
    answers = _read_modules(checkpoint, kind)
    has_template = kind in _DECODERS and _has_template(checkpoint)
    return Layout(
        kind=kind,
        activation=_activation(checkpoint),
        is_causal=kind == _CAUSAL,
        has_template=has_template,
        has_types=not has_template and gives_types(checkpoint),
        answers=answers,
        prompt=_prompt(checkpoint),
    )


def gives_types(checkpoint: Checkpoint) -> bool:
    """Whether the model gets token types, which mark a pair's second text.

    Decided as in transformers 5: by the tokenizer's class, unless its own file says otherwise.
    """
    tokenizer, config = checkpoint.find_object("tokenizer_config.json"), checkpoint.config
    names = tokenizer.get("model_input_names")
    if isinstance(names, list):
        told = "token_type_ids" in names
    else:
        by_model = "BertTokenizer" if config.get("model_type") == "bert" else ""
        told = str(tokenizer.get("tokenizer_class") or by_model).startswith("Bert")
    default = 2 if config.get("model_type") == "bert" else 0
    kinds = config.get("type_vocab_size", default)
    return told and isinstance(kinds, int) and kinds > 1


def _require_one_label(configuration: Configuration) -> None:
    """Raise UnsupportedModelError for a classifier of several labels."""
    labels = configuration.values.get("id2label")
    count = len(labels) if isinstance(labels, dict) else configuration.size("num_labels", _LABELS)
    if count != 1:
        raise UnsupportedModelError(
            f"{configuration.where}: a classifier of {count} labels; a reranker has one, its score"
        )


def _kind(checkpoint: Checkpoint) -> str:
    names = checkpoint.config.get("architectures")
    return str(names[0]) if isinstance(names, list) and names else ""


def _read_modules(checkpoint: Checkpoint, kind: str) -> tuple[int, int | None] | None:
    """Check the listed modules, if any; give the answers' token ids where they are listed."""
    modules = checkpoint.modules()
    if modules is None:
        return None
    names = [name.rpartition(".")[2] for name, _ in modules]
    expected = ["Transformer", "LogitScore"] if kind == _CAUSAL else ["Transformer"]
    if names != expected:
        raise UnsupportedModelError(
            f"{checkpoint.where('modules.json')}: a reranker of {', '.join(names) or 'nothing'}"
            f" is not built here; expected {' and '.join(expected)} for {kind or 'it'}"
        )
    return _answers(checkpoint, modules[1][1]) if kind == _CAUSAL else None


def _answers(checkpoint: Checkpoint, path: str) -> tuple[int, int | None]:
    config = checkpoint.read_json(f"{path}/config.json")
    yes, no = config.get("true_token_id"), config.get("false_token_id")
    if type(yes) is not int or not (no is None or type(no) is int):
        raise CheckpointError(f"{path}/config.json: true_token_id and false_token_id must be ids")
    return yes, no


def _has_template(checkpoint: Checkpoint) -> bool:
    """Whether a decoder reads pairs in the template: without it the scores mean nothing.

    A checkpoint of sentence-transformers' own says by its chat template how it reads them; where it
    has none, the texts simply follow each other.
    """
    told = checkpoint.chat_template
    takes_pairs = "query" in told and "document" in told
    is_listed = checkpoint.find_json("modules.json") is not None
    if told and JUDGE not in told and (is_listed or takes_pairs):
        raise UnsupportedModelError(
            f"{checkpoint.place}: its chat template is not that of Qwen3-Reranker, which alone is"
            " built here; without modules.json and its own template it is read in that one"
        )
    return bool(told) or not is_listed


def _activation(checkpoint: Checkpoint) -> str:
    config, within = checkpoint.config, checkpoint.config.get("sentence_transformers")
    said = (
        checkpoint.find_object(_ST_CONFIG).get("activation_fn"),
        within.get("activation_fn") if isinstance(within, dict) else None,
        config.get("sbert_ce_default_activation_function"),
    )
    name = next((name for name in said if name), "torch.nn.Sigmoid")
    if name not in _ACTIVATIONS:
        raise UnsupportedModelError(
            f"{checkpoint.place}: activation of the score {name!r} is not built here; "
            f"expected one of {', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[name]


def _prompt(checkpoint: Checkpoint) -> str:
    config = checkpoint.find_object(_ST_CONFIG)
    name, prompts = config.get("default_prompt_name"), config.get("prompts") or {}
    text = prompts.get(name, "") if isinstance(prompts, dict) and name else ""
    return text if isinstance(text, str) else ""
