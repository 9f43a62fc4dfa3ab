"""Small checkpoints of nomic_bert: config.json as transformers 5 writes it, and with its own keys.

Both have the same weights; the second uses the keys of nomic-ai/nomic-bert-2048, whose code is not
run.
"""

import shutil

from scripts.golden.common import GOLDEN, finish, save, vocabulary, write_json
from sentence_transformers.sentence_transformer.modules import Normalize
from transformers import BertTokenizer, NomicBertConfig, NomicBertModel

OWN_WORDS = {
    "model_type": "nomic_bert",
    "vocab_size": 257,
    "pad_vocab_size_multiple": 64,
    "n_embd": 36,
    "n_layer": 2,
    "n_head": 3,
    "n_inner": 52,
    "n_positions": 96,
    "max_trained_positions": 72,
    "activation_function": "swiglu",
    "layer_norm_epsilon": 1e-12,
    "type_vocab_size": 2,
    "rotary_emb_base": 1000,
    "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False,
    "rotary_emb_scale_base": None,
    "rotary_scaling_factor": None,
    "qkv_proj_bias": False,
    "mlp_fc1_bias": False,
    "mlp_fc2_bias": False,
    "prenorm": False,
    "parallel_block": False,
    "causal": False,
    "use_rms_norm": False,
}


def make() -> None:
    """Write the checkpoints and their vectors."""
    vocab = {piece: number for number, piece in enumerate(vocabulary())}
    tokenizer = BertTokenizer(vocab=vocab, model_max_length=72)
    config = NomicBertConfig(
        vocab_size=320,
        hidden_size=36,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=52,
        max_position_embeddings=72,
    )
    folder = GOLDEN / "nomic-bert"
    save(
        folder,
        NomicBertModel(config),
        tokenizer,
        seed=7,
        pooling="mean",
        after=[Normalize()],
        prompts={"query": "search_query: ", "document": "search_document: "},
        half=True,
    )
    finish(folder)
    own = GOLDEN / "nomic-bert-own-words"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(folder, own, ignore=shutil.ignore_patterns("expected.json"))
    write_json(own / "config.json", OWN_WORDS)
