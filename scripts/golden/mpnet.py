"""A small checkpoint of mpnet: biases by distance, beyond the farthest bucket."""

from scripts.golden.common import GOLDEN, ROBERTA_TEXTS, SCALES, finish, save, vocabulary
from sentence_transformers.sentence_transformer.modules import Normalize
from transformers import MPNetConfig, MPNetModel, MPNetTokenizer


def make() -> None:
    """Write the checkpoint and its vectors."""
    pieces = vocabulary(("<s>", "<pad>", "</s>", "[UNK]", "<mask>"))
    vocab = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = MPNetTokenizer(vocab=vocab, model_max_length=150)
    config = MPNetConfig(
        vocab_size=len(tokenizer),
        hidden_size=33,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=50,
        max_position_embeddings=162,
    )
    folder = GOLDEN / "mpnet"
    scales = {"relative_attention_bias": 2.0, "attn.q": 1.2, "attn.k": 1.2, **SCALES}
    save(
        folder,
        MPNetModel(config),
        tokenizer,
        seed=5,
        pooling="mean",
        after=[Normalize()],
        half=True,
        scales=scales,
    )
    finish(folder, ROBERTA_TEXTS)
