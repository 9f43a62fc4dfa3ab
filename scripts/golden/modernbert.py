"""Small checkpoints of modernbert: config.json as transformers 5 writes it, and as 4 did."""

import json
import shutil

from scripts.golden.common import (
    GOLDEN,
    ROBERTA_SPECIALS,
    ROBERTA_TEXTS,
    SCALES,
    byte_pairs,
    finish,
    save,
    write_json,
)
from sentence_transformers.sentence_transformer.modules import Normalize
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import ModernBertConfig, ModernBertModel, PreTrainedTokenizerFast

WINDOW = 600
"""Longer than the texts whose local attention is computed in one piece."""


def make() -> None:
    """Write the checkpoints and their vectors."""
    config = ModernBertConfig(
        vocab_size=400,
        hidden_size=36,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=40,
        max_position_embeddings=WINDOW,
        local_attention=9,
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 80_000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 5_000.0},
        },
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        cls_token_id=0,
        sep_token_id=2,
    )
    folder = GOLDEN / "modernbert"
    save(
        folder,
        ModernBertModel(config),
        tokenizer(),
        seed=9,
        pooling="cls",
        after=[Normalize()],
        half=True,
        scales={"tok_embeddings": 4.0, "Wqkv": 1.0, **SCALES},
    )
    finish(folder, ROBERTA_TEXTS)
    older = GOLDEN / "modernbert-4"
    shutil.rmtree(older, ignore_errors=True)
    shutil.copytree(folder, older, ignore=shutil.ignore_patterns("expected.json"))
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    del values["layer_types"], values["rope_parameters"]
    bases = {"global_rope_theta": 80_000.0, "local_rope_theta": 5_000.0}
    write_json(older / "config.json", {**values, **bases, "global_attn_every_n_layers": 3})


def tokenizer() -> PreTrainedTokenizerFast:
    """A normalizing byte-level BPE, like the real ones."""
    vocab, merges = byte_pairs()
    fast = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    fast.normalizer = normalizers.NFC()
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.add_special_tokens(ROBERTA_SPECIALS)
    fast.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=fast,
        model_max_length=WINDOW,
        cls_token="<s>",
        pad_token="<pad>",
        sep_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
    )
