"""A small checkpoint of distilbert."""

from scripts.golden.common import GOLDEN, SCALES, finish, save, vocabulary
from transformers import DistilBertConfig, DistilBertModel, DistilBertTokenizer


def make() -> None:
    """Write the checkpoint and its vectors."""
    vocab = {piece: number for number, piece in enumerate(vocabulary())}
    tokenizer = DistilBertTokenizer(vocab=vocab, model_max_length=48, do_lower_case=False)
    config = DistilBertConfig(
        vocab_size=len(tokenizer),
        dim=35,
        n_layers=2,
        n_heads=5,
        hidden_dim=60,
        activation="relu",
        max_position_embeddings=52,
    )
    folder = GOLDEN / "distilbert"
    save(
        folder,
        DistilBertModel(config),
        tokenizer,
        seed=6,
        pooling="mean",
        scales={"q_lin": 1.2, "k_lin": 1.2, **SCALES},
    )
    finish(folder)
