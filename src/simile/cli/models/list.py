"""`simile list`: list models, as a table on a terminal and as JSON lines otherwise."""

import sys

import click

from simile.cli.parts.printing import print_json


@click.command("list")
def command() -> None:
    """List the models on this machine, newest first."""
    from simile.cli.parts.hub import open_hub

    models = open_hub().models()
    if not sys.stdout.isatty():
        for model in models:
            fields = {"name": model.name, "digest": model.digest, "size_bytes": model.size_bytes}
            print_json({**fields, "modified_at": model.modified_at.isoformat()})
        return
    if not models:
        print("simile: no models yet; try: simile pull all-minilm", file=sys.stderr)
        return
    width = max(len(model.name) for model in models)
    print(f"{'NAME':{width}}  {'DIGEST':12}  {'SIZE':>8}  MODIFIED")
    for model in models:
        size = f"{model.size_bytes / 1e6:.0f} MB"
        changed = model.modified_at.astimezone().strftime("%Y-%m-%d %H:%M")
        print(f"{model.name:{width}}  {model.digest[:12]}  {size:>8}  {changed}")
