"""Turn the engine's result of a call into response headers and log fields.

Sizes and times, never a text. Does not know routes. The names of the first three headers are those
of text-embeddings-inference (read 2026-11).
"""

from simile.types import EmbedResult, RerankResult

Result = EmbedResult | RerankResult
Headers = tuple[tuple[bytes, bytes], ...]


def timing_headers(result: Result | None) -> Headers:
    """Return headers with the times of a call in ms and the number of computed tokens."""
    if result is None:
        return ()
    return (
        (b"x-queue-time", b"%.2f" % (result.queue_s * 1e3)),
        (b"x-inference-time", b"%.2f" % (result.inference_s * 1e3)),
        (b"x-compute-tokens", b"%d" % result.token_counts.sum()),
    )


def result_headers(result: Result | None) -> Headers:
    """Add how many texts were cut, in a header of our own, as no protocol has a field for it."""
    count = int(result.truncated.sum()) if result else 0
    cut = ((b"x-simile-truncated", b"%d" % count),) if count else ()
    return (*timing_headers(result), *cut)


def log_fields(model: str, result: Result | None) -> dict[str, object]:
    """Return the fields of a call's log line."""
    if result is None:
        return {"model": model, "texts": 0}
    return {
        "model": model,
        "texts": len(result.token_counts),
        "tokens": int(result.token_counts.sum()),
        "queue_ms": round(result.queue_s * 1e3, 2),
        "inference_ms": round(result.inference_s * 1e3, 2),
    }
