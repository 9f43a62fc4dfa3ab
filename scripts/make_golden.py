"""Turn recipes into small BERT checkpoints and the vectors that a correct reader gives for them.

The reference is sentence-transformers in float32 on the CPU, one text at a time. The weights are
random, drawn with NumPy from fixed seeds; the tokenizers, files and vectors are the library's own.

    pip install '.[golden]'
    python scripts/make_golden.py [--all-minilm FOLDER]

writes tests/golden/bert-cls, bert-dense and bert-plain anew, and tests/golden/all-minilm where the
folder of the real all-MiniLM-L6-v2 checkpoint is given; tests/golden/README.md describes them.
"""

import argparse
import json
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Module,
    Normalize,
    Pooling,
    Transformer,
)
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel, BertTokenizer

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
LIBRARIES = ("sentence-transformers", "transformers", "torch", "tokenizers", "safetensors", "numpy")

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
OLD_POOLING_MODES = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What makes one small checkpoint; its weights are drawn from the seed."""

    name: str
    seed: int
    width: int
    layers: int
    heads: int
    inner: int
    activation: str
    positions: int
    window: int
    pooling: str
    eps: float = 1e-12
    dense: int | None = None
    normalize: bool = True
    half: bool = False
    old_layout: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)
    tokenizer: Mapping[str, bool] = field(default_factory=dict)


CLS = Recipe(
    name="bert-cls",
    seed=8,
    width=36,
    layers=2,
    heads=3,
    inner=72,
    activation="gelu",
    positions=64,
    window=48,
    pooling="cls",
)
DENSE = Recipe(
    name="bert-dense",
    seed=28,
    width=40,
    layers=3,
    heads=5,
    inner=68,
    activation="gelu_new",
    positions=40,
    window=40,
    pooling="mean",
    dense=28,
    half=True,
    old_layout=True,
    tokenizer={"do_lower_case": False},
)
PLAIN = Recipe(
    name="bert-plain",
    seed=18,
    width=33,
    layers=2,
    heads=3,
    inner=50,
    activation="relu",
    positions=72,
    window=72,
    pooling="mean",
    eps=1e-2,
    normalize=False,
    prompts={"query": "Query: ", "document": "document - "},
    tokenizer={"strip_accents": False},
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
    """A text, given as a piece and how often it is repeated."""

    piece: str
    repeat: int = 1

    @property
    def text(self) -> str:
        """What is embedded."""
        return self.piece * self.repeat


def cases_for(window: int, texts: Sequence[str]) -> list[Case]:
    """Add to the texts: as long as the window, one over, and far over it."""
    edges = [Case("cat ", window - 2), Case("cat ", window - 1), Case("fish and 東京, ", window)]
    long = [Case(PARAGRAPH, 1 + window // 20), Case("dog over the grass? ", 10 * window)]
    return [*(Case(text) for text in texts), *edges, *long]


def vocabulary() -> list[str]:
    pieces = [*SPECIALS, *CHARACTERS, *(f"##{c}" for c in SUFFIXES)]
    pieces += [f"##{ending}" for ending in ENDINGS.split()] + WORDS.split()
    return list(dict.fromkeys(pieces))


SCALES = {"query": 1.2, "key": 1.2, "attention": 1.2, "word": 4.0, "embeddings": 0.8, "": 0.7}
"""Standard deviation times sqrt(columns), by the first part found in a matrix's name.

Found by trial: large enough that different texts get clearly different vectors, small enough that
bfloat16 stays within 0.9999 of float32. Attention with larger queries and keys does not.
"""


def draw_weights(model: torch.nn.Module, recipe: Recipe) -> None:
    """Overwrite every parameter, in the order of the names, so that no library chooses a number."""
    numbers = np.random.default_rng(recipe.seed)
    for name, parameter in sorted(model.named_parameters()):
        shape = tuple(parameter.shape)
        if len(shape) == 1:
            gain = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            drawn = numbers.normal(gain, 0.15, shape)
        else:
            scale = next(scale for part, scale in SCALES.items() if part in name)
            drawn = numbers.normal(0.0, scale / np.sqrt(shape[1]), shape)
        parameter.data.copy_(torch.from_numpy(drawn))


def make_model(recipe: Recipe, scratch: Path) -> SentenceTransformer:
    vocab = {piece: number for number, piece in enumerate(vocabulary())}
    tokenizer = BertTokenizer(vocab=vocab, model_max_length=recipe.window, **recipe.tokenizer)
    config = BertConfig(
        vocab_size=len(vocab),
        hidden_size=recipe.width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=recipe.inner,
        hidden_act=recipe.activation,
        max_position_embeddings=recipe.positions,
        type_vocab_size=2,
        layer_norm_eps=recipe.eps,
    )
    BertModel(config).save_pretrained(scratch)
    tokenizer.save_pretrained(scratch)
    modules: list[Module] = [Transformer(str(scratch)), Pooling(recipe.width, recipe.pooling)]
    if recipe.dense is not None:
        modules.append(Dense(recipe.width, recipe.dense, activation_function=torch.nn.Tanh()))
    if recipe.normalize:
        modules.append(Normalize())
    model = SentenceTransformer(modules=modules, device="cpu", prompts=dict(recipe.prompts))
    draw_weights(model, recipe)
    return model.half() if recipe.half else model


def make_checkpoint(recipe: Recipe) -> Path:
    folder = GOLDEN / recipe.name
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        model = make_model(recipe, Path(scratch))
        model.save(str(folder), create_model_card=False)
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
    change_json(folder / "tokenizer_config.json", is_local=None, local_files_only=None)
    if recipe.old_layout:
        rewrite_as_before_5_4(folder, recipe)
    return folder


def rewrite_as_before_5_4(folder: Path, recipe: Recipe) -> None:
    """Say the same in the files' older spelling, which most published checkpoints have.

    With the two surprises of the real all-MiniLM: truncation and padding baked into tokenizer.json,
    which must not be followed, and a tokenizer that claims a longer window than the model has.
    """
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    for module in modules:
        module["type"] = "sentence_transformers.models." + module["type"].rpartition(".")[2]
    write_json(folder / "modules.json", modules)
    sentence_bert = {"max_seq_length": recipe.window, "do_lower_case": False}
    write_json(folder / "sentence_bert_config.json", sentence_bert)
    modes = {f"pooling_mode_{mode}": mode == "mean_tokens" for mode in OLD_POOLING_MODES}
    pooling = {"word_embedding_dimension": recipe.width, **modes}
    write_json(folder / "1_Pooling" / "config.json", pooling)
    change_json(folder / "2_Dense" / "config.json", module_input_name=None, module_output_name=None)
    shutil.rmtree(folder / "3_Normalize")
    (folder / "config_sentence_transformers.json").unlink()
    change_json(folder / "tokenizer_config.json", model_max_length=512)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16)
    tokenizer.save(str(folder / "tokenizer.json"))


def expect(folder: Path, texts: Sequence[str]) -> dict[str, Any]:
    """Load the checkpoint as any user would, but in float32, and note what it gives."""
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
    """Make sure that the library itself means by its roles what we wrote down, on one text."""
    text = cases[3]["text"]
    for role, encode in (("query", model.encode_query), ("document", model.encode_document)):
        if role in prompts and not np.allclose(encode(text), cases[3][role]["vector"], atol=1e-6):
            raise ValueError(f"the prompt {role!r} is not what encode_{role} uses")


def report(name: str, expected: Mapping[str, Any]) -> None:
    """Print how far apart the vectors are: a test of vectors that look alike tests nothing."""
    vectors = np.array([case["document"]["vector"] for case in expected["cases"]])
    norms = np.linalg.norm(vectors, axis=1)
    cosines = (vectors @ vectors.T / np.outer(norms, norms))[np.triu_indices(len(vectors), 1)]
    print(
        f"{name}: {len(vectors)} texts, dim {expected['dim']}, norms {norms.min():.3f} to "
        f"{norms.max():.3f}, median cosine {np.median(cosines):.2f}, "
        f"{np.mean(cosines < 0.9):.0%} of pairs below 0.9"
    )


def write_expected(folder: Path, expected: Mapping[str, Any]) -> None:
    """Write expected.json in ASCII, a case per line, so that a change is seen in a diff."""
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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make the golden checkpoints and vectors.")
    parser.add_argument("--all-minilm", type=Path, help="folder of the real all-MiniLM-L6-v2")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for recipe in (CLS, DENSE, PLAIN):
        folder = make_checkpoint(recipe)
        expected = expect(folder, TEXTS)
        write_expected(folder, expected)
        report(recipe.name, expected)
    if options.all_minilm is not None:
        expected = expect(options.all_minilm, (*TEXTS, *SEED_TEXTS))
        write_expected(GOLDEN / "all-minilm", expected)
        report("all-minilm", expected)


if __name__ == "__main__":
    main()
