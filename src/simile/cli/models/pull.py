"""`simile pull`: bring a model to this machine."""

import sys

import click


@click.command("pull")
@click.argument("name")
@click.option("--refresh", is_flag=True, help="Fetch it again even if it is here.")
@click.option("--insecure", is_flag=True, help="Ask a registry over http, not https.")
def command(name: str, *, refresh: bool, insecure: bool) -> None:
    """Bring the model NAME (all-minilm, hf.co/ORG/REPO, HOST/USER/MODEL) to this machine."""
    from simile.cli.parts.hub import open_hub
    from simile.pull_progress import PullReport

    with PullReport() as report:
        model = open_hub().pull(name, progress=report, refresh=refresh, insecure=insecure)
    print(f"simile: {model.name} is here, {model.size_bytes / 1e6:.0f} MB", file=sys.stderr)
