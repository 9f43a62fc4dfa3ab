"""`simile rm`: delete pulled models."""

import click


@click.command("rm")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def command(names: tuple[str, ...]) -> None:
    """Delete models from this machine."""
    from simile.cli.parts.hub import open_hub

    hub = open_hub()
    for name in names:
        hub.remove(name)
