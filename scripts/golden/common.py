"""Shared by all recipes: texts, vocabulary, weights, saving, and the reference vectors.

Needs the reference libraries (`pip install . --group golden`).
"""

import json
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Module, Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

GOLDEN = Path(__file__).resolve().parent.parent.parent / "tests" / "golden"
LIBRARIES = ("sentence-transformers", "transformers", "torch", "tokenizers", "safetensors", "numpy")

ROBERTA_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CHARACTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIKLMNOPRSTW0123456789.,;:!?'\"-/()[]@#%&*+=$_“”…"
    "éèêüöäßñçøåæıÉÜ日本語東京猫魚食山水はをのねこжизньмαβγ😀🐱€"
)
SUFFIXES = "abcdefghijklmnoprstuvwyz0123456789éüжс"
ENDINGS = "s es ed ing er est ly tion al ity ness less able ish en lor our ort ing"
WORDS = (
    "the a an of to and in is it on for with as by at from this that not are was be or but what "
    "why how when where who which grass sky blue green red white black cat cats dog fish bird tree "
    "river city house water fire light night day year time world people man woman child book word "
    "text search vector token model index query document passage retrieval answer question number "
    "over under between quick brown fox jump lazy run walk eat drink see hear read write find make "
    "café naïve ecole école strasse straße uber über angstrom tokyo The Cat Why École Über Red "
    "hello goodbye one two three ten hundred thousand http www com net org before after"
)
TEXTS = (
    "",
    " \t\n ",
    "cat",
    "The quick brown fox jumps over the lazy dog.",
    "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG.",
    "what is the number of fish in the river between the city and the black tree?",
    "École naïve, café, Über die Straße: Ångström, señor",
    "e\u0301cole cafe\u0301 u\u0308ber",
    "猫は魚を食べる。東京の山と水",
    "tokyo東京tower 日本語text",
    "hello 😀 world 🐱🐱 👩\u200d👩\u200d👧 ❤\ufe0f",
    "before [SEP] after [MASK] the [PAD] and [CLS] [UNK] [sep]",
    "before\x00after\x07bell\x1b[0m red\x7f\ttab\r\nline\u200bzero\ufeffmark \ufffd\u00ad",
    "3.14159, 2024-11-20 & 1,000,000! (50%) $7 €8 #9 @ten",
    "xylophonic zyzzyva qqqq wxyz0 Kwyjibo",
    "z" * 150,
    "?!… “quotes” --- /path/to/file.txt https://www.example.com/?q=a&b=c#d",
    "Привет, жизнь! αβγ مرحبا नमस्ते 안녕하세요 ไทย",
    "İSTANBUL ıI ﬁsh ＦＵＬＬ width ½ №",
    "  leading,   inner\u00a0and\u3000wide   spaces  ",
    "def search(query: str) -> list[int]:\n    return index[query]  # find it",
    "why",
    "Why is the sky blue?",
    "Why is the grass green?",
)
ROBERTA_TEXTS = (*TEXTS, "before </s> after <mask> the <pad> and <s> <unk>x <pad>")
"""With RoBERTa's special tokens; a padding token inside a text takes no position there."""
SEED_TEXTS = (
    "Your text here",
    "What is retrieval-augmented generation?",
    "RAG combines retrieval with generation.",
    "Embeddings map text into vector space for similarity search.",
)
PARAGRAPH = (
    "An index of the whole archive was made in 1911, by hand, on cards of 7.5 by 12.5 cm; the "
    "library's café kept the duplicates until the flood. "
)


@dataclass(frozen=True)
class Case:
    """A text: a piece, repeated."""

    piece: str
    repeat: int = 1

    @property
    def text(self) -> str:
        """The text to embed."""
        return self.piece * self.repeat


def cases_for(window: int, texts: Sequence[str]) -> list[Case]:
    """Append texts exactly as long as the window, one token longer, and far longer."""
    edges = [Case("cat ", window - 2), Case("cat ", window - 1), Case("fish and 東京, ", window)]
    long = [Case(PARAGRAPH, 1 + window // 20), Case("dog over the grass? ", 10 * window)]
    return [*(Case(text) for text in texts), *edges, *long]


def vocabulary(specials: Sequence[str] = SPECIALS) -> list[str]:
    """Return the pieces of a small WordPiece tokenizer."""
    pieces = [*specials, *CHARACTERS, *(f"##{c}" for c in SUFFIXES)]
    pieces += [f"##{ending}" for ending in ENDINGS.split()] + WORDS.split()
    return list(dict.fromkeys(pieces))


def byte_pairs() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Train a small byte-level BPE; return its vocabulary and merges."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.train_from_iterator(
        [WORDS, ENDINGS, PARAGRAPH, *TEXTS],
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=ROBERTA_SPECIALS,
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    trained = json.loads(model.to_str())["model"]
    return trained["vocab"], [(first, second) for first, second in trained["merges"]]


def unigrams() -> list[tuple[str, float]]:
    """Train a small Unigram tokenizer; return its pieces and their scores."""
    model = Tokenizer(models.Unigram())
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    model.train_from_iterator(
        [WORDS, ENDINGS, PARAGRAPH, CHARACTERS, *TEXTS],
        trainers.UnigramTrainer(
            vocab_size=350,
            special_tokens=ROBERTA_SPECIALS[:-1],
            unk_token="<unk>",
            show_progress=False,
        ),
    )
    trained = json.loads(model.to_str())["model"]["vocab"]
    return [*((piece, score) for piece, score in trained), ("<mask>", 0.0)]


SCALES = {"query": 1.2, "key": 1.2, "attention": 1.2, "word": 4.0, "embeddings": 0.8, "": 0.7}
"""Standard deviation times sqrt(columns), by the first part found in a matrix's name.

Found by trial: large enough that different texts get clearly different vectors, small enough that
bfloat16 stays within 0.9999 of float32, which larger queries and keys would not.
"""


def draw_weights(model: torch.nn.Module, seed: int, scales: Mapping[str, float] = SCALES) -> None:
    """Overwrite every parameter, in order of name, so that no number depends on a library."""
    numbers = np.random.default_rng(seed)
    for name, parameter in sorted(model.named_parameters()):
        shape = tuple(parameter.shape)
        if len(shape) == 1:
            drawn = numbers.normal(float(name.endswith(".weight")), 0.15, shape)
        else:
            scale = next(scale for part, scale in scales.items() if part in name)
            drawn = numbers.normal(0.0, scale / np.sqrt(shape[1]), shape)
        parameter.data.copy_(torch.from_numpy(drawn))


def save(
    folder: Path,
    backbone: Any,
    tokenizer: Any,
    *,
    seed: int,
    pooling: str,
    after: Sequence[Module] = (),
    prompts: Mapping[str, str] | None = None,
    half: bool | torch.dtype = False,
    scales: Mapping[str, float] = SCALES,
) -> None:
    """Write a checkpoint as sentence-transformers does; the tokenizer's length is the window."""
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        backbone.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        pool = Pooling(backbone.config.hidden_size, pooling)
        modules: list[Module] = [Transformer(scratch), pool, *after]
        model = SentenceTransformer(modules=modules, device="cpu", prompts=dict(prompts or {}))
        draw_weights(model, seed, scales)
        model = model.to(torch.float16 if half is True else half) if half else model
        model.save(str(folder), create_model_card=False)
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
    change_json(folder / "tokenizer_config.json", is_local=None, local_files_only=None)


def finish(folder: Path, texts: Sequence[str] = TEXTS) -> None:
    """Compute, write and report the reference vectors of a checkpoint."""
    expected = expect(folder, texts)
    write_expected(GOLDEN / folder.name, expected)
    report(folder.name, expected)


def expect(folder: Path, texts: Sequence[str]) -> dict[str, Any]:
    """Load the checkpoint as any user would, but in float32, and return its reference vectors."""
    model = SentenceTransformer(
        str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32}
    ).eval()
    prompts = {"document": "", **{name: text for name, text in model.prompts.items() if text}}
    if any(prompts.values()):
        prompts["none"] = ""
    cases = []
    for case in cases_for(model.max_seq_length, texts):
        given = {role: expected_for(model, case, prompt) for role, prompt in prompts.items()}
        cases.append({"text": case.piece, "repeat": case.repeat, **given})
    check_roles(model, cases, prompts)
    return {
        "made_with": {name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "dim": model.get_embedding_dimension(),
        "max_tokens": model.max_seq_length,
        "prompts": prompts,
        "cases": cases,
    }


def expected_for(model: SentenceTransformer, case: Case, prompt: str) -> dict[str, Any]:
    text = prompt + case.text
    vector = model.encode([case.text], prompt=prompt)[0]
    if vector.dtype != np.float32:
        raise TypeError(f"the reference ran in {vector.dtype}, not float32")
    return {
        "tokens": int(model.preprocess([text])["attention_mask"].sum()),
        "tokens_uncut": len(model.tokenizer(text, truncation=False, verbose=False)["input_ids"]),
        "vector": [float(f"{x:.8g}") for x in vector.tolist()],
    }


def check_roles(
    model: SentenceTransformer, cases: Sequence[Mapping[str, Any]], prompts: Mapping[str, str]
) -> None:
    """Check on one text that the library's own roles match our prompts."""
    text = cases[3]["text"]
    for role, encode in (("query", model.encode_query), ("document", model.encode_document)):
        if role in prompts and not np.allclose(encode(text), cases[3][role]["vector"], atol=1e-6):
            raise ValueError(f"the prompt {role!r} is not what encode_{role} uses")


def report(name: str, expected: Mapping[str, Any]) -> None:
    """Print how far apart the vectors are: testing with similar vectors tests nothing."""
    vectors = np.array([case["document"]["vector"] for case in expected["cases"]])
    norms = np.linalg.norm(vectors, axis=1)
    cosines = (vectors @ vectors.T / np.outer(norms, norms))[np.triu_indices(len(vectors), 1)]
    print(
        f"{name}: {len(vectors)} texts, dim {expected['dim']}, norms {norms.min():.3f} to "
        f"{norms.max():.3f}, median cosine {np.median(cosines):.2f}, "
        f"{np.mean(cosines < 0.9):.0%} of pairs below 0.9"
    )


def write_expected(folder: Path, expected: Mapping[str, Any]) -> None:
    """Write expected.json in ASCII, one case per line, for readable diffs."""
    folder.mkdir(parents=True, exist_ok=True)
    head = json.dumps({**expected, "cases": []}, indent=1).removesuffix("[]\n}")
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in expected["cases"])
    write_text(folder / "expected.json", f"{head}[\n{lines}\n]}}\n")


def change_json(path: Path, **changes: object) -> None:
    """Set keys of a JSON file; None deletes the key."""
    content = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    deleted = {key for key, value in changes.items() if value is None}
    write_json(path, {key: value for key, value in content.items() if key not in deleted})


def write_json(path: Path, content: object) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
