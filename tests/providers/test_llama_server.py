"""A real server that speaks as OpenAI does, llama.cpp's, with a tiny model of random weights.

Skipped where `llama-cpp-python[server]` or `gguf` is not installed: no part of the `dev` extra.
"""

import importlib.util
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from simile.errors import ModelError, RemoteEngineError
from simile.providers.openai_chat import OpenAIChat
from simile.types import Message

NEEDED = ("llama_cpp", "gguf", "fastapi", "sse_starlette", "starlette_context", "uvicorn")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in NEEDED),
        reason="llama-cpp-python[server] and gguf are not installed",
    ),
]
ASKED = [Message("system", "Be brief."), Message("user", "Why is the sky blue?")]
WIDTH, HEADS, FEED, WINDOW = 32, 2, 64, 256


def write_model(path):
    """Write a llama of one layer whose tokens are bytes."""
    import gguf  # type: ignore[import-not-found, unused-ignore]

    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(WINDOW)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3] + [6] * 256)
    writer.add_chat_template("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    rng = np.random.default_rng(0)
    shapes = {"token_embd": (len(tokens), WIDTH), "output": (len(tokens), WIDTH)}
    shapes |= {f"blk.0.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
    shapes |= {f"blk.0.ffn_{name}": (FEED, WIDTH) for name in ("gate", "up")}
    shapes["blk.0.ffn_down"] = (WIDTH, FEED)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", rng.normal(0, 0.3, shape).astype(np.float32))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def is_listening(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    path = tmp_path_factory.mktemp("llama") / "tiny.gguf"
    write_model(str(path))
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    options = ["--model", str(path), "--port", str(port), "--n_ctx", str(WINDOW)]
    options += ["--n_threads", "1", "--model_alias", "tiny", "--api_key", "sk-secret"]
    command = [sys.executable, "-m", "llama_cpp.server", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not is_listening(port) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        assert process.poll() is None, "the server did not start"
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def real(url):
    chat = OpenAIChat("tiny", base_url=url, api_key="sk-secret")
    yield chat
    chat.close()


def test_it_answers_in_parts(real):
    answer = real.stream(ASKED)
    parts = list(answer)
    assert len(parts) > 3
    assert all(isinstance(part, str) and part for part in parts)
    assert answer.end_reason in ("stop", "length")


def test_one_that_is_left_does_not_stand_in_the_way_of_the_next(real):
    answer = real.stream(ASKED)
    assert next(answer)
    answer.close()
    assert "".join(real.stream(ASKED))


def test_too_long_a_conversation_is_an_error(real):
    with pytest.raises((ValueError, RemoteEngineError)) as caught:
        list(real.stream([Message("user", "why is it so? " * 100)]))
    assert "why is it" not in str(caught.value)


def test_a_wrong_key_is_an_error(url):
    chat = OpenAIChat("tiny", base_url=url, api_key="sk-another")
    with pytest.raises((ModelError, RemoteEngineError), match="401, it wants another key"):
        list(chat.stream(ASKED))
    chat.close()
