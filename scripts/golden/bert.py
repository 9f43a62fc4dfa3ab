"""Three small BERT checkpoints; tests/golden/README.md says what each covers."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from scripts.golden.common import GOLDEN, change_json, finish, save, vocabulary, write_json
from sentence_transformers.sentence_transformer.modules import Dense, Module, Normalize
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel, BertTokenizer

OLD_POOLING_MODES = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The parameters of one small checkpoint; its weights are drawn from the seed."""

    name: str
    seed: int
    width: int
    layers: int
    heads: int
    inner: int
    activation: str
    positions: int
    window: int
    pooling: str
    eps: float = 1e-12
    dense: int | None = None
    normalize: bool = True
    half: bool = False
    old_layout: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)
    tokenizer: Mapping[str, bool] = field(default_factory=dict)


CLS = Recipe(
    name="bert-cls",
    seed=8,
    width=36,
    layers=2,
    heads=3,
    inner=72,
    activation="gelu",
    positions=64,
    window=48,
    pooling="cls",
)
DENSE = Recipe(
    name="bert-dense",
    seed=28,
    width=40,
    layers=3,
    heads=5,
    inner=68,
    activation="gelu_new",
    positions=40,
    window=40,
    pooling="mean",
    dense=28,
    half=True,
    old_layout=True,
    tokenizer={"do_lower_case": False},
)
PLAIN = Recipe(
    name="bert-plain",
    seed=18,
    width=33,
    layers=2,
    heads=3,
    inner=50,
    activation="relu",
    positions=72,
    window=72,
    pooling="mean",
    eps=1e-2,
    normalize=False,
    prompts={"query": "Query: ", "document": "document - "},
    tokenizer={"strip_accents": False},
)


def make() -> None:
    """Write the checkpoints and their vectors."""
    for recipe in (CLS, DENSE, PLAIN):
        finish(make_checkpoint(recipe))


def make_checkpoint(recipe: Recipe) -> Path:
    folder = GOLDEN / recipe.name
    vocab = {piece: number for number, piece in enumerate(vocabulary())}
    tokenizer = BertTokenizer(vocab=vocab, model_max_length=recipe.window, **recipe.tokenizer)
    config = BertConfig(
        vocab_size=len(vocab),
        hidden_size=recipe.width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=recipe.inner,
        hidden_act=recipe.activation,
        max_position_embeddings=recipe.positions,
        type_vocab_size=2,
        layer_norm_eps=recipe.eps,
    )
    after: list[Module] = []
    if recipe.dense is not None:
        after.append(Dense(recipe.width, recipe.dense, activation_function=torch.nn.Tanh()))
    if recipe.normalize:
        after.append(Normalize())
    save(
        folder,
        BertModel(config),
        tokenizer,
        seed=recipe.seed,
        pooling=recipe.pooling,
        after=after,
        prompts=recipe.prompts,
        half=recipe.half,
    )
    if recipe.old_layout:
        rewrite_as_before_5_4(folder, recipe)
    return folder


def rewrite_as_before_5_4(folder: Path, recipe: Recipe) -> None:
    """Rewrite the files in the older format, which most published checkpoints have.

    Includes two traps of the real all-MiniLM: truncation and padding in tokenizer.json, which must
    be ignored, and a tokenizer that claims a longer window than the model has.
    """
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    for module in modules:
        module["type"] = "sentence_transformers.models." + module["type"].rpartition(".")[2]
    write_json(folder / "modules.json", modules)
    sentence_bert = {"max_seq_length": recipe.window, "do_lower_case": False}
    write_json(folder / "sentence_bert_config.json", sentence_bert)
    modes = {f"pooling_mode_{mode}": mode == "mean_tokens" for mode in OLD_POOLING_MODES}
    pooling = {"word_embedding_dimension": recipe.width, **modes}
    write_json(folder / "1_Pooling" / "config.json", pooling)
    change_json(folder / "2_Dense" / "config.json", module_input_name=None, module_output_name=None)
    shutil.rmtree(folder / "3_Normalize")
    (folder / "config_sentence_transformers.json").unlink()
    change_json(folder / "tokenizer_config.json", model_max_length=512)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16)
    tokenizer.save(str(folder / "tokenizer.json"))
