import json
from dataclasses import replace

import pytest

from simile.errors import ModelNameError
from simile.server.errors import BodyError
from simile.server.ollama_models import (
    human_count,
    parse_show,
    render_ps,
    render_show,
    render_tags,
)
from simile.server.text import json_time

DETAILS = (
    '{"parent_model":"","format":"safetensors","family":"bert","families":["bert"],'
    '"parameter_size":"23M","quantization_level":"F32"'
)


def test_tags_have_the_published_keys_and_order(model, facts):
    assert render_tags([(model, facts)]).decode() == (
        '{"models":[{"name":"all-minilm:latest","model":"all-minilm:latest",'
        f'"modified_at":"{json_time(model.modified_at)}","size":45960996,"digest":"{"ab" * 32}",'
        f'"details":{DETAILS},"context_length":512,"embedding_length":8}},'
        '"capabilities":["embedding"]}]}'
    )
    assert render_tags([]) == b'{"models":[]}'


def test_a_model_without_facts_is_listed(model):
    details = json.loads(render_tags([(model, None)]))["models"][0]["details"]
    assert details == {
        "parent_model": "",
        "format": "safetensors",
        "family": "",
        "families": None,
        "parameter_size": "",
        "quantization_level": "",
    }


def test_show_has_the_published_keys_and_order(model, facts):
    assert render_show(model, facts).decode() == (
        '{"license":"Apache-2.0","parameters":"num_ctx                        256",'
        f'"template":"{{{{ .Prompt }}}}","details":{DETAILS}}},'
        '"model_info":{"bert.attention.causal":false,"bert.attention.head_count":12,'
        '"bert.attention.layer_norm_epsilon":1e-12,"bert.block_count":6,"bert.context_length":512,'
        '"bert.embedding_length":8,"bert.feed_forward_length":1536,"bert.pooling_type":1,'
        '"general.architecture":"bert","general.file_type":0,"general.parameter_count":22713216,'
        '"tokenizer.ggml.model":"bert"},'
        f'"capabilities":["embedding"],"modified_at":"{json_time(model.modified_at)}"}}'
    )


def test_show_omits_what_is_not_known(model, facts):
    shown = json.loads(render_show(replace(model, licence=None), replace(facts, pooling="max")))
    assert "license" not in shown
    assert "bert.pooling_type" not in shown["model_info"]


def test_show_reads_model_or_name():
    assert parse_show(b'{"model":"a"}') == parse_show(b'{"name":"a:latest","verbose":true}')
    with pytest.raises(BodyError, match="^model is required$"):
        parse_show(b"{}")
    with pytest.raises(ModelNameError):
        parse_show(b'{"model":"a b"}')


def test_ps_of_nothing():
    assert render_ps([]) == b'{"models":[]}'


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (999, "999"),
        (1500, "2K"),
        (22_713_216, "23M"),
        (109_482_240, "109M"),
        (7_615_616_512, "7.6B"),
    ],
)
def test_parameters_are_counted_as_ollama_does(number, text):
    assert human_count(number) == text
