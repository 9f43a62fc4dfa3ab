"""What a client may write for a model, and in which words it hears that there is none."""

import pytest

from simile.errors import ModelNameError, ModelNotFoundError
from simile.hub.names import ModelName
from simile.server.model_names import NOT_NAMED, AskedModel, not_found, read_model, read_name


def test_a_model_is_read_once_and_shown_as_it_was_written():
    asked = read_model(" All-MiniLM ")
    assert asked == AskedModel(" All-MiniLM ", ModelName.parse("all-minilm:latest"))


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_a_blank_name_is_a_model_that_nobody_has_or_no_name(text):
    with pytest.raises(ModelNotFoundError, match=f"^model '{text}' not found$"):
        read_model(text)
    with pytest.raises(ModelNameError):
        read_name(text)


def test_only_an_empty_name_may_be_left_out():
    assert read_model("", required=False) is NOT_NAMED and not NOT_NAMED
    with pytest.raises(ModelNotFoundError):
        read_model(" ", required=False)


@pytest.mark.parametrize("text", ["./x", "/etc/passwd", "~/x", "C:\\x", "x:y.gguf"])
def test_a_client_names_no_path(text):
    for read in (read_model, read_name):
        with pytest.raises(ModelNameError):
            read(text)


def test_a_server_may_be_started_with_a_path():
    assert AskedModel.served("./x") == AskedModel("./x", "./x")
    assert AskedModel.served("x").name == ModelName.parse("x")


def test_each_route_has_its_words():
    assert str(not_found("x", "plain")) == "model 'x' not found"
    assert str(not_found("x", "quoted")) == 'model "x" not found'
    assert str(not_found("x", "pull")) == 'model "x" not found, try pulling it first'
