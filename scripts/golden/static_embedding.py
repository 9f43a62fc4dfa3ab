"""Two small static embedding models, in Model2Vec's and in sentence-transformers' layout.

The references are model2vec and sentence-transformers.
"""

import json
import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from model2vec import StaticModel
from scripts.golden.common import (
    GOLDEN,
    TEXTS,
    cases_for,
    report,
    unigrams,
    vocabulary,
    write_expected,
    write_json,
)
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

DIM = 24
ROWS = 90
"""Rows of the table that all tokens of the first model share."""
WINDOW = 40
LIBRARIES = ("model2vec", "sentence-transformers", "tokenizers", "numpy")
PROMPTS = {"query": "search: ", "document": "the text - "}


def make() -> None:
    """Write the checkpoints and their vectors."""
    make_model2vec(GOLDEN / "static-model2vec")
    make_sentence_transformers(GOLDEN / "static-st")


def make_model2vec(folder: Path) -> None:
    """Write a table with few rows, a mapping, weights, an ignored unknown token, and a window."""
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = Tokenizer(models.Unigram(unigrams(), unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    size, numbers = tokenizer.get_vocab_size(), np.random.default_rng(61)
    model = StaticModel(
        numbers.normal(size=(ROWS, DIM)).astype(np.float32),
        tokenizer,
        config={"model_type": "model2vec", "architectures": ["StaticModel"]},
        normalize=True,
        weights=numbers.random(size),
        token_mapping=numbers.integers(0, ROWS, size).astype(np.int32),
        max_length=WINDOW,
    )
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    model = StaticModel.from_pretrained(folder, force_download=False)
    chars = WINDOW * model.median_token_length
    reference = Reference(lambda text: model.encode([text])[0], tokenizer, chars)
    finish(folder, {"document": ""}, reference)


def make_sentence_transformers(folder: Path) -> None:
    """Write the layout before 5.4: a table folder, a cutting tokenizer.json, unused specials."""
    shutil.rmtree(folder, ignore_errors=True)
    pieces = {piece: number for number, piece in enumerate(vocabulary())}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, pieces[name]) for name in ("[CLS]", "[SEP]")],
    )
    tokenizer.enable_truncation(WINDOW)
    rows = np.random.default_rng(62).normal(size=(len(pieces), DIM)).astype(np.float32)
    module = StaticEmbedding(tokenizer, embedding_weights=rows)
    saved = SentenceTransformer(modules=[module, Normalize()], device="cpu", prompts=PROMPTS)
    saved.save(str(folder), create_model_card=False)
    place = folder / "0_StaticEmbedding"
    place.mkdir()
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).rename(place / name)
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    for module, path in zip(modules, (place.name, "1_Normalize"), strict=True):
        kind = module["type"].rpartition(".")[2]
        module.update(path=path, type=f"sentence_transformers.models.{kind}")
    write_json(folder / "modules.json", modules)
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    tokenizer.no_truncation()
    reference = Reference(lambda text: model.encode([text], prompt="")[0], tokenizer)
    finish(folder, {**PROMPTS, "none": ""}, reference)


@dataclass(frozen=True)
class Reference:
    """A library's model, and how it cuts a text: by characters, then by tokens."""

    encode: Callable[[str], Any]
    tokenizer: Tokenizer
    chars: int | None = None

    def expected_for(self, text: str) -> dict[str, Any]:
        """Return the token counts and the vector of one text."""
        read = len(self.tokenizer.encode(text[: self.chars], add_special_tokens=False))
        return {
            "tokens": min(read, WINDOW),
            "tokens_uncut": len(self.tokenizer.encode(text, add_special_tokens=False)),
            "vector": [float(f"{x:.8g}") for x in self.encode(text).tolist()],
        }


def finish(folder: Path, prompts: Mapping[str, str], reference: Reference) -> None:
    """Write the reference vectors; leave out texts without known tokens, whose vectors are 0."""
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
    cases = []
    for case in cases_for(WINDOW, TEXTS):
        given = {role: reference.expected_for(p + case.text) for role, p in prompts.items()}
        if all(any(one["vector"]) for one in given.values()):
            cases.append({"text": case.piece, "repeat": case.repeat, **given})
    expected = {
        "made_with": {name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "dim": DIM,
        "max_tokens": WINDOW,
        "prompts": prompts,
        "cases": cases,
    }
    write_expected(folder, expected)
    report(folder.name, expected)
