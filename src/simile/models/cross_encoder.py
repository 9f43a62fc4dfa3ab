"""Turn a reranker's checkpoint into one OpenVINO graph: token ids of pairs to logits.

Nogueira & Cho 2019, https://arxiv.org/abs/1901.04085: query and text are read together. Joins
architecture, head and pair tokenizer; does not know devices, threads or HTTP.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from simile.architectures.architecture import EncoderArchitecture, Tokens
from simile.checkpoints.checkpoint import Checkpoint
from simile.checkpoints.tensors import Tensors
from simile.models.facts import ModelFacts
from simile.models.pairs import PairTokenizer
from simile.models.qwen3_reranker import TemplateTokenizer, answer_ids
from simile.models.rerank_layout import Layout
from simile.models.tokenizer import Tokenizer

if TYPE_CHECKING:
    from simile.architectures.heads import Head
    from simile.graph import Model


@dataclass(frozen=True, eq=False)
class CrossEncoder:
    """What a reranker's files say, and its weights, which the graph points into."""

    checkpoint: Checkpoint
    tensors: Tensors
    facts: ModelFacts
    architecture: EncoderArchitecture
    layout: Layout

    def tokenizer(self) -> PairTokenizer | TemplateTokenizer:
        """Load the checkpoint's tokenizer. Raises CheckpointError if there is none."""
        tokenizer = Tokenizer(self._fast, lowercase=self.facts.lowercase)
        if self.layout.has_template:
            return TemplateTokenizer(tokenizer, self._fast, instruction=self.layout.prompt)
        return PairTokenizer(tokenizer, self._fast, types=self.layout.has_types)

    def graph(self) -> "Model":
        """Build the graph: input_ids, token_mask and, where the layout has them, token_types.

        Each is (batch, seq) int32; gives logits (batch, 1).
        """
        import numpy as np

        from simile.architectures.heads import FIRST_TOKEN, Encoded
        from simile.graph import Model, ops

        names = ("input_ids", "token_mask", "token_types")[: 3 if self.layout.has_types else 2]
        inputs = [ops.parameter([-1, -1], np.int32, name=name) for name in names]
        head = self._head()
        ids, mask, *types = inputs
        tokens = Tokens(ids, mask, types[0] if types else None, first_only=head in FIRST_TOKEN)
        hidden = self.architecture.build_sharing_prefix(self.tensors, tokens)
        logits = head(
            Encoded(
                self.tensors,
                self.checkpoint.configuration,
                hidden,
                mask,
                ids,
                self.architecture.sizes.width,
            )
        )
        self.tensors.refuse_unknown(self.architecture.ignored_tensors)
        return Model([logits], inputs, "cross_encoder")

    def _head(self) -> "Head":
        from simile.architectures.heads import HEADS, vocabulary_rows

        if self.layout.is_causal:
            return vocabulary_rows(*(self.layout.answers or answer_ids(self._fast)))
        return HEADS[self.layout.kind]

    @cached_property
    def _fast(self) -> Any:
        return self.checkpoint.tokenizer()

    def let_go(self) -> None:
        """Give back the memory of weights that were read; a graph that is used reads them again."""
        self.tensors.let_go()
