"""Render a map of texts as one HTML file that needs no network, or as an image.

The page's policy allows only its own script and style, by their hashes (CSP Level 3). Texts are
embedded as JSON without `<`, `>` and `&`, and inserted as text. Does not read texts from files.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from simile.analysis.clustering import Clustering
from simile.analysis.projection import Projection
from simile.errors import InputError
from simile.extras import optional
from simile.output_file import writing
from simile.texts import shortened

SUFFIXES = (".html", ".png")
_SHOWN_CHARS = 300
_ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&"})
_STEPS = 65_535
_NAMES = 30


@dataclass(frozen=True)
class Map:
    """Texts with their positions and clusters."""

    title: str
    texts: Sequence[str]
    ids: Sequence[str]
    clustering: Clustering
    projection: Projection

    @property
    def summary(self) -> str:
        """The numbers of texts, clusters and outliers."""
        outliers = int((self.clustering.labels < 0).sum())
        return (
            f"{len(self.texts):,} texts, {len(self.clustering.clusters):,} clusters, "
            f"{outliers:,} outliers"
        )


def require_output(path: Path) -> None:
    """Raise InputError if the suffix is not `.html` or `.png`, or the folder does not exist."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path.name} is not a map; expected the suffix {' or '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written: the folder {path.parent} does not exist")


def write_map(path: Path, map: Map) -> None:
    """Write a page or an image, depending on the suffix.

    Raises InputError if the file cannot be written, MissingExtraError without matplotlib.
    """
    require_output(path)
    with writing(path) as aside:
        if path.suffix.lower() == ".png":
            _picture(map).savefig(aside, dpi=150, format="png")
        else:
            aside.write_text(map_page(map), encoding="utf-8")


def map_page(map: Map) -> str:
    """Return the HTML page."""
    style, script = _web("map.css"), _web("map.js")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )
    return Template(_web("map.html")).substitute(
        policy=policy, style=style, script=script, data=_as_json(_data(map))
    )


def _web(name: str) -> str:
    return files("simile.analysis").joinpath("web", name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(sha256(content.encode()).digest()).decode()}"


def _as_json(data: object) -> str:
    """Dump as plain ASCII, so no encoding and no `</script>` can be read into it."""
    return json.dumps(data, ensure_ascii=True, separators=(",", ":")).translate(_ESCAPES)


def _data(map: Map) -> dict[str, object]:
    labels, points = map.clustering.labels, map.projection.points
    places = np.round(points * _STEPS).clip(0, _STEPS).astype("<u2")
    return {
        "title": map.title,
        "summary": map.summary,
        "method": f"Placed by {map.projection.method}. Clusters: {map.clustering.method}.",
        "texts": [_short(text) for text in map.texts],
        "ids": list(map.ids),
        "points": base64.b64encode(places.tobytes()).decode(),
        "labels": base64.b64encode(labels.astype("<i2").tobytes()).decode(),
        "outliers": int((labels < 0).sum()),
        "clusters": [
            {"label": one.label, "size": one.size, "words": one.words, "x": x, "y": y}
            for one, (x, y) in zip(map.clustering.clusters, _middles(map), strict=True)
        ],
    }


def _short(text: str) -> str:
    text = text.strip()
    return shortened(text, _SHOWN_CHARS)


def _middles(map: Map) -> list[list[float]]:
    labels = map.clustering.labels
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], np.arange(len(map.clustering.clusters) + 1))
    return [
        np.median(map.projection.points[order[begin:end]], axis=0).round(4).tolist()
        for begin, end in pairwise(ends)
    ]


def _picture(map: Map) -> Any:
    figure = optional("matplotlib.figure", extra="plot").Figure(
        figsize=(11, 8.5), layout="constrained"
    )
    effects = optional("matplotlib.patheffects", extra="plot")
    axes = figure.add_subplot()
    points, labels = map.projection.points, map.clustering.labels
    tints = optional("matplotlib", extra="plot").colormaps["tab20"](np.maximum(labels, 0) % 20)
    tints[labels < 0] = (0.7, 0.7, 0.7, 1)
    size = float(np.clip(20_000 / max(1, len(points)), 1, 30))
    axes.scatter(points[:, 0], points[:, 1], s=size, c=tints, linewidths=0, alpha=0.8)
    outline = [effects.withStroke(linewidth=3, foreground="white")]
    for one, (x, y) in list(zip(map.clustering.clusters, _middles(map), strict=True))[:_NAMES]:
        name = _drawable(", ".join(one.words[:2]))
        axes.text(x, y, name, ha="center", fontsize=7, path_effects=outline)
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_title(_drawable(f"{map.title}: {map.summary}\n{map.projection.method}"), fontsize=9)
    return figure


def _drawable(text: str) -> str:
    """Escape what matplotlib would read as math."""
    return text.replace("$", r"\$")
