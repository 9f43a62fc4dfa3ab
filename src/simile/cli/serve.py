"""`simile serve`: an embeddings server that speaks Ollama's and OpenAI's protocols."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simile.cli.parts import options
from simile.config import (
    DEFAULT_HOST,
    DEFAULT_MODEL,
    DEFAULT_PORT,
    read_server_settings,
    read_settings,
)
from simile.errors import ConfigError
from simile.types import Precision

if TYPE_CHECKING:
    from simile.server.http.keys import Keys


@click.command("serve")
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port; 0 picks any free one.")
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    default=[DEFAULT_MODEL],
    show_default=True,
    help="Model to have ready; may be given several times.",
)
@click.option("--no-pull", is_flag=True, help="Never download models, not even for clients.")
@options.precision
@click.option(
    "--api-keys",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Accept only requests with one of these API keys (TOML, see docs/security.md).",
)
@click.option("--insecure", is_flag=True, help="Let other machines connect without a key.")
def command(
    host: str,
    port: int,
    models: tuple[str, ...],
    *,
    no_pull: bool,
    precision: Precision,
    api_keys: Path | None,
    insecure: bool,
) -> None:
    """Serve embeddings over HTTP, as Ollama and OpenAI do.

    Listens on http://127.0.0.1:11434 by default. Ctrl-C stops the server.
    """
    from simile.cli.parts.hub import open_hub
    from simile.engine.residency import Residency
    from simile.models.open import read_facts
    from simile.pull_progress import find_or_pull
    from simile.server.app import create_app
    from simile.server.gojson.durations import keep_alive_setting_s
    from simile.server.http.access import Access
    from simile.server.http.logs import log_json, log_text
    from simile.server.http.origins import Origins
    from simile.server.http.run import is_private, listen, serve
    from simile.server.http.traffic import Traffic

    settings = read_server_settings()
    keep_alive_s = keep_alive_setting_s(settings.keep_alive)
    log_json() if settings.json_log else log_text()
    keys = _open_keys(api_keys) if api_keys else None
    origins = Origins(read_settings().origins)
    has_keys = keys is not None
    sock = listen(host, port, insecure=insecure, has_keys=has_keys)
    hub = open_hub()
    if not no_pull:
        for model in models:
            # Report a damaged model at start-up, not at first use.
            read_facts(find_or_pull(hub, model))
    residency = Residency(
        hub.find,
        precision=precision,
        keep_alive_s=keep_alive_s,
        max_models=settings.max_loaded_models,
        max_bytes=settings.max_memory_bytes,
    )
    traffic = Traffic(max_queue=settings.max_queue)
    try:
        app = create_app(
            hub, residency, traffic, allow_pull=not no_pull, has_keys=has_keys, models=models
        )
        door = Access(app, keys=keys, origins=origins, check_host=is_private(sock))
        serve(
            app.around(door),
            sock,
            ready=lambda url: _announce(url, models[0], has_keys=has_keys),
            stopping=traffic.close,
        )
    finally:
        residency.close()


def _open_keys(path: Path) -> "Keys":
    from simile.server.http.keys import Keys, seen_by_others
    from simile.server.http.run import on_hangup

    keys = Keys(path)
    if seen_by_others(path):
        _say(f"{path} is readable by other users; run chmod 600 {shlex.quote(str(path))}")
    if not sys.stderr.isatty():  # On a terminal, SIGHUP means that it was closed.
        on_hangup(lambda: _reload(keys))
    return keys


def _reload(keys: "Keys") -> None:
    try:
        keys.reload()
        _say("API keys reloaded")
    except ConfigError as exc:
        _say(f"{exc}; keeping the previous keys")


def _say(text: str) -> None:
    print(f"simile: {text}", file=sys.stderr, flush=True)


def _announce(url: str, model: str, *, has_keys: bool) -> None:
    body = f'{{"model": "{model}", "input": "Why is the sky blue?"}}'
    key = " -H 'Authorization: Bearer KEY'" if has_keys else ""
    _say(f"ready on {url}; try:")
    print(f"  curl {url}/api/embed -d '{body}'{key}", file=sys.stderr, flush=True)
