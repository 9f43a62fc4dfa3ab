"""Turn what the engine tells of a call into answer headers, and into what a log says of it.

Sizes and times, never a text. Knows the engine's results; does not know routes. The names of the
first three headers are those of text-embeddings-inference (read 2026-11).
"""

from simile.types import EmbedResult, RerankResult

Result = EmbedResult | RerankResult
Headers = tuple[tuple[bytes, bytes], ...]


def timing(result: Result | None) -> Headers:
    """Say in ms where the time went, and how many tokens were computed."""
    if result is None:
        return ()
    return (
        (b"x-queue-time", b"%.2f" % (result.queue_s * 1e3)),
        (b"x-inference-time", b"%.2f" % (result.inference_s * 1e3)),
        (b"x-compute-tokens", b"%d" % result.token_counts.sum()),
    )


def told(result: Result | None) -> Headers:
    """Say how many texts were cut, too; no protocol does, so in a header that clients pass over."""
    count = int(result.truncated.sum()) if result else 0
    cut = ((b"x-simile-truncated", b"%d" % count),) if count else ()
    return (*timing(result), *cut)


def noted(model: str, result: Result | None) -> dict[str, object]:
    """What a log says of it."""
    if result is None:
        return {"model": model, "texts": 0}
    return {
        "model": model,
        "texts": len(result.token_counts),
        "tokens": int(result.token_counts.sum()),
        "queue_ms": round(result.queue_s * 1e3, 2),
        "inference_ms": round(result.inference_s * 1e3, 2),
    }
