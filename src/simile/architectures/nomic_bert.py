"""The `nomic_bert` architecture as an OpenVINO graph: token ids to one vector per token.

nomic-embed-text v1 and v1.5, Arctic m-long. BERT with rotary positions, a gated middle and one
matrix for queries, keys and values. Nussbaum et al. 2024, https://arxiv.org/abs/2402.01613; tensor
names as nomic-ai/nomic-bert-2048 and transformers 5 write them, config.json in the words of either.
"""

from dataclasses import dataclass, replace

from simile.architectures.architecture import EncoderArchitecture, Sizes, Tokens
from simile.architectures.bricks.post_norm import check_heads, read_head_size, read_sizes
from simile.architectures.bricks.rotary import frequencies, read_frequencies
from simile.architectures.bricks.rotary_post_norm import GatedNames, RotaryPostNorm
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Floats, Tensors
from simile.errors import UnsupportedModelError
from simile.graph import Node

_NAMES = GatedNames(
    layer="encoder.layers",
    joined="attn.Wqkv",
    mixed="attn.out_proj",
    mixed_norm="norm1",
    up="mlp.fc11",
    gate="mlp.fc12",
    down="mlp.fc2",
    norm="norm2",
)
_GATED = {"swiglu": "silu", "geglu": "gelu", "glu": "sigmoid"}


@dataclass(frozen=True)
class Architecture(EncoderArchitecture):
    """The keys of config.json that change the numbers."""

    sizes: Sizes
    type_vocab_size: int
    activation: str
    angles: Floats
    """Per place, of each pair of columns that is turned."""
    names: GatedNames
    layer_norm_before_cut = True
    ignored_tensors = (
        "pooler.",
        "lm_head.",
        "cls.",
        "classifier.",
        "inv_freq",
        "embeddings.position_ids",
        "embeddings.token_type_ids",
    )

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        if "n_embd" in configuration.values:
            return _parse_own(configuration)
        sizes = read_sizes(configuration)
        head_size = read_head_size(configuration, sizes)
        configuration.only("rope_scaling", (None,))
        parameters = configuration.table("rope_parameters")
        return cls(
            sizes,
            type_vocab_size=configuration.count("type_vocab_size", 2),
            activation=configuration.text("hidden_act", "silu"),
            angles=read_frequencies(configuration, parameters, head_size, base=1000.0),
            names=_NAMES,
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see EncoderArchitecture."""
        name = "embeddings.word_embeddings.weight"
        weights = Weights.find(tensors, name, "bert.", "nomic_bert.")
        encoder = RotaryPostNorm(weights, self.sizes, self.activation, self.names)
        hidden = encoder.embed(tokens, "emb_ln", type_count=self.type_vocab_size)
        return encoder.encode(hidden, tokens, self.angles)


def _parse_own(configuration: Configuration) -> Architecture:
    """Read the keys of the code beside the published checkpoints, an heir of GPT-2's."""
    for key in ("prenorm", "parallel_block", "causal", "use_rms_norm", "rotary_emb_interleaved"):
        configuration.only(key, (False,))
    configuration.only("rotary_emb_scale_base", (None,))
    configuration.only("moe_every_n_layers", (-1, 0))
    configuration.only("activation_function", tuple(_GATED))
    configuration.only("pad_vocab_size_multiple", (1, 64))
    width, head_count = configuration.size("n_embd"), configuration.size("n_head")
    rows = configuration.size("pad_vocab_size_multiple", 1)
    sizes = Sizes(
        vocab_size=-(-configuration.size("vocab_size") // rows) * rows,
        width=width,
        layer_count=configuration.size("n_layer"),
        head_count=head_count,
        feed_forward_size=configuration.size("n_inner", 4 * width),
        norm_eps=configuration.number("layer_norm_epsilon", 1e-5),
        context_length=_context_length(configuration),
    )
    check_heads(configuration, sizes, pairs=True)
    turned = int(width // head_count * configuration.number("rotary_emb_fraction", 0.0))
    if turned < 2 or turned % 2:
        raise UnsupportedModelError(
            f"{configuration.where}: rotary_emb_fraction gives {turned} columns of each head to "
            "turn; expected pairs"
        )
    return Architecture(
        sizes,
        type_vocab_size=configuration.count("type_vocab_size", 2),
        activation=_GATED[configuration.text("activation_function")],
        angles=frequencies(turned, configuration.number("rotary_emb_base", 10_000.0)),
        names=replace(
            _NAMES,
            attention_bias=configuration.flag("qkv_proj_bias", True),
            gated_bias=configuration.flag("mlp_fc1_bias", True),
            down_bias=configuration.flag("mlp_fc2_bias", True),
        ),
    )


def _context_length(configuration: Configuration) -> int:
    """Where turns are scaled with the length, stop at the length up to which they are not."""
    if configuration.number("rotary_scaling_factor", 0):
        return configuration.size("max_trained_positions", 2048)
    names = ("n_positions", "max_trained_positions", "max_position_embeddings")
    return max(configuration.size(name, 1) for name in names)
