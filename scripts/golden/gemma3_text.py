"""A small checkpoint of gemma3_text, followed by the same modules as in EmbeddingGemma."""

import json

import torch
from scripts.golden.common import (
    CHARACTERS,
    ENDINGS,
    GOLDEN,
    PARAGRAPH,
    TEXTS,
    WORDS,
    change_json,
    finish,
    save,
)
from sentence_transformers.sentence_transformer.modules import Dense, Normalize
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import Gemma3TextConfig, Gemma3TextModel, PreTrainedTokenizerFast

WINDOW = 600
"""Longer than the texts whose local attention is computed in one piece."""
SPECIALS = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
SCALES = {"embed_tokens": 1.0, "": 0.8}
"""Gains are drawn around 1 and the architecture adds 1, so scores are divided by more."""
PROMPTS = {"query": "task: search result | query: ", "document": "title: none | text: "}


def make() -> None:
    """Write the checkpoint and its vectors."""
    fast = tokenizer()
    width = 36
    config = Gemma3TextConfig(
        vocab_size=len(fast) + 3,
        hidden_size=width,
        intermediate_size=52,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=WINDOW,
        query_pre_attn_scalar=200,
        sliding_window=9,
        use_bidirectional_attention=True,
        layer_types=["sliding_attention", "full_attention"],
    )
    after = [
        Dense(width, 48, bias=False, activation_function=torch.nn.Identity()),
        Dense(48, width, bias=False, activation_function=torch.nn.Identity()),
        Normalize(),
    ]
    folder = GOLDEN / "gemma3-text"
    save(
        folder,
        Gemma3TextModel(config),
        fast,
        seed=7,
        pooling="mean",
        after=after,
        prompts=PROMPTS,
        half=torch.bfloat16,
        scales=SCALES,
    )
    change_json(folder / "tokenizer_config.json", tokenizer_class="GemmaTokenizer")
    finish(folder, (*TEXTS, "before <eos> after <pad> the <bos> and <unk>x"))


def tokenizer() -> PreTrainedTokenizerFast:
    """A BPE with spaces as symbols and byte fallback, like Gemma's."""
    model = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    model.normalizer = normalizers.Replace(" ", "▁")
    model.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    trainer = trainers.BpeTrainer(
        vocab_size=620,
        special_tokens=[*SPECIALS, *(f"<0x{byte:02X}>" for byte in range(256))],
        show_progress=False,
    )
    model.train_from_iterator([WORDS, ENDINGS, PARAGRAPH, CHARACTERS, *TEXTS], trainer)
    trained = json.loads(model.to_str())
    trained["added_tokens"] = trained["added_tokens"][: len(SPECIALS)]
    fast = Tokenizer.from_str(json.dumps(trained))
    fast.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>",
        pair="<bos> $A <eos> $B <eos>",
        special_tokens=[("<bos>", 2), ("<eos>", 1)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=fast,
        model_max_length=WINDOW,
        **{f"{token.strip('<>')}_token": token for token in SPECIALS},
    )
