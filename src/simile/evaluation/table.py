"""Format an evaluation as text: a table of the arms, then the significance of differences."""

from collections.abc import Sequence

from simile.evaluation.run import Evaluation

COMPARED = "ndcg@10"
"""The metric whose differences are shown by default."""
_NOISE = "  noise: may be chance"


def to_text(evaluation: Evaluation, *, metric: str = COMPARED) -> str:
    """Format for a terminal; `*` marks the best arm of each metric."""
    means = evaluation.means()
    names = list(next(iter(means.values())))
    best = {name: max(of[name] for of in means.values()) for name in names}
    rows = [["", *(f"{name} " for name in names)]]
    for arm, of in means.items():
        cells = (f"{of[name]:.4f}{'*' if of[name] == best[name] > 0 else ' '}" for name in names)
        rows.append([arm, *cells])
    told = [
        f"{evaluation.queries:,} judged queries; * the best arm",
        *map(str.rstrip, _aligned(rows)),
    ]
    compared = evaluation.significance()
    if compared:
        lines = _aligned(
            [
                [pair, f"{of[metric].difference:+.4f}", f"p {of[metric].p:.4f}"]
                for pair, of in compared.items()
            ]
        )
        verdicts = [_NOISE if of[metric].noise else "" for of in compared.values()]
        told += ["", f"{metric}, paired randomization test:"]
        told += [f"{line}{said}" for line, said in zip(lines, verdicts, strict=True)]
    return "\n".join(told)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the first column left, the numbers right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = []
    for name, *cells in rows:
        padded = (cell.rjust(width) for cell, width in zip(cells, others, strict=True))
        lines.append("  ".join([name.ljust(first), *padded]))
    return lines
