"""Present a folder with a table of token vectors, in any of its layouts, as a checkpoint.

Model2Vec's own (config.json, `embeddings`), sentence-transformers' StaticEmbedding (modules.json,
`embedding.weight`, in the folder or in 0_StaticEmbedding), and the latter without modules.json,
which only Model2Vec reads. Layouts: model2vec 0.10, `persistence/datamodels.py`;
sentence-transformers 6.2, `static_embedding.py`. Does not know what is computed with them.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from simile.checkpoints.checkpoint import Checkpoint
from simile.checkpoints.folder import open_weights
from simile.checkpoints.json_file import find_json
from simile.checkpoints.tensors import Tensors
from simile.errors import CheckpointError, UnsupportedModelError

MODEL2VEC = "model2vec"
STATIC = "static_embedding"
"""The model_type of checkpoints without a config.json."""
_MODEL2VEC_WINDOW = 512
_MODULE_FOLDER = "0_StaticEmbedding"
_ST_CONFIG = "config_sentence_transformers.json"


class StaticCheckpoint(Checkpoint):
    """One folder; its tokenizer adds no special tokens and cuts nothing."""

    def __init__(self, folder: Path) -> None:
        """Read the JSON files. Raises CheckpointError or UnsupportedModelError."""
        self.folder = folder
        self.place = str(folder)
        self._modules = self.modules() or []
        self._table = folder / (self._modules[0][1] if self._modules else _unlisted(folder))
        self.follows_model2vec = not self._modules or "embeddings" in self.tensors()
        """Whether Model2Vec's rules hold: the unknown token left out, texts cut."""
        self.config = {
            **(self.find_object("config.json") or self.find_object(_ST_CONFIG)),
            "model_type": MODEL2VEC if self.follows_model2vec else STATIC,
        }
        kinds = [kind.rpartition(".")[2] for kind, _ in self._modules]
        if kinds not in ([], ["StaticEmbedding"], ["StaticEmbedding", "Normalize"]):
            raise UnsupportedModelError(
                f"modules.json lists {', '.join(kinds)}; "
                "expected StaticEmbedding and perhaps Normalize"
            )

    @property
    def normalize(self) -> bool:
        """Whether vectors are brought to length 1."""
        if self.follows_model2vec:
            return self.configuration.flag("normalize", False)
        return len(self._modules) > 1

    def tokenizer(self) -> Any:
        """Load tokenizer.json, which alone counts here; CheckpointError if it cannot be read."""
        from tokenizers import processors

        fast = self._tokenizer()
        fast.no_truncation()
        fast.no_padding()
        fast.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B")
        return fast

    def window(self) -> int | None:
        """Return how many tokens of a text the layout's own library reads; None for all.

        Model2Vec reads max_length of its configuration, sentence-transformers tokenizer.json.
        """
        if not self.follows_model2vec:
            truncation = self._tokenizer().truncation
            return truncation and int(truncation["max_length"])
        # A null says that nothing is cut; where there is no such key, the default holds.
        if self.config.get("max_length", _MODEL2VEC_WINDOW) is None:
            return None
        return self.configuration.size("max_length", _MODEL2VEC_WINDOW)

    def find_json(self, name: str) -> Any:
        """Read a JSON file, or None if there is none. Raises CheckpointError if it is damaged."""
        return find_json(self.folder / name)

    def tensors(self, subfolder: str = "") -> Tensors:
        """Open the table and what belongs to it."""
        return open_weights(self.folder / subfolder) if subfolder else self._table_tensors

    @cached_property
    def _table_tensors(self) -> Tensors:
        return open_weights(self._table)

    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer as FastTokenizer

        path = self._table / "tokenizer.json"
        if not path.is_file():
            raise CheckpointError(f"{path} is missing; pull the model again")
        try:
            return FastTokenizer.from_file(str(path))
        except Exception as exc:  # The library raises bare Exception for a file it cannot parse.
            raise CheckpointError(f"{path} is not a tokenizer that can be read: {exc}") from exc


def _unlisted(folder: Path) -> str:
    return _MODULE_FOLDER if (folder / _MODULE_FOLDER).is_dir() else ""


def is_static(folder: Path) -> bool:
    """Whether a folder holds a table of token vectors; False where its files cannot be read."""
    try:
        config, modules = (find_json(folder / name) for name in ("config.json", "modules.json"))
    except CheckpointError:
        return False
    if modules is None and config is None:
        return (folder / _ST_CONFIG).is_file()
    if isinstance(config, dict) and config.get("model_type") == MODEL2VEC:
        return True
    first = modules[0] if isinstance(modules, list) and modules else None
    return isinstance(first, dict) and str(first.get("type")).endswith(".StaticEmbedding")
