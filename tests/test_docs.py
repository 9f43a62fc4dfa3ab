"""What exists is documented, and what is documented exists."""

import re
from pathlib import Path
from typing import Any

import click
import pytest

import simile
from simile import errors
from simile.architectures.architecture import MODULES
from simile.cli.main import VERBS, cli
from simile.config import read_server_settings, read_settings
from simile.engine.residency import Residency
from simile.hub.hub import Hub
from simile.server.app import create_app

ROOT = Path(__file__).parent.parent
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_and_option_is_documented(verb):
    section = re.search(rf"^## simile {verb}\b(.*?)(?=^## |\Z)", COMMANDS, re.M | re.S)
    assert section, f"docs/commands.md has no section on simile {verb}"
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    options = [param for param in command.params if isinstance(param, click.Option)]
    assert all(f"`{option.opts[0]}`" in section.group(1) for option in options)


class Asked(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default


def test_every_setting_is_documented():
    environment = Asked()
    read_settings(environment)
    read_server_settings(environment)
    assert "SIMILE_HOME" in environment.names
    documented = re.findall(r"^\| `([A-Z_]+)`", read("docs/settings.md"), re.M)
    assert environment.names == set(documented)


def test_every_route_is_documented(tmp_path):
    hub = Hub(tmp_path)
    routes = create_app(hub, Residency(hub.find)).routes
    documented = set(re.findall(r"^\| `[A-Z]+ (/[^`]*)`", read("docs/http.md"), re.M))
    assert {route.path.replace(":path", "") for route in routes} == documented


def test_every_architecture_is_documented():
    table = re.search(
        r"^## Supported architectures\n(.*?)\n\n", read("docs/models.md"), re.M | re.S
    )
    assert table
    first_cells = re.findall(r"^\| ([^|]*) \|", table.group(1), re.M)
    documented = {name for cell in first_cells for name in re.findall(r"`(\w[\w-]*)`", cell)}
    # The last two are named by what lies in their folders.
    assert documented == {*MODULES, "model_type", "model2vec", "StaticEmbedding"}


def test_every_error_is_documented():
    classes = {name for name, thing in vars(errors).items() if isinstance(thing, type)}
    assert classes == set(re.findall(r"^\| `(\w+)`", read("docs/errors.md"), re.M))


def test_every_dependency_is_explained():
    pyproject, page = read("pyproject.toml"), read("docs/dependencies.md")
    listed = re.search(r"^dependencies = \[(.*?)^\]", pyproject, re.M | re.S)
    assert listed
    names = re.findall(r'"([a-z0-9-]+)', listed.group(1))
    assert len(names) > 10
    assert [name for name in names if name not in page] == []


def test_public_names_are_in_the_readme():
    names = set(simile.__all__) - {"__version__"}
    assert [name for name in names if name not in read("README.md")] == []


def test_links_between_pages_lead_somewhere():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_promise_names_tests_that_exist():
    text, file = read("docs/security.md"), ""
    named = re.findall(r"`((?:tests|…)[^`\s]*)`", text)
    assert len(named) > 40
    for name in named:
        path, *parts = name.split("::")
        if not parts and path == "…":
            continue
        if path.startswith("tests/"):
            file = path
        elif path != "…":
            file = next(str(found) for found in (ROOT / "tests").rglob(path.rpartition("/")[2]))
        source = (ROOT / file).read_text("utf-8")
        assert all(re.search(rf"(def|class) {part}\b", source) for part in parts), name
