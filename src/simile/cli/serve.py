"""`simile serve`: answer Ollama's and OpenAI's embedding requests over HTTP."""

import sys

import click

from simile.cli import options
from simile.config import DEFAULT_HOST, DEFAULT_KEEP_ALIVE_S, DEFAULT_MODEL, DEFAULT_PORT
from simile.types import Precision


@click.command("serve")
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="0 takes any free port.")
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    default=[DEFAULT_MODEL],
    show_default=True,
    help="A model to have ready; may be given several times.",
)
@click.option("--no-pull", is_flag=True, help="Do not fetch a model that is not here.")
@options.precision
@click.option("--insecure", is_flag=True, help="Allow an address that other machines can reach.")
def command(
    host: str,
    port: int,
    models: tuple[str, ...],
    *,
    no_pull: bool,
    precision: Precision,
    insecure: bool,
) -> None:
    """Serve embeddings on http://127.0.0.1:11434, as Ollama and OpenAI do; Ctrl-C stops."""
    from simile.cli.hub import open_hub
    from simile.engine.residency import Residency
    from simile.models.facts import read_facts
    from simile.models.progress import find_or_pull
    from simile.server.app import create_app
    from simile.server.run import listen, serve

    sock = listen(host, port, insecure=insecure)
    hub = open_hub()
    if not no_pull:
        for model in models:
            read_facts(
                find_or_pull(hub, model)
            )  # A damaged model is told now, not at its first use.
    residency = Residency(hub, precision=precision, keep_alive_s=DEFAULT_KEEP_ALIVE_S)
    try:
        serve(create_app(hub, residency), sock, ready=lambda url: _announce(url, models[0]))
    finally:
        residency.close()


def _announce(url: str, model: str) -> None:
    body = f'{{"model": "{model}", "input": "Why is the sky blue?"}}'
    print(f"simile: ready on {url}; try:", file=sys.stderr)
    print(f"  curl {url}/api/embed -d '{body}'", file=sys.stderr, flush=True)
