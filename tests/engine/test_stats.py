import numpy as np

from simile.engine.scheduler import Scheduler
from simile.engine.stats import EngineStats, Histogram
from simile.models.tokenizer import TokenizedText


class Zeros:
    def run(self, input_ids, token_mask, token_types=None):
        return np.zeros((len(input_ids), 2), np.float32)


def letters(texts, windows):
    return [TokenizedText(np.zeros(len(text), np.int32), False) for text in texts]


def test_a_histogram_counts_what_is_at_most_each_bound():
    histogram = Histogram((1, 2, 4))
    for value in (0.5, 1, 3, 4, 100):
        histogram.add(value)
    assert histogram.read() == ([2, 0, 2, 1], 108.5)


def test_batches_tokens_and_padding_are_counted():
    stats = EngineStats()
    scheduler = Scheduler(letters, [Zeros()], dim=2, stats=stats)
    result = scheduler.submit(["abcd", "abc"], window=10).result(timeout=30)
    scheduler.submit(["x"], window=10).result(timeout=30)
    scheduler.close()
    assert stats.batch_texts.read()[1] == 3
    assert stats.batch_tokens.read()[1] == 8
    assert stats.padded_tokens == 1
    for histogram in (stats.inference_s, stats.tokenize_s, stats.queue_s):
        assert sum(histogram.read()[0]) == 2
    assert result.queue_s > 0
    assert result.inference_s > 0


def test_each_batch_of_a_long_call_counts_once_in_its_time():
    stats = EngineStats()
    scheduler = Scheduler(letters, [Zeros()], dim=2, stats=stats)
    texts = ["a" * n for n in range(1, 400)]
    result = scheduler.submit(texts, window=1000).result(timeout=30)
    scheduler.close()
    counts, seconds = stats.inference_s.read()
    assert sum(counts) > 1
    assert abs(result.inference_s - seconds) < 1e-9
    assert sum(stats.queue_s.read()[0]) == 1
