"""The sentence-transformers files of a checkpoint: spellings, windows, prompts, refusals."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.checkpoint_files import change_json, write_json, write_tiny_bert
from tests.opened import encoder_of

from simile.checkpoints.folder import FolderCheckpoint
from simile.errors import CheckpointError, SimileError, UnsupportedModelError
from simile.hub.plain_folder import open_folder
from simile.models.modules import Dense, read_modules, read_prompts, read_window
from simile.models.open import read_facts
from simile.types import ROLES

OLD = "sentence_transformers.models."
NEW = {
    "Transformer": "sentence_transformers.base.modules.transformer.Transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    "Dense": "sentence_transformers.base.modules.dense.Dense",
    "Normalize": "sentence_transformers.base.modules.normalize.Normalize",
    "Dropout": "sentence_transformers.sentence_transformer.modules.dropout.Dropout",
}


def respell(folder, spell):
    path = folder / "modules.json"
    listed = json.loads(path.read_text("utf-8"))
    for module in listed:
        module["type"] = spell(module["type"].rpartition(".")[2])
    write_json(path, listed)


def list_modules(folder, *names):
    write_json(
        folder / "modules.json",
        [
            {
                "idx": i,
                "path": f"{i}_{name}" if i else "",
                "type": name if "." in name else OLD + name,
            }
            for i, name in enumerate(names)
        ],
    )


def modules_of(folder):
    return read_modules(FolderCheckpoint(folder))


@pytest.mark.parametrize(
    "spell",
    [lambda n: OLD + n, lambda n: NEW[n], lambda n: f"{OLD}{n}.{n}"],
    ids=["old", "new", "package"],
)
def test_modules_are_read_in_every_spelling(tmp_path, spell):
    folder = write_tiny_bert(tmp_path, dense=8, pooling="cls")
    respell(folder, spell)
    modules = modules_of(folder)
    assert modules.pooling == ("cls",)
    assert modules.dense == (Dense("2_Dense", 16, 8, True, "tanh"),)
    assert modules.normalize


def test_no_normalize_is_no_normalize(tmp_path):
    assert not modules_of(write_tiny_bert(tmp_path, normalize=False)).normalize


def test_dropout_changes_nothing(tmp_path):
    folder = write_tiny_bert(tmp_path)
    list_modules(folder, "Transformer", "Pooling", "Dropout", "Normalize")
    assert modules_of(folder).normalize


def test_several_dense_modules_keep_their_order(tmp_path):
    folder = write_tiny_bert(tmp_path)
    list_modules(folder, "Transformer", "Pooling", "Dense", "Dense")
    for number, (before, after) in {2: (16, 8), 3: (8, 4)}.items():
        config = {"in_features": before, "out_features": after, "bias": False}
        write_json(folder / f"{number}_Dense" / "config.json", config)
    dense = modules_of(folder).dense
    assert [(d.width_in, d.width_out, d.bias) for d in dense] == [(16, 8, False), (8, 4, False)]


def test_modules_json_missing_is_refused(tmp_path):
    folder = write_tiny_bert(tmp_path)
    (folder / "modules.json").unlink()
    with pytest.raises(CheckpointError, match=r"modules\.json is missing"):
        modules_of(folder)


@pytest.mark.parametrize("content", [{}, [1], "x", []])
def test_modules_json_of_another_kind_is_refused(tmp_path, content):
    folder = write_tiny_bert(tmp_path)
    write_json(folder / "modules.json", content)
    with pytest.raises(SimileError, match=r"modules\.json"):
        modules_of(folder)


@pytest.mark.parametrize(
    "names",
    [
        ("Transformer",),
        ("Pooling", "Transformer"),
        ("Transformer", "Pooling", "LayerNorm"),
        ("Transformer", "Pooling", "Normalize", "Dense"),
        ("Transformer", "Pooling", "Pooling"),
        ("Transformer", "WeightedLayerPooling", "Pooling"),
        ("custom_st.Transformer", "Pooling"),
        ("Transformer", "pylate.models.Dense.Dense"),
        ("sentence_transformersX.models.Transformer", "Pooling"),
    ],
    ids=" ".join,
)
def test_modules_that_are_not_built_are_refused(tmp_path, names):
    folder = write_tiny_bert(tmp_path)
    list_modules(folder, *names)
    with pytest.raises(UnsupportedModelError, match=r"modules\.json"):
        modules_of(folder)


@pytest.mark.parametrize("path", ["../outside", "/outside"])
def test_a_module_outside_the_folder_is_refused(tmp_path, path):
    folder = write_tiny_bert(tmp_path / "model")
    write_json(tmp_path / "outside" / "config.json", {"pooling_mode_cls_token": True})
    path = path.replace("/outside", f"{tmp_path}/outside") if path.startswith("/") else path
    listed = json.loads((folder / "modules.json").read_text("utf-8"))
    listed[1]["path"] = path
    write_json(folder / "modules.json", listed)
    with pytest.raises(CheckpointError, match="outside"):
        modules_of(folder)


def pooling(tmp_path, **config):
    folder = write_tiny_bert(tmp_path)
    write_json(folder / "1_Pooling" / "config.json", config)
    return modules_of(folder).pooling


def test_old_poolings_join_in_one_order_however_listed(tmp_path):
    got = pooling(
        tmp_path,
        pooling_mode_lasttoken=True,
        pooling_mode_weightedmean_tokens=True,
        pooling_mode_mean_sqrt_len_tokens=True,
        pooling_mode_mean_tokens=True,
        pooling_mode_max_tokens=True,
        pooling_mode_cls_token=True,
    )
    assert got == ("cls", "max", "mean", "mean_sqrt_len", "weighted_mean", "last")


def test_new_poolings_join_in_the_order_of_their_list(tmp_path):
    modes = ["weightedmean", "cls", "lasttoken", "mean_sqrt_len_tokens", "max", "mean"]
    assert pooling(tmp_path, embedding_dimension=16, pooling_mode=modes) == (
        "weighted_mean", "cls", "last", "mean_sqrt_len", "max", "mean",
    )  # fmt: skip


def test_one_mode_is_a_string_or_a_list_of_one(tmp_path):
    assert pooling(tmp_path, pooling_mode="max") == ("max",)
    assert pooling(tmp_path, pooling_mode=["max"]) == ("max",)


def test_a_mode_wins_over_the_old_keys(tmp_path):
    assert pooling(tmp_path, pooling_mode="cls", pooling_mode_mean_tokens=True) == ("cls",)


@pytest.mark.parametrize("config", [{}, {"pooling_mode_cls_token": False}])
def test_no_mode_means_mean(tmp_path, config):
    assert pooling(tmp_path, word_embedding_dimension=16, **config) == ("mean",)


@pytest.mark.parametrize("mode", ["median", [], ["mean", "median"], None, 5, [["mean"]]], ids=repr)
def test_a_mode_that_is_unknown_is_refused(tmp_path, mode):
    with pytest.raises(SimileError, match="pooling_mode"):
        pooling(tmp_path, pooling_mode=mode)


def test_prompts_left_out_of_pooling_are_refused(tmp_path):
    with pytest.raises(UnsupportedModelError, match="include_prompt"):
        pooling(tmp_path, pooling_mode="mean", include_prompt=False)


def dense(tmp_path, **changes):
    folder = write_tiny_bert(tmp_path, dense=8)
    change_json(folder / "2_Dense" / "config.json", **changes)
    return folder


@pytest.mark.parametrize(
    ("full", "name"),
    [
        ("torch.nn.modules.linear.Identity", "identity"),
        ("torch.nn.modules.activation.ReLU", "relu"),
        ("torch.nn.modules.activation.GELU", "gelu"),
        ("torch.nn.Tanh", "tanh"),
        (None, "tanh"),
    ],
)
def test_dense_activations_go_by_their_class(tmp_path, full, name):
    folder = dense(tmp_path, activation_function=full)
    assert modules_of(folder).dense[0].activation == name
    encoder_of(folder).graph()


@pytest.mark.parametrize(
    "changes",
    [
        {"activation_function": "my.code.Tanh"},
        {"activation_function": "torch.nn.modules.activation.Tanhshrink"},
        {"use_residual": True},
        {"module_input_name": "token_embeddings"},
    ],
    ids=repr,
)
def test_dense_variants_are_refused(tmp_path, changes):
    folder = dense(tmp_path, **changes)
    with pytest.raises(UnsupportedModelError):
        encoder_of(folder).graph()


@pytest.mark.parametrize("changes", [{"in_features": None}, {"out_features": "8"}], ids=repr)
def test_dense_without_widths_is_refused(tmp_path, changes):
    with pytest.raises(CheckpointError, match="in_features and out_features"):
        modules_of(dense(tmp_path, **changes))


def test_dense_of_another_width_than_the_pooling_is_refused(tmp_path):
    folder = dense(tmp_path, in_features=15)
    with pytest.raises(CheckpointError, match="in_features is 15; expected 16"):
        read_facts(open_folder(str(folder)))


def test_dense_without_weights_names_the_missing_file(tmp_path):
    folder = write_tiny_bert(tmp_path, dense=8)
    (folder / "2_Dense" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="2_Dense"):
        encoder_of(folder).graph()


def test_width_of_a_vector_is_that_of_its_last_step(tmp_path):
    folder = write_tiny_bert(tmp_path / "a")
    write_json(folder / "1_Pooling" / "config.json", {"pooling_mode": ["mean", "cls"]})
    facts = read_facts(open_folder(str(folder)))
    assert (facts.dim, facts.pooling) == (32, "mean+cls")
    assert read_facts(open_folder(str(write_tiny_bert(tmp_path / "b", dense=8)))).dim == 8


def test_a_cut_of_the_vector_is_followed_or_refused(tmp_path):
    folder = write_tiny_bert(tmp_path)
    write_json(folder / "config_sentence_transformers.json", {"truncate_dim": 8})
    try:
        dim = read_facts(open_folder(str(folder))).dim
    except UnsupportedModelError:
        return
    assert dim == 8


@pytest.mark.parametrize("kind", ["SparseEncoder", "MultiVectorEncoder"])
def test_models_that_give_no_single_vector_are_refused(tmp_path, kind):
    folder = write_tiny_bert(tmp_path)
    write_json(folder / "config_sentence_transformers.json", {"model_type": kind})
    with pytest.raises(UnsupportedModelError, match=kind):
        read_facts(open_folder(str(folder)))


def test_a_cross_encoder_makes_no_vectors(tmp_path):
    folder = write_tiny_bert(tmp_path)
    write_json(folder / "config_sentence_transformers.json", {"model_type": "CrossEncoder"})
    with pytest.raises(UnsupportedModelError, match="is a reranker"):
        encoder_of(folder)


def window(tmp_path, sentence_bert=None, tokenizer=None, file="sentence_bert_config.json"):
    folder = write_tiny_bert(tmp_path, max_tokens=32)
    (folder / "sentence_bert_config.json").unlink()
    if sentence_bert is not None:
        write_json(folder / file, sentence_bert)
    write_json(folder / "tokenizer_config.json", tokenizer or {})
    return read_window(FolderCheckpoint(folder), 32)[0]


@pytest.mark.parametrize(
    ("sentence_bert", "tokenizer", "wanted"),
    [
        ({"max_seq_length": 12}, {"model_max_length": 20}, 12),
        ({"max_seq_length": 28}, {"model_max_length": 20}, 28),
        ({"max_seq_length": None}, {"model_max_length": 20}, 20),
        ({}, {"model_max_length": 20}, 20),
        (None, {"model_max_length": 20}, 20),
        (None, {"max_len": 18}, 18),
        (None, {"model_max_length": 1000000000000000019884624838656}, 32),
        (None, {"model_max_length": 1e30}, 32),
        (None, {}, 32),
        ({"max_seq_length": 512}, {}, 32),
        ({"max_seq_length": 12, "tokenizer_args": {"model_max_length": 9}}, {}, 9),
        ({"max_seq_length": 12, "processor_kwargs": {"model_max_length": 9}}, {}, 9),
    ],
)
def test_the_window_goes_by_the_rules(tmp_path, sentence_bert, tokenizer, wanted):
    assert window(tmp_path, sentence_bert, tokenizer) == wanted


def test_the_window_may_stand_in_a_file_of_another_name(tmp_path):
    assert window(tmp_path, {"max_seq_length": 12}, file="sentence_roberta_config.json") == 12


@pytest.mark.parametrize("asked", [True, False])
def test_lower_case_goes_by_the_sentence_file(tmp_path, asked):
    folder = write_tiny_bert(tmp_path)
    change_json(folder / "sentence_bert_config.json", do_lower_case=asked)
    assert read_window(FolderCheckpoint(folder), 32)[1] is asked


def facts_with_prompts(tmp_path, prompts):
    folder = write_tiny_bert(tmp_path)
    write_json(folder / "config_sentence_transformers.json", {"prompts": prompts})
    return read_facts(open_folder(str(folder)))


@pytest.mark.parametrize(
    ("prompts", "query", "document"),
    [
        (None, "", ""),
        ({}, "", ""),
        ({"query": "q: ", "document": "d: "}, "q: ", "d: "),
        ({"query": "q: ", "passage": "p: "}, "q: ", "p: "),
        ({"corpus": "c: ", "passage": "p: "}, "", "p: "),
        ({"corpus": "c: "}, "", "c: "),
        ({"query": None, "document": ""}, "", ""),
        ({"other": "o: "}, "", ""),
    ],
)
def test_prompts_go_by_role(tmp_path, prompts, query, document):
    facts = facts_with_prompts(tmp_path, prompts)
    assert (facts.prefix("query"), facts.prefix("document")) == (query, document)


@pytest.mark.parametrize(
    ("prompts", "role", "prefix"),
    [
        ({"clustering": "c: ", "Clustering": "C: "}, "clustering", "c: "),
        ({"Clustering": "C: ", "Classification": "K: "}, "clustering", "C: "),
        ({"Clustering": "C: ", "Classification": "K: "}, "classification", "K: "),
        ({"STS": "s: ", "query": "q: "}, "similarity", "s: "),
        ({"similarity": "", "STS": "s: ", "query": "q: "}, "similarity", ""),
        ({"document": "", "passage": "p: "}, "document", ""),
        ({"query": "q: "}, "similarity", ""),
    ],
)
def test_each_role_has_the_names_under_which_prompts_are_published(tmp_path, prompts, role, prefix):
    assert facts_with_prompts(tmp_path, prompts).prefix(role) == prefix


def test_the_default_prompt_is_for_roles_that_the_file_does_not_name(tmp_path):
    prompts = {"query": "q: ", "document": "", "STS": "s: "}
    folder = write_tiny_bert(tmp_path)
    written = {"prompts": prompts, "default_prompt_name": "STS"}
    write_json(folder / "config_sentence_transformers.json", written)
    facts = read_facts(open_folder(str(folder)))
    assert [facts.prefix(role) for role in ROLES] == ["q: ", "", "s: ", "s: ", "s: "]


@pytest.mark.parametrize(
    ("own", "prefixes"),
    [
        ({"query": "", "document": ""}, ("cat q: ", "cat c: ")),
        ({"query": "own q: "}, ("own q: ", "")),
    ],
)
def test_blank_prompts_alone_leave_it_to_the_catalog(tmp_path, own, prefixes):
    folder = write_tiny_bert(tmp_path)
    write_json(folder / "config_sentence_transformers.json", {"prompts": own})
    known = {"query": "cat q: ", "clustering": "cat c: "}
    facts = read_facts(replace(open_folder(str(folder)), prompts=known))
    assert (facts.prefix("query"), facts.prefix("clustering")) == prefixes


def test_a_width_that_is_none_is_refused(tmp_path):
    folder = write_tiny_bert(tmp_path)
    write_json(folder / "config_sentence_transformers.json", {"truncate_dim": "5"})
    with pytest.raises(CheckpointError, match="truncate_dim"):
        read_facts(open_folder(str(folder)))


@pytest.mark.parametrize("kind", ["nomic_bert", "bert"])
def test_a_nomic_vector_is_normalized_before_it_is_cut(tmp_path, kind):
    if kind == "bert":
        facts = read_facts(open_folder(str(write_tiny_bert(tmp_path))))
    else:
        golden = Path(__file__).parent.parent / "golden" / "nomic-bert"
        facts = read_facts(open_folder(str(golden)))
    assert facts.layer_norm_before_cut is (kind == "nomic_bert")


def test_no_prompts_file_means_no_prompts(tmp_path):
    folder = write_tiny_bert(tmp_path)
    (folder / "config_sentence_transformers.json").unlink()
    assert read_prompts(FolderCheckpoint(folder)) == {}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config_sentence_transformers.json", [1]),
        ("config_sentence_transformers.json", {"prompts": ["query"]}),
        ("sentence_bert_config.json", [1]),
        ("sentence_bert_config.json", {"tokenizer_args": [1]}),
        ("tokenizer_config.json", [1]),
    ],
    ids=repr,
)
def test_json_of_another_kind_is_a_checkpoint_error(tmp_path, file, content):
    folder = write_tiny_bert(tmp_path)
    write_json(folder / file, content)
    with pytest.raises(CheckpointError, match=file):
        read_facts(open_folder(str(folder)))
