"""Small checkpoints of gte, and of `new`, the name of the same architecture in its own code.

Both have the same weights. transformers does not support rope_scaling of the kind "ntk", but can
express the same angles: multiply the base by the factor, and divide every angle by
factor ** (2 / head size).
"""

import json
import shutil

from scripts.golden.common import GOLDEN, ROBERTA_TEXTS, SCALES, finish, save, unigrams, write_json
from sentence_transformers.sentence_transformer.modules import Normalize
from transformers import GteConfig, GteModel, XLMRobertaTokenizer

BASE, FACTOR, HEAD_SIZE = 20_000.0, 8.0, 10


def make() -> None:
    """Write the checkpoints and their vectors."""
    tokenizer = XLMRobertaTokenizer(vocab=unigrams(), model_max_length=64)
    config = GteConfig(
        vocab_size=len(tokenizer),
        hidden_size=4 * HEAD_SIZE,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=72,
        rope_parameters={
            "rope_type": "linear",
            "rope_theta": BASE * FACTOR,
            "factor": FACTOR ** (2 / HEAD_SIZE),
        },
    )
    folder = GOLDEN / "gte"
    save(
        folder,
        GteModel(config),
        tokenizer,
        seed=10,
        pooling="mean",
        after=[Normalize()],
        prompts={"query": "query: "},
        half=True,
        scales={"self_attn": 1.3, "mlp": 1.0, **SCALES},
    )
    finish(folder, ROBERTA_TEXTS)
    own = GOLDEN / "new"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(folder, own, ignore=shutil.ignore_patterns("expected.json"))
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    del values["rope_parameters"]
    changed = {
        "model_type": "new",
        "architectures": ["NewModel"],
        "layer_norm_type": "layer_norm",
        "position_embedding_type": "rope",
        "rope_theta": BASE,
        "rope_scaling": {"type": "ntk", "factor": FACTOR},
        "pack_qkv": True,
        "logn_attention_scale": False,
        "logn_attention_clip1": False,
    }
    write_json(own / "config.json", {**values, **changed})
