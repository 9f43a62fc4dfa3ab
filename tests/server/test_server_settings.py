import math

import pytest

from simile.config import ServerSettings, read_server_settings
from simile.errors import ConfigError
from simile.server.gojson.durations import keep_alive_setting_s


def test_nothing_said_is_ollamas_default():
    settings = read_server_settings({})
    assert settings == ServerSettings()
    assert (settings.max_loaded_models, settings.max_queue) == (3, 512)
    assert keep_alive_setting_s(settings.keep_alive) == 300


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300),
        ("1h30m", 5400),
        ("300", 300),
        ("+7", 7),
        ("0", 0),
        ("-1", math.inf),
        ("-1s", math.inf),
        ('"10s"', 10),
        ("9" * 18, math.inf),
    ],
)
def test_keep_alive_is_a_duration_or_seconds(text, seconds):
    assert keep_alive_setting_s(text) == seconds


@pytest.mark.parametrize("text", ["1d", "soon", "1.5", "9" * 19, "5 m"])
def test_another_keep_alive_is_refused(text):
    with pytest.raises(ConfigError, match="SIMILE_KEEP_ALIVE"):
        keep_alive_setting_s(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("2GB", 2 * 10**9), ("1.5 gib", 3 * 2**29), ("512MiB", 2**29), ("", None)],
)
def test_sizes_have_units(text, size):
    assert read_server_settings({"SIMILE_MAX_MEMORY": text}).max_memory_bytes == size


def test_zero_is_the_default_as_in_ollama():
    settings = read_server_settings({"SIMILE_MAX_QUEUE": "0", "SIMILE_MAX_LOADED_MODELS": " 7 "})
    assert (settings.max_queue, settings.max_loaded_models) == (512, 7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIMILE_MAX_QUEUE", "many"),
        ("SIMILE_MAX_QUEUE", "-1"),
        ("SIMILE_MAX_LOADED_MODELS", "1.5"),
        ("SIMILE_MAX_MEMORY", "2XB"),
        ("SIMILE_MAX_MEMORY", "0"),
        ("SIMILE_LOG", "xml"),
    ],
)
def test_what_cannot_be_used_names_its_variable(name, value):
    with pytest.raises(ConfigError, match=name):
        read_server_settings({name: value})


def test_json_logs_are_asked_for_by_name():
    assert read_server_settings({"SIMILE_LOG": "JSON"}).json_log
    assert not read_server_settings({"SIMILE_LOG": "text"}).json_log
