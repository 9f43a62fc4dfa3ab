"""Plot the results of benchmarks/against.py: tokens/s of each engine, by texts and cores."""

from pathlib import Path
from typing import Any

OURS, PEERS = ("#0b6e4f", "#7bc8a4"), ("#4a4a4a", "#b5b5b5")
"""Colors for all cores, and for fewer."""


def draw(found: dict[str, Any], path: Path) -> None:
    """Write a PNG or SVG, depending on the suffix; requires matplotlib."""
    from matplotlib.figure import Figure

    rows = [row for row in found["measurements"] if "tokens_per_s" in row]
    rows = [row for row in rows if "again" not in row["engine"]]
    engines = list(dict.fromkeys(row["engine"] for row in rows))
    texts = list(dict.fromkeys(row["text"] for row in rows))
    cores = sorted({row["cores"] for row in rows}, reverse=True)
    rates = {(row["engine"], row["text"], row["cores"]): row["tokens_per_s"] for row in rows}
    figure = Figure(figsize=(4.2 * len(texts) + 2.5, 0.42 * len(engines) + 1.6))
    figure.set_layout_engine("constrained")
    panels = figure.subplots(1, len(texts), sharey=True, squeeze=False)[0]
    for panel, text in zip(panels, texts, strict=True):
        for place, count in enumerate(cores):
            lines = [at + (place - (len(cores) - 1) / 2) * 0.4 for at in range(len(engines))]
            widths = [rates.get((engine, text, count), 0) for engine in engines]
            colors = [_color(engine, place) for engine in engines]
            bars = panel.barh(lines, widths, 0.8 / len(cores), color=colors)
            labels = [f"{width:,.0f}" if width else "" for width in widths]
            panel.bar_label(bars, labels, padding=2, fontsize=7)
        panel.set_title(f"{text} texts", fontsize=10)
        panel.set_xlabel("tokens/s", fontsize=8)
        panel.set_yticks(range(len(engines)), engines, fontsize=8)
        panel.margins(x=0.15)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    shades = ", ".join(
        f"{'dark' if not place else 'light'}: {count} cores" for place, count in enumerate(cores)
    ).replace(" 1 cores", " 1 core")
    figure.suptitle(f"{found['machine']['CPU']}; {shades}", fontsize=9)
    figure.savefig(path, dpi=130)


def _color(engine: str, place: int) -> str:
    return (OURS if engine.startswith("simile") else PEERS)[min(place, 1)]
