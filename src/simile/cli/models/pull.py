"""`simile pull`: download a model."""

import sys

import click


@click.command("pull")
@click.argument("name")
@click.option("--refresh", is_flag=True, help="Download it again even if it is present.")
@click.option("--insecure", is_flag=True, help="Use http for the registry, not https.")
def command(name: str, *, refresh: bool, insecure: bool) -> None:
    """Pull a model to this machine.

    NAME is a known name (all-minilm), hf.co/ORG/REPO or HOST/USER/MODEL.
    """
    from simile.cli.parts.hub import open_hub
    from simile.pull_progress import PullReport

    with PullReport() as report:
        model = open_hub().pull(name, progress=report, refresh=refresh, insecure=insecure)
    print(f"simile: pulled {model.name}, {model.size_bytes / 1e6:.0f} MB", file=sys.stderr)
