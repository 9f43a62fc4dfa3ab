"""The description of the routes is true: to the parsers, to the routes, and to what is answered."""

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.offline_hub import serving_offline
from tests.server.spec.described import bodies, operations, resolved

import simile.server
from simile.hub.names import ModelName
from simile.server.app import create_app
from simile.server.gojson.durations import keep_alive_s
from simile.server.gojson.fields import ANY, BOOL, INT, MAP, STRING, Kind
from simile.server.gojson.options import KINDS as OPTION_KINDS
from simile.server.http.access import OPEN_PATHS, Access
from simile.server.http.dialects import JINA, OPENAI, TEI
from simile.server.http.keys import Keys
from simile.server.http.origins import Origins
from simile.server.ollama import changes as ollama_changes
from simile.server.ollama import chat as ollama_chat
from simile.server.ollama import embed as ollama_embed
from simile.server.ollama import models as ollama_models
from simile.server.ollama.models import VERSION
from simile.server.openai import wire as openai_wire
from simile.server.rerank import wire as rerank_wire
from simile.server.spec.handlers import document
from simile.server.spec.page import render_page
from simile.server.tei import wire as tei_wire

RUN_SCHEMATHESIS = "import sys; from schemathesis.cli import schemathesis; schemathesis()"


@pytest.fixture(scope="module")
def described(http) -> dict[str, Any]:
    answer = http.get("/openapi.json")
    assert answer.headers["content-type"].startswith("application/json")
    return dict(answer.json())


PARSERS: dict[tuple[str, str], dict[str, Kind]] = {
    ("POST", "/api/embed"): ollama_embed.EMBED_FIELDS,
    ("POST", "/api/embeddings"): ollama_embed.EMBEDDINGS_FIELDS,
    ("POST", "/api/show"): ollama_models.SHOW_FIELDS,
    ("POST", "/api/pull"): ollama_changes.PULL_FIELDS,
    ("POST", "/api/copy"): ollama_changes.COPY_FIELDS,
    ("DELETE", "/api/delete"): ollama_changes.NAMED_FIELDS,
    ("POST", "/api/generate"): ollama_chat.GENERATE_FIELDS,
    ("POST", "/api/chat"): ollama_chat.CHAT_FIELDS,
    ("POST", "/v1/embeddings"): openai_wire.EMBED_FIELDS,
    ("POST", "/embed"): tei_wire.EMBED_FIELDS,
    ("POST", "/similarity"): tei_wire.SIMILARITY_FIELDS,
    ("POST", "/tokenize"): tei_wire.TOKENIZE_FIELDS,
    ("POST", "/rerank"): rerank_wire.RERANK_FIELDS,
    ("POST", "/v1/rerank"): rerank_wire.RERANK_FIELDS,
    ("POST", "/v2/rerank"): rerank_wire.RERANK_FIELDS,
    ("POST", "/api/rerank"): rerank_wire.RERANK_FIELDS,
}
"""The table that each body's parser reads by."""
INNER = [tei_wire.SENTENCES_FIELDS, tei_wire.PARAMETERS_FIELDS]
"""The tables of objects inside a body."""
TYPES = {STRING: {"string"}, BOOL: {"boolean"}, INT: {"integer"}, MAP: {"object"}}


def test_what_is_described_is_what_is_routed(described, hub, residency):
    app = create_app(hub, residency)
    routed = {
        (method, route.path.replace(":path}", "}"))
        for route in app.routes
        for method in route.methods or ()
        if method != "HEAD" or "GET" not in (route.methods or ())
    }
    assert set(operations(described)) == routed


def test_every_table_that_a_parser_reads_by_is_compared():
    """A parser's table that the tests above do not know would escape them."""
    modules = pkgutil.walk_packages(simile.server.__path__, "simile.server.")
    tables = [
        table
        for module in modules
        for name, table in vars(importlib.import_module(module.name)).items()
        if name.endswith("_FIELDS") and not name.startswith("_")
    ]
    assert len(tables) >= len(INNER) + len(PARSERS) - 3
    for table in tables:
        assert any(table is known for known in (*PARSERS.values(), *INNER))


def test_every_body_has_a_parser(described):
    assert set(bodies(described)) == set(PARSERS)


@pytest.mark.parametrize("route", PARSERS, ids=" ".join)
def test_the_fields_of_a_body_are_those_of_its_parser(described, route):
    properties = bodies(described)[route]["properties"]
    assert list(properties) == list(PARSERS[route])
    for name, kind in PARSERS[route].items():
        assert properties[name]["description"]
        types = types_of(properties[name])
        assert not types or not isinstance(kind, str) or kind is ANY or types <= TYPES[kind]


def types_of(schema: dict[str, Any]) -> set[str]:
    """The JSON types that a schema admits beside null, where it says any."""
    said = schema.get("type", [])
    types = {said} if isinstance(said, str) else set(said)
    return (types | {one for part in schema.get("anyOf", ()) for one in types_of(part)}) - {"null"}


def test_the_parts_of_similarity_are_those_of_their_parsers(described):
    properties = bodies(described)["POST", "/similarity"]["properties"]
    assert list(properties["inputs"]["properties"]) == list(tei_wire.SENTENCES_FIELDS)
    assert list(properties["parameters"]["properties"]) == list(tei_wire.PARAMETERS_FIELDS)


def test_the_options_are_those_that_are_checked(described):
    properties = bodies(described)["POST", "/api/embed"]["properties"]["options"]["properties"]
    assert set(properties) == set(OPTION_KINDS)


def test_the_version_is_that_of_the_api_that_is_spoken(described):
    assert described["info"]["version"] == VERSION


def test_errors_are_described_in_the_dialect_of_their_route(described, hub, residency):
    names = {OPENAI: "OpenAIError", JINA: "JinaError", TEI: "TeiError"}
    dialects = {route.path: route.dialect for route in create_app(hub, residency).routes}
    for (method, path), operation in operations(described).items():
        error = resolved(described, operation["responses"]["500"])
        dialect = dialects[path.replace("{id}", "{id:path}")]
        if method != "HEAD":
            schema = {"$ref": f"#/components/schemas/{names.get(dialect, 'Error')}"}
            assert error["content"] == {"application/json": {"schema": schema}}


FIELDS = bodies(document(has_keys=True))["POST", "/api/embed"]["properties"]
NAME_PATTERN = FIELDS["model"]["pattern"]
DURATION_PATTERN = FIELDS["keep_alive"]["anyOf"][1]["pattern"]


@given(st.from_regex(NAME_PATTERN.replace("$", r"\Z")))
def test_names_that_the_description_allows_are_names(text):
    ModelName.parse(text)


@given(st.from_regex(DURATION_PATTERN.replace("$", r"\Z")))
def test_durations_that_the_description_allows_are_durations(text):
    assert keep_alive_s(text) >= 0


@pytest.fixture(scope="module")
def keyed(tmp_path_factory, hub, residency, serving):
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    path.write_text('[[keys]]\nname = "a"\nkey = "0123456789abcdef"', encoding="utf-8")
    app = create_app(hub, residency, has_keys=True)
    door = Access(app, keys=Keys(path), origins=Origins(), check_host=True)
    with serving(app.around(door)) as url:
        yield url


def test_keys_are_asked_for_where_the_description_says_so(keyed, described):
    assert not any("security" in operation for operation in operations(described).values())
    here = httpx2.get(f"{keyed}/openapi.json").json()
    assert here["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for (method, path), operation in operations(here).items():
        assert ("security" in operation) == ("401" in operation["responses"])
        assert ("security" in operation) == (path not in OPEN_PATHS)
        status = httpx2.request(method, keyed + path.replace("{id}", "a")).status_code
        assert (status == 401) == ("security" in operation)


def test_the_page_has_every_route_and_loads_nothing(http, described):
    answer = http.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    for method, path in operations(described):
        assert f"<code>{method} {path}</code>" in answer.text
    assert not re.search(r"<script|<img|<link|\bsrc=|url\(|@import", answer.text)
    assert set(re.findall(r'href="([^"#]+)', answer.text)) == {"openapi.json"}


def test_what_stands_in_the_description_is_escaped_on_the_page(described):
    hostile = '<script>alert("x")</script>'
    text = json.dumps(described).replace("Embed ", hostile.replace('"', '\\"'))
    page = render_page(json.loads(text)).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_door_is_in_front_of_the_description(keyed, path):
    assert httpx2.head(keyed + path).status_code == 200
    stranger = {"Origin": "http://evil.example"}
    assert httpx2.get(keyed + path, headers=stranger).status_code == 403
    assert httpx2.get(keyed + path, headers={"Host": "evil.example"}).status_code == 403


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, serving):
    """A server whose model has the name that the examples in the description have."""
    with serving_offline(tmp_path_factory.mktemp("models"), serving) as url:
        yield url


def test_schemathesis_finds_nothing(tiny, tmp_path):
    """With all its checks, in a process of its own: as whoever judges us would run it."""
    options = ["--checks", "all", "--max-examples", "5", "--seed", "1", "--no-color"]
    done = subprocess.run(
        [sys.executable, "-c", RUN_SCHEMATHESIS, "run", f"{tiny}/openapi.json", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # All but the description itself.
    assert f"{len(operations(document(has_keys=False))) - 1} selected" in done.stdout


def test_every_example_is_answered_well(tiny, described):
    """But for the model that was never copied, in the order in which they stand there."""
    with httpx2.Client(base_url=tiny, timeout=30) as client:
        for (method, path), schema in bodies(described).items():
            for example in schema["examples"]:
                status = client.request(method, path, json=example).status_code
                assert status == 200 or (path, status) == ("/api/delete", 404)
