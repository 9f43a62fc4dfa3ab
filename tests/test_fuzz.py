"""Whatever stands in a file or a query is read, or an error of ours: bytes changed at random.

Briefly here; for long with `-m slow`. The readers of documents have their own in
documents/test_reader_pool.py, safetensors in checkpoints/test_hostile.py.
"""

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gguf_files import write_gguf

from simile.checkpoints.gguf.header import check_embeds
from simile.documents.rules import read_rules
from simile.errors import SimileError
from simile.hub.manifest import read_manifest
from simile.hub.names import ModelName
from simile.hub.ollama_manifest import parse_manifest
from simile.retrieval.filters import parse_filter
from simile.server.gojson.decode import decode
from simile.server.gojson.durations import keep_alive_s
from simile.server.http.keys import Keys
from simile.store.heads import read_head, write_head

DIGEST = "sha256:" + "a" * 64
LAYER = {"mediaType": "application/vnd.ollama.image.model", "digest": DIGEST, "size": 5}


def keys(folder, data):
    (folder / "keys.toml").write_bytes(data)
    Keys(folder / "keys.toml")


def rules(folder, data):
    (folder / "simile.toml").write_bytes(data)
    read_rules(folder / "simile.toml")


def manifest(folder, data):
    (folder / "manifest.json").write_bytes(data)
    read_manifest(folder)


def gguf(folder, data):
    (folder / "m.gguf").write_bytes(data)
    check_embeds(folder / "m.gguf", "m")


def head(folder, data):
    (folder / "x.head").write_bytes(data)
    read_head(folder / "x.head")


def text(read):
    return lambda _, data: read(data.decode("utf-8", "surrogateescape"))


SEEDS = {
    "keys": (keys, b'[[keys]]\nname = "a"\nkey = "k-3f9c2b7d5e8a4100"\nprincipals = ["user:a"]\n'),
    "rules": (rules, b'[[documents]]\nmatch = "hr/**"\nacl = ["group:hr"]\nmetadata = {a = 1}\n'),
    "manifest": (manifest, json.dumps({"version": 1, "name": "a", "source": "b", "license": None,
                 "pulled_at": "2026-01-01T00:00:00+00:00", "files": []}).encode()),
    "ollama manifest": (lambda _, data: parse_manifest(data, "m"),
                        json.dumps({"config": LAYER, "layers": [LAYER]}).encode()),
    "name": (text(ModelName.parse), b"registry.example:5000/a/b:latest"),
    "filter": (text(parse_filter), b"year >= 2010 and (lang in ('en', \"de\") or not x = null)"),
    "body": (lambda _, data: decode(data), b'{"model": "a", "input": ["x", "\\ud83d", 1.5e3]}'),
    "keep_alive": (text(keep_alive_s), b"1h30m5.5s"),
    "head": (head, b""),
    "gguf": (gguf, b""),
}  # fmt: skip


@st.composite
def changed(draw, seed):
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["flip", "insert", "cut", "repeat"]))
        if kind == "flip" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=8))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 40))]
        else:
            data[at:at] = data[at : at + 20] * draw(st.integers(1, 60))
    return bytes(data)


def seed_of(name, folder):
    if name == "gguf":
        return write_gguf(folder / "seed.gguf", rows=1, tokens=9).read_bytes()
    if name == "head":
        write_head(folder / "seed.head", {"generation": 1, "rows": 2}, b"tail")
        return (folder / "seed.head").read_bytes()
    return SEEDS[name][1]


def fuzz(name, folder, examples):
    read, seed = SEEDS[name][0], seed_of(name, folder)

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(changed(seed))
    def check(data):
        with suppress(SimileError):
            read(folder, data)

    check()


@pytest.mark.parametrize("name", SEEDS)
def test_any_bytes_are_read_or_refused(tmp_path, name):
    fuzz(name, tmp_path, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEDS)
def test_any_bytes_for_long(tmp_path, name):
    fuzz(name, tmp_path, 20_000)
