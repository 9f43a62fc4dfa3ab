"""`simile tune`: choose how an index fuses its arms, from judged queries."""

from pathlib import Path

import click

from simile.cli import options


@click.command("tune")
@click.argument("judged", type=click.Path(exists=True, path_type=Path))
@options.index
@options.principals
@click.option("--metric", default="ndcg@10", show_default=True, help="What is to be best.")
@click.option("--dry-run", is_flag=True, help="Say what would be chosen, and change nothing.")
@click.option("--plot", type=click.Path(path_type=Path), help="Write a picture (.png, .svg).")
def command(
    judged: Path,
    folder: Path | None,
    principals: tuple[str, ...],
    metric: str,
    plot: Path | None,
    *,
    dry_run: bool,
) -> None:
    """Try weights and numbers of candidates on JUDGED, and keep the best if it is no chance.

    Searches of this index use it from then on, unless they name their own.
    """
    from simile.cli.folder import open_index
    from simile.evaluation.datasets import read_judged

    with open_index(folder) as index:
        found = index.tune(
            read_judged(judged), metric=metric, principals=principals, dry_run=dry_run
        )
    print(found.to_text())
    if plot:
        from simile.evaluation.plot import plot_alpha

        plot_alpha(found, plot)
