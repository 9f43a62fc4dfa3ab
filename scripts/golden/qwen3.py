"""Small checkpoints of qwen3: in bfloat16 like Qwen3-Embedding, and with sliding windows."""

import torch
from scripts.golden.common import GOLDEN, TEXTS, byte_pairs, change_json, finish, save
from sentence_transformers.sentence_transformer.modules import Normalize
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

END = "<|endoftext|>"
SCALES = {"embed_tokens": 4.0, "q_proj": 1.2, "k_proj": 1.2, "": 0.8}
QWEN_TEXTS = (*TEXTS, f"before {END} after <|im_start|>x <|im_end|>")
PROMPTS = {"query": "Instruct: find what answers the question\nQuery:"}


def make() -> None:
    """Write the checkpoints and their vectors."""
    make_one("qwen3", seed=5, window=300, attention_bias=False)
    make_one("qwen3-sliding", seed=6, window=600, attention_bias=True, sliding_window=7)
    # As transformers 4 wrote it: the base beside the scaling, and no layer types.
    folder = GOLDEN / "qwen3-sliding"
    older = {"rope_theta": 1000.0, "rope_scaling": {"type": "linear", "factor": 2.0}}
    change_json(folder / "config.json", rope_parameters=None, layer_types=None, **older)
    finish(folder, QWEN_TEXTS)


def make_one(
    name: str, *, seed: int, window: int, attention_bias: bool, sliding_window: int | None = None
) -> None:
    fast = tokenizer(window)
    config = Qwen3Config(
        vocab_size=len(fast) + 5,
        hidden_size=40,
        intermediate_size=68,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=14,
        max_position_embeddings=window,
        attention_bias=attention_bias,
        use_sliding_window=sliding_window is not None,
        sliding_window=sliding_window,
        max_window_layers=1,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
    )
    folder = GOLDEN / name
    save(
        folder,
        Qwen3Model(config),
        fast,
        seed=seed,
        pooling="lasttoken",
        after=[Normalize()],
        prompts=PROMPTS,
        half=torch.bfloat16,
        scales=SCALES,
    )
    change_json(folder / "tokenizer_config.json", tokenizer_class="Qwen2Tokenizer")
    if sliding_window is None:
        finish(folder, QWEN_TEXTS)


def tokenizer(window: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE that adds an end token, like Qwen3-Embedding's."""
    vocab, merges = byte_pairs()
    fast = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    fast.normalizer = normalizers.NFC()
    fast.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    fast.add_special_tokens([END, "<|im_start|>", "<|im_end|>"])
    end = [(END, fast.token_to_id(END))]
    fast.post_processor = processors.Sequence(
        [
            processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
            processors.TemplateProcessing(
                single=f"$A {END}", pair=f"$A $B {END}", special_tokens=end
            ),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=fast,
        model_max_length=window,
        padding_side="left",
        pad_token=END,
        eos_token="<|im_end|>",
    )
