"""Embed one text at once, in its caller's thread, without a queue.

Knows a tokenizer and a runner that is free; does not know where they come from.
"""

import logging
from time import perf_counter

import numpy as np

from simile.engine.batching import pad
from simile.engine.runner import BatchRunner, Text, Tokenize
from simile.engine.stats import EngineStats
from simile.errors import EngineError, InputError, TextTooLongError
from simile.types import EmbedResult

TOO_LONG = "the input length exceeds the context length"

log = logging.getLogger(__name__)


def embed_alone(
    text: Text,
    tokenize: Tokenize[Text],
    runner: BatchRunner,
    stats: EngineStats,
    *,
    window: int,
    truncate: bool,
) -> EmbedResult:
    """Embed one text. Raises TextTooLongError (only if not truncate) and EngineError."""
    start_s = perf_counter()
    try:
        (tokenized,) = tokenize([text], [window])
        if tokenized.truncated and not truncate:
            raise TextTooLongError(TOO_LONG)
        inputs = pad([tokenized])
        run_s = perf_counter()
        vectors = runner.run(*inputs)
    except (InputError, EngineError):
        raise
    except Exception as exc:
        raise as_engine_error(exc) from exc
    seconds, tokens = perf_counter() - run_s, len(tokenized.ids)
    stats.tokenize_s.add(run_s - start_s)
    stats.queue_s.add(0.0)
    stats.add_batch(texts=1, tokens=tokens, size=inputs[0].size, seconds=seconds)
    counts, truncated = np.array([tokens], np.int32), np.array([tokenized.truncated])
    return EmbedResult(vectors, counts, truncated, queue_s=0.0, inference_s=seconds)


def as_engine_error(exc: Exception) -> EngineError:
    """Return an error that callers may see; log an unexpected one."""
    if isinstance(exc, EngineError):
        return exc
    log.exception("a batch failed", exc_info=exc)
    return EngineError(f"embedding failed: {exc}")
