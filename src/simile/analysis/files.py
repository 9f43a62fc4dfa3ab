"""Save and load classifiers and near-duplicates: NumPy arrays and one JSON text in a zip (.npz).

The files contain no code: they are read without pickle and validated before use.
"""

import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.analysis.classify import Classifier, Fitted
from simile.analysis.dedupe import NearDuplicates
from simile.analysis.pairs import Pairs
from simile.analysis.scorers import Linear, Neighbors, Scorer
from simile.analysis.validation import RefusalLimits
from simile.errors import InputError
from simile.output_file import writing

_CLASSIFIER, _DUPLICATES = "simile classifier 1", "simile near-duplicates 1"
Arrays = Mapping[str, NDArray[Any]]
_UNREADABLE = (
    *(ValueError, KeyError, TypeError, AttributeError, EOFError, RecursionError, MemoryError),
    *(NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error),
)
"""Raised for a zip that is truncated, of another kind, encrypted, or larger than memory."""


def save_classifier(path: Path, classifier: Classifier) -> None:
    """Write a classifier. Raises InputError if the file cannot be written."""
    scorer = classifier.scorer
    arrays: dict[str, NDArray[Any]]
    if isinstance(scorer, Linear):
        arrays = {"weights": scorer.weights, "bias": scorer.bias}
    else:
        arrays = {"examples": scorer.examples, "numbers": scorer.labels}
    notes = {
        "labels": classifier.labels,
        "temperature": classifier.temperature,
        "limits": asdict(classifier.limits),
        "fitted": asdict(classifier.fitted),
        "fingerprint": classifier.fingerprint,
        "model": classifier.model,
        "k": None if isinstance(scorer, Linear) else scorer.k,
    }
    _write(path, _CLASSIFIER, notes, {**arrays, "centers": classifier.centers})


def load_classifier(path: Path) -> Classifier:
    """Read a classifier. Raises InputError for unreadable or damaged files."""
    notes, arrays = _read(path, _CLASSIFIER)
    try:
        labels = tuple(map(str, notes["labels"]))
        temperature, bounds = float(notes["temperature"]), RefusalLimits(**notes["limits"])
        numbers = (temperature, bounds.confidence, bounds.cosine)
        if len(set(labels)) < 2 or temperature <= 0 or not all(map(math.isfinite, numbers)):
            raise _damaged(path, "labels, temperature or limits")
        if "centres" in arrays:  # Files written before December 2026.
            arrays["centers"] = arrays.pop("centres")
        count, dim = len(labels), arrays["centers"].shape[1]
        _require(path, arrays["centers"], (count, dim), "f")
        return Classifier(
            labels,
            _scorer(path, notes, arrays, count, dim),
            arrays["centers"],
            temperature,
            bounds,
            Fitted(**notes["fitted"]),
            str(notes["fingerprint"]),
            str(notes["model"]),
        )
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as exc:
        raise _damaged(path, str(exc)) from exc


def _scorer(path: Path, notes: Mapping[str, Any], arrays: Arrays, count: int, dim: int) -> Scorer:
    if "weights" in arrays:
        _require(path, arrays["weights"], (count, dim), "f")
        _require(path, arrays["bias"], (count,), "f")
        return Linear(arrays["weights"], arrays["bias"])
    rows = len(arrays["examples"])
    _require(path, arrays["examples"], (rows, dim), "f")
    _require(path, arrays["numbers"], (rows,), "i", below=count)
    if not rows or int(notes["k"]) < 1:
        raise _damaged(path, f"{notes['k']} neighbors of {rows} examples")
    return Neighbors(arrays["examples"], arrays["numbers"], count, int(notes["k"]))


def save_duplicates(path: Path, found: NearDuplicates) -> None:
    """Write near-duplicates, for use at other thresholds. Raises InputError if writing fails."""
    notes = {"count": found.count, "floor": found.floor, "ids": found.ids}
    arrays = {"rank": found.rank, "rows": found.rows, "vectors": found.vectors}
    arrays |= _arrays("forest", found.forest)
    if found.sample is not None:
        arrays |= _arrays("sample", found.sample)
    _write(path, _DUPLICATES, notes, arrays)


def load_duplicates(path: Path) -> NearDuplicates:
    """Read near-duplicates. Raises InputError for unreadable or damaged files."""
    notes, arrays = _read(path, _DUPLICATES)
    try:
        count, ids = int(notes["count"]), tuple(notes["ids"])
        rows, vectors = arrays["rows"], arrays["vectors"]
        _require(path, arrays["rank"], (count,), "i", below=count)
        _require(path, rows, (len(rows),), "i", below=count)
        _require(path, vectors, (len(rows), vectors.shape[1]), "f")
        if ids and len(ids) != count:
            raise _damaged(path, f"{len(ids)} ids for {count} texts")
        sample = _pairs(path, "sample", arrays, count) if "sample_first" in arrays else None
        forest = _pairs(path, "forest", arrays, count)
        if not np.array_equal(rows, np.unique(np.concatenate([forest.first, forest.second]))):
            raise _damaged(path, "its rows and pairs disagree")
        return NearDuplicates(
            count, float(notes["floor"]), arrays["rank"], forest, rows, vectors, sample, ids
        )
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as exc:
        raise _damaged(path, str(exc)) from exc


def _arrays(name: str, pairs: Pairs) -> dict[str, NDArray[Any]]:
    return {
        f"{name}_first": pairs.first,
        f"{name}_second": pairs.second,
        f"{name}_cosine": pairs.cosine,
    }


def _pairs(path: Path, name: str, arrays: Arrays, count: int) -> Pairs:
    first, second = arrays[f"{name}_first"], arrays[f"{name}_second"]
    _require(path, first, (len(first),), "i", below=count)
    _require(path, second, (len(first),), "i", below=count)
    cosine = arrays[f"{name}_cosine"]
    if cosine.shape != first.shape or cosine.dtype != np.float64 or np.isnan(cosine).any():
        raise _damaged(path, f"cosines of its {name}")
    return Pairs(first, second, cosine)


def _write(path: Path, kind: str, notes: Mapping[str, Any], arrays: Arrays) -> None:
    text = json.dumps({"kind": kind, **notes}).encode()
    with writing(path) as aside, aside.open("wb") as file:
        np.savez(file, allow_pickle=False, notes=np.frombuffer(text, np.uint8), **arrays)


def _read(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        notes = json.loads(arrays.pop("notes").tobytes())
        found = notes["kind"]
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror or exc}") from exc
    except _UNREADABLE as exc:
        raise InputError(f"{path} is damaged or was not written by simile") from exc
    if found != kind:
        raise InputError(f"{path} contains {str(found)!r:.60}; expected {kind!r}")
    return notes, arrays


def _require(
    path: Path,
    array: NDArray[Any],
    shape: tuple[int, ...],
    kind: str,
    *,
    below: int | None = None,
) -> None:
    sound = array.shape == shape and array.dtype.kind == kind
    if sound and below is not None and array.size:
        sound = int(array.min()) >= 0 and int(array.max()) < below
    if not sound or (kind == "f" and not np.isfinite(array).all()):
        raise _damaged(path, f"an array of {array.dtype} and shape {array.shape}")


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path} is damaged ({what}); create it again")
