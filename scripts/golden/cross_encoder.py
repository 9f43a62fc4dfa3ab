"""Small rerankers: BERT, XLM-R and ModernBERT with heads, and Qwen3-Reranker with its template.

The reference is sentence-transformers' CrossEncoder, or for Qwen3-Reranker transformers with the
steps of its model card, in float32, one pair at a time.
"""

import platform
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from scripts.golden.common import (
    GOLDEN,
    LIBRARIES,
    PARAGRAPH,
    SCALES,
    TEXTS,
    Case,
    change_json,
    draw_weights,
    unigrams,
    vocabulary,
    write_expected,
)
from scripts.golden.modernbert import tokenizer as modernbert_tokenizer
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaTokenizer,
)

FOLDER = GOLDEN / "rerank"
WINDOW = 48
QUERIES = ("", "why is the sky blue?", "食山 Fish!")
"""Shorter than half a window; the reference would cut a longer query before the text."""
IDENTITY = "torch.nn.modules.linear.Identity"
INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
PREFIX = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    'the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n"
)
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
Judge = Callable[[str, str], dict[str, Any]]


def make() -> None:
    """Write the checkpoints and their scores."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    _bert()
    _xlm_roberta()
    _modernbert()
    _qwen3()


def _bert() -> None:
    """As transformers saves it; activation in the key of sentence-transformers before 4."""
    folder = FOLDER / "bert"
    vocab = {piece: number for number, piece in enumerate(vocabulary())}
    config = BertConfig(vocab_size=len(vocab), max_position_embeddings=64, **_sizes(36, 3))
    tokenizer = BertTokenizer(vocab=vocab, model_max_length=WINDOW)
    _save(folder, BertForSequenceClassification(config), tokenizer, seed=31)
    change_json(folder / "config.json", sbert_ce_default_activation_function=IDENTITY)
    _expect(folder, _cross_encoder(folder))


def _xlm_roberta() -> None:
    """As sentence-transformers 6 saves it, in float16."""
    folder = FOLDER / "xlm-roberta"
    tokenizer = XLMRobertaTokenizer(vocab=unigrams(), model_max_length=WINDOW)
    sizes = _sizes(35, 5) | {"max_position_embeddings": 66, "type_vocab_size": 1}
    config = XLMRobertaConfig(vocab_size=len(tokenizer), **sizes)
    with tempfile.TemporaryDirectory() as scratch:
        _save(Path(scratch), XLMRobertaForSequenceClassification(config).half(), tokenizer, seed=32)
        model = CrossEncoder(scratch, device="cpu", model_kwargs={"dtype": torch.float16})
        model.save(str(folder), create_model_card=False)
    (folder / "model.safetensors").chmod(0o644)
    change_json(folder / "tokenizer_config.json", is_local=None, local_files_only=None)
    _expect(folder, _cross_encoder(folder))


def _modernbert() -> None:
    """The tokens' mean, and every bias that ModernBERT can have."""
    folder = FOLDER / "modernbert"
    tokenizer = modernbert_tokenizer()
    tokenizer.model_max_length = WINDOW
    flags = ("classifier_bias", "norm_bias", "attention_bias", "mlp_bias")
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=64,
        local_attention=9,
        classifier_pooling="mean",
        pad_token_id=1,
        **_sizes(36, 3) | {"num_hidden_layers": 3},
        **dict.fromkeys(flags, True),
    )
    _save(folder, ModernBertForSequenceClassification(config), tokenizer, seed=33)
    _expect(folder, _cross_encoder(folder))


def _qwen3() -> None:
    """Like the published ones: a causal model whose tokenizer has the words yes and no."""
    folder = FOLDER / "qwen3"
    fast = Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    fast.train_from_iterator([*["yes", "no"] * 9, PREFIX, SUFFIX, INSTRUCTION, *TEXTS], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=fast,
        model_max_length=512,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
    )
    config = Qwen3Config(
        vocab_size=len(tokenizer) + 12,
        num_key_value_heads=2,
        head_dim=10,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        **_sizes(36, 4),
    )
    scales = {"embed_tokens": 2.0, "proj": 1.0, **SCALES}
    _save(folder, Qwen3ForCausalLM(config), tokenizer, seed=34, scales=scales)
    _expect(folder, _template(folder))


def _sizes(width: int, heads: int) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "num_hidden_layers": 2,
        "num_attention_heads": heads,
        "intermediate_size": 50,
        "num_labels": 1,
    }


def _save(
    folder: Path, model: Any, tokenizer: Any, *, seed: int, scales: dict[str, float] | None = None
) -> None:
    draw_weights(model, seed, {"classifier": 3.0, "score": 3.0, **(scales or SCALES)})
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)


def _cross_encoder(folder: Path) -> Judge:
    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})

    def judge(query: str, text: str) -> dict[str, Any]:
        [ids] = model.tokenizer([[query, text]], truncation=True)["input_ids"]
        logit = model.predict((query, text), activation_fn=torch.nn.Identity())
        score = model.predict((query, text))
        return {"tokens": len(ids), "logit": float(logit), "score": float(score)}

    return judge


def _template(folder: Path) -> Judge:
    """The steps of Qwen3-Reranker's model card."""
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    before, after = (tokenizer.encode(text, add_special_tokens=False) for text in (PREFIX, SUFFIX))
    no, yes = (tokenizer.convert_tokens_to_ids(word) for word in ("no", "yes"))
    room = tokenizer.model_max_length - len(before) - len(after)

    def judge(query: str, text: str) -> dict[str, Any]:
        body = f"<Instruct>: {INSTRUCTION}\n<Query>: {query}\n<Document>: {text}"
        inner = tokenizer(body, truncation="longest_first", max_length=room)["input_ids"]
        ids = torch.tensor([[*before, *inner, *after]])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, -1]
        score = torch.softmax(logits[[no, yes]], 0)[1]
        logit = logits[yes] - logits[no]
        return {"tokens": ids.shape[1], "logit": float(logit), "score": float(score)}

    return judge


def _expect(folder: Path, judge: Judge) -> None:
    pairs = [(query, Case(text)) for query in QUERIES[1:2] for text in TEXTS]
    long = [Case("cat ", 200), Case(PARAGRAPH, 9)]
    pairs += [(query, case) for query in QUERIES for case in (*map(Case, TEXTS[2:6]), *long)]
    cases = [
        {"query": query, "text": case.piece, "repeat": case.repeat, **judge(query, case.text)}
        for query, case in pairs
    ]
    made_with = {name: version(name) for name in LIBRARIES}
    told = {"made_with": made_with, "python": platform.python_version(), "cases": cases}
    write_expected(folder, told)
    logits = torch.tensor([case["logit"] for case in cases])
    print(
        f"rerank/{folder.name}: {len(cases)} pairs, logits {logits.min():.2f} to {logits.max():.2f}"
    )
