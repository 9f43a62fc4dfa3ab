"""`simile show`: describe a model, as lines on a terminal and as a JSON object otherwise."""

import sys
from dataclasses import asdict

import click

from simile.cli.parts.printing import print_json, shown


@click.command("show")
@click.argument("name")
def command(name: str) -> None:
    """Describe the model NAME.

    Shows its width, window, pooling, prompts, source and license.
    """
    from simile.cli.parts.hub import open_hub
    from simile.models.open import read_facts

    model = open_hub().find(name)
    facts = asdict(read_facts(model))
    sizes = facts.pop("sizes")
    sizes["layer_norm_eps"] = sizes.pop("norm_eps")
    fields = {
        "name": model.name,
        **facts,
        **sizes,
        "size_bytes": model.size_bytes,
        "digest": model.digest,
        "license": model.license,
        "source": model.source,
        "path": str(model.path),
    }
    if not sys.stdout.isatty():
        print_json(fields)
        return
    for key, value in fields.items():
        print(f"{key:18} {shown(value)}")
