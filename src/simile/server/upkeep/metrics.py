"""Turn counts into the text that Prometheus reads.

Pure but for reading the process's memory. Written by hand: counts are kept as plain numbers on the
hot path, and the format is a page long (Prometheus, text-based exposition format 0.0.4, read
2026-11). Names follow its naming rules: base units, `_total` for what only grows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from simile.engine.residency import Residency
from simile.engine.stats import Histogram
from simile.server.http.traffic import Traffic


def render(traffic: Traffic, residency: Residency) -> bytes:
    """Write everything that is counted."""
    lines = [*_requests(traffic), *_engine(residency), *_process()]
    return ("\n".join(lines) + "\n").encode()


def _requests(traffic: Traffic) -> Iterator[str]:
    yield from _family(
        "simile_requests_total",
        "counter",
        "Requests answered; status 0: the client had gone.",
        (
            ({"method": method, "route": route, "status": status}, count)
            for (method, route, status), count in traffic.answers.items()
        ),
    )
    yield from _family(
        "simile_errors_total",
        "counter",
        "Requests answered with an error, by kind.",
        (({"kind": kind}, count) for kind, count in traffic.errors.items()),
    )
    yield from _histogram("simile_request_seconds", "From head to answer.", traffic.seconds)
    yield from _gauge("simile_queue_requests", "Requests waiting for vectors.", traffic.queued)
    yield from _gauge("simile_queue_max_requests", "As many may.", traffic.max_queue)
    yield from _gauge(
        "simile_held_bytes", "Bodies and vectors of requests in flight.", traffic.held_bytes
    )


def _engine(residency: Residency) -> Iterator[str]:
    stats = residency.stats
    for name, meaning, histogram in (
        ("simile_queue_seconds", "From asking the engine to the first batch.", stats.queue_s),
        ("simile_tokenize_seconds", "Tokenizing, per slice of texts.", stats.tokenize_s),
        ("simile_inference_seconds", "Computing, per batch.", stats.inference_s),
        ("simile_batch_texts", "Texts per batch.", stats.batch_texts),
        ("simile_batch_tokens", "Tokens per batch, without padding.", stats.batch_tokens),
    ):
        yield from _histogram(name, meaning, histogram)
    meaning = "Padding tokens: computed only to make batches rectangular."
    yield from _single("simile_padding_tokens_total", "counter", meaning, stats.padded_tokens)
    loaded = residency.residents()
    yield from _gauge("simile_models_loaded", "Models in memory.", len(loaded))
    sizes: Counter[str] = Counter()  # A model that is leaving may be there once more.
    for one in loaded:
        sizes[one.model.name] += one.size_bytes
    yield from _gauge("simile_models_loading", "Models being loaded.", residency.loading())
    yield from _family(
        "simile_model_bytes",
        "gauge",
        "Size of a loaded model's files.",
        (({"model": name}, size) for name, size in sizes.items()),
    )


def _process() -> Iterator[str]:
    if size := _resident_bytes():
        yield from _gauge("process_resident_memory_bytes", "Memory of the process.", size)


def _resident_bytes() -> int:
    """Read Linux's /proc; 0 on other systems."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        return 0


def _gauge(name: str, meaning: str, value: float) -> Iterator[str]:
    return _single(name, "gauge", meaning, value)


def _single(name: str, kind: str, meaning: str, value: float) -> Iterator[str]:
    return _family(name, kind, meaning, [({}, value)])


def _family(
    name: str, kind: str, meaning: str, samples: Iterable[tuple[Mapping[str, object], float]]
) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield f"{name}{_labels(labels)} {value}"


def _histogram(name: str, meaning: str, histogram: Histogram) -> Iterator[str]:
    counts, total = histogram.read()
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} histogram"
    so_far = 0
    for bound, count in zip((*histogram.bounds, "+Inf"), counts, strict=True):
        so_far += count
        yield f'{name}_bucket{{le="{bound}"}} {so_far}'
    yield f"{name}_sum {total}"
    yield f"{name}_count {so_far}"


def _labels(labels: Mapping[str, object]) -> str:
    pairs = ",".join(f'{name}="{_escaped(str(value))}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
