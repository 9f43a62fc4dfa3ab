"""Turn a reranker's checkpoint into one OpenVINO graph: token ids of pairs to logits.

Nogueira & Cho 2019, https://arxiv.org/abs/1901.04085: query and text are read together. Joins
architecture, head and pair tokenizer; does not know devices, threads or HTTP.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from simile.architectures.architecture import Tokens, read_architecture
from simile.checkpoints.open import open_checkpoint
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.modules import read_window
from simile.models.pairs import Pair, PairTokenizer, Query
from simile.models.rerank_layout import gives_types, read_layout
from simile.models.tokenizer import TokenizedText, Tokenizer

if TYPE_CHECKING:
    from simile.architectures.heads import Head
    from simile.graph import Model, Node


class JudgingTokenizer(Protocol):
    """What makes one input of a query and a text."""

    @property
    def special_count(self) -> int:
        """Tokens added to each pair."""

    def query(self, text: str, instruction: str | None = None) -> Query:
        """Prepare a query, once for all its texts."""

    def encode(self, pairs: Sequence[Pair], windows: Sequence[int]) -> list[TokenizedText]:
        """Tokenise pairs, each cut to its window."""


class CrossEncoder:
    """A reranker's checkpoint, read and checked; holds the weights that its graph points into."""

    def __init__(self, model: LocalModel) -> None:
        """Read config and headers; CheckpointError or UnsupportedModelError if they do not do."""
        self._checkpoint = open_checkpoint(model.path)
        self.layout = read_layout(self._checkpoint)
        self._architecture = read_architecture(self._checkpoint.configuration)
        self._tensors = self._checkpoint.tensors()
        self._types = gives_types(self._checkpoint)
        self.facts = self._read_facts(model)

    def tokenizer(self) -> JudgingTokenizer:
        """Load the checkpoint's tokenizer; CheckpointError where there is none."""
        tokenizer = Tokenizer(self._fast, lowercase=self.facts.lowercase)
        if not self.layout.has_template:
            return PairTokenizer(tokenizer, self._fast, types=self._types)
        from simile.models.qwen3_reranker import TemplateTokenizer

        return TemplateTokenizer(tokenizer, self._fast, instruction=self.layout.prompt)

    def graph(self) -> "Model":
        """Build the graph: input_ids and token_mask (batch, seq) int32 to logits (batch, 1)."""
        import numpy as np

        from simile.architectures.heads import FIRST_TOKEN, Encoded
        from simile.graph import Model, ops

        input_ids = ops.parameter([-1, -1], np.int32, name="input_ids")
        token_mask = ops.parameter([-1, -1], np.int32, name="token_mask")
        ids, types = _separate(input_ids) if self._types else (input_ids, None)
        head = self._head()
        hidden = self._build(Tokens(ids, token_mask, types, first_only=head in FIRST_TOKEN))
        configuration, width = self._checkpoint.configuration, self._architecture.sizes.width
        encoded = Encoded(self._tensors, configuration, hidden, token_mask, ids, width)
        logits = head(encoded)
        self._tensors.refuse_unknown(self._architecture.ignored_tensors)
        return Model([logits], [input_ids, token_mask], "cross_encoder")

    def _build(self, tokens: Tokens) -> "Node":
        """Build the token vectors; what a batch's texts all begin with only once, where it can."""
        sharing = getattr(self._architecture, "build_sharing_prefix", self._architecture.build)
        hidden: Node = sharing(self._tensors, tokens)
        return hidden

    def _head(self) -> "Head":
        from simile.architectures.heads import HEADS, vocabulary_rows
        from simile.models.qwen3_reranker import answer_ids

        if self.layout.is_causal:
            return vocabulary_rows(*(self.layout.answers or answer_ids(self._fast)))
        return HEADS[self.layout.kind]

    @cached_property
    def _fast(self) -> Any:
        return self._checkpoint.tokenizer()

    def let_go(self) -> None:
        """Give back the memory of weights that were read; a graph that is used reads them again."""
        self._tensors.let_go()

    def _read_facts(self, model: LocalModel) -> ModelFacts:
        from simile.models.qwen3_reranker import WINDOW

        sizes = self._architecture.sizes
        window, lowercase = read_window(self._checkpoint, sizes.context_length)
        if self.layout.has_template:
            window = min(window, WINDOW)
        return ModelFacts(
            model_type=str(self._checkpoint.config["model_type"]),
            dim=1,
            parameter_count=self._tensors.parameter_count,
            weight_format=self._tensors.weight_format,
            layer_count=sizes.layer_count,
            head_count=sizes.head_count,
            feed_forward_size=sizes.feed_forward_size,
            layer_norm_eps=sizes.norm_eps,
            vocab_size=sizes.vocab_size,
            context_length=sizes.context_length,
            max_tokens=min(model.window or window, sizes.context_length),
            pooling="rank",
            normalize=False,
            lowercase=lowercase,
            is_causal=getattr(self._architecture, "is_causal", False),
        )


def _separate(input_ids: "Node") -> tuple["Node", "Node"]:
    """Split what a pair's tokenizer joined: ids, and 1 where an id came as its complement."""
    import numpy as np

    from simile.graph import ops

    second = ops.less(input_ids, np.int32(0))
    ids = ops.select(second, ops.subtract(np.int32(-1), input_ids), input_ids)
    return ids, ops.convert(second, "i32")
