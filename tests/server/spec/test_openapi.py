"""The description of the routes is true: to the parsers, to the routes, and to what is answered."""

import ast
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.server.offline_hub import serving_offline

import simile.server
from simile.hub.names import ModelName
from simile.server.app import create_app
from simile.server.gojson.durations import keep_alive_s
from simile.server.gojson.fields import STRING
from simile.server.http.access import OPEN_PATHS, Access
from simile.server.http.keys import Keys
from simile.server.http.origins import Origins
from simile.server.ollama import chat as ollama_chat
from simile.server.spec import schemas
from simile.server.spec.docs_page import render_page
from simile.server.spec.openapi import document
from simile.server.spec.operations import OPERATIONS
from simile.server.spec.schemas import MEANINGS, NAME

SERVER = Path(inspect.getfile(simile.server)).parent
RUN_SCHEMATHESIS = "import sys; from schemathesis.cli import schemathesis; schemathesis()"


@pytest.fixture(scope="module")
def described(http) -> dict[str, Any]:
    answer = http.get("/openapi.json")
    assert answer.headers["content-type"].startswith("application/json")
    return dict(answer.json())


def operations(described: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, item in described["paths"].items()
        for method, operation in item.items()
    }


def test_what_is_described_is_what_is_routed(described):
    assert set(operations(described)) == set(OPERATIONS)


def test_a_route_of_which_nothing_is_said_is_an_error():
    route = Route("/api/new", PlainTextResponse(""), methods=["POST"])
    with pytest.raises(KeyError, match="/api/new"):
        document([route], has_keys=False)


def test_a_field_of_which_nothing_is_said_is_an_error():
    with pytest.raises(KeyError):
        schemas.body({"model": STRING, "new_field": STRING}, {})


def test_every_table_that_a_parser_reads_by_is_described():
    tables = set()
    for path in SERVER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "read_fields":
                tables.add(f"{path.stem}.{ast.unparse(node.args[2])}")
    words = "".join(
        path.read_text(encoding="utf-8") for path in sorted(SERVER.rglob("*operations.py"))
    )
    assert "ollama.EMBED_FIELDS" in tables
    assert {table for table in tables if table not in words} == set()


def test_the_fields_of_a_body_are_those_of_its_parser(described):
    body = operations(described)["POST", "/api/chat"]["requestBody"]
    properties = body["content"]["application/json"]["schema"]["properties"]
    assert list(properties) == list(ollama_chat.CHAT_FIELDS)
    assert all(field["description"] for field in properties.values())


def test_below_v1_errors_have_openais_envelope(described):
    for (method, path), operation in operations(described).items():
        error = operation["responses"]["500"].get("content", {}).get("application/json")
        if method != "HEAD":
            name = "OpenAIError" if path.startswith("/v1/") else "Error"
            assert error == {"schema": {"$ref": f"#/components/schemas/{name}"}}


@given(st.from_regex(NAME["pattern"].replace("$", r"\Z")))
def test_names_that_the_description_allows_are_names(text):
    ModelName.parse(text)


@given(st.from_regex(MEANINGS["keep_alive"]["anyOf"][1]["pattern"].replace("$", r"\Z")))
def test_durations_that_the_description_allows_are_durations(text):
    assert keep_alive_s(text) >= 0


@pytest.fixture(scope="module")
def keyed(tmp_path_factory, hub, residency, serving):
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    path.write_text('[[keys]]\nname = "a"\nkey = "0123456789abcdef"', encoding="utf-8")
    app = create_app(hub, residency, has_keys=True)
    with serving(Access(app, keys=Keys(path), origins=Origins(), check_host=True)) as url:
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
    assert f"{len(OPERATIONS) - 1} selected" in done.stdout


def test_every_example_is_answered_well(tiny, described):
    """But for the model that was never copied, in the order in which they stand there."""
    with httpx2.Client(base_url=tiny, timeout=30) as client:
        for (method, path), operation in operations(described).items():
            if "requestBody" in operation:
                (content,) = operation["requestBody"]["content"].values()
                for example in content["schema"]["examples"]:
                    status = client.request(method, path, json=example).status_code
                    assert status == 200 or (path, status) == ("/api/delete", 404)
