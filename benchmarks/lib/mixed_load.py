"""Load a server like 64 programs and a bulk job, from a process separate from the probe's.

Builds requests of mixed sizes, keeps every connection busy for a time, and counts. Only the status
and the end of most responses are parsed, to leave the cores to the server; one in CHECK_EVERY is
parsed as JSON. Does not judge the results.
"""

import multiprocessing
import selectors
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from multiprocessing.connection import Connection
from time import perf_counter

import orjson
from benchmarks.lib.corpus import Corpus
from benchmarks.lib.http_clients import Client, embed_request

SIZES = (1, 1, 2, 4, 8, 16, 32, 64)
"""Texts per request, by client; the first of each round sends single short queries."""
CLIENTS = 64
BULK_TEXTS = 20_000
BULK_REQUEST_TEXTS = 1_000
CHECK_EVERY = 100
MAX_ERRORS = 50


@dataclass
class Crowd:
    """The results of a crowd of clients after its warm-up."""

    seconds: float = 0.0
    texts: int = 0
    bulk_texts: int = 0
    """The bulk job's share of `texts`."""
    requests: int = 0
    checked: int = 0
    short_s: list[float] = field(default_factory=list)
    """Latency of each single short query."""
    errors: list[str] = field(default_factory=list)


@dataclass
class _Asker:
    """One client with its endless requests."""

    requests: Iterator[bytes]
    size: int
    client: Client
    is_short: bool = False
    sent_s: float = 0.0

    def ask(self) -> None:
        self.sent_s = perf_counter()
        self.client.send(next(self.requests))


def bulk_texts(corpus: Corpus, count: int = BULK_TEXTS) -> Iterator[str]:
    """Yield `count` distinct texts of the corpus's lengths."""
    rounds = ((f"{number} {text}") for number in range(count) for text in corpus.texts)
    return islice(rounds, count)


def bulk_requests(url: str, model: str, corpus: Corpus) -> list[bytes]:
    """Build the requests of one bulk job."""
    texts = bulk_texts(corpus)
    parts = iter(lambda: list(islice(texts, BULK_REQUEST_TEXTS)), [])
    return [embed_request(url, model, part) for part in parts]


@contextmanager
def running(
    url: str, model: str, corpus: Corpus, *, warm_up_s: float, seconds: float
) -> Iterator[Connection]:
    """Run the crowd in its own process; yield the pipe that delivers "warm" and then a Crowd."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    arguments = (there, url, model, corpus, warm_up_s, seconds)
    process = context.Process(target=_run, args=arguments, daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        process.terminate()
        process.join()


def _run(
    told: Connection, url: str, model: str, corpus: Corpus, warm_up_s: float, seconds: float
) -> None:
    selector = selectors.DefaultSelector()
    for asker in _askers(url, model, corpus):
        selector.register(asker.client.socket, selectors.EVENT_READ, asker)
        asker.ask()
    _answer(url, selector, perf_counter() + warm_up_s)
    told.send("warm")
    told.send(_answer(url, selector, perf_counter() + seconds))


def _askers(url: str, model: str, corpus: Corpus) -> Iterator[_Asker]:
    short = [embed_request(url, model, [text]) for text in corpus.short]
    for number in range(CLIENTS):
        kind = number % len(SIZES)
        requests = short[number:] if kind == 0 else _mixed(url, model, corpus, number, SIZES[kind])
        yield _Asker(cycle(requests), SIZES[kind], Client(url), is_short=kind == 0)
    bulk = cycle(bulk_requests(url, model, corpus))
    yield _Asker(bulk, BULK_REQUEST_TEXTS, Client(url))


def _mixed(url: str, model: str, corpus: Corpus, number: int, size: int) -> Sequence[bytes]:
    """Build ten requests of `size` texts of all lengths, different for each client."""
    supply = islice(cycle(corpus.varied), 37 * number, None)
    return [embed_request(url, model, list(islice(supply, size))) for _ in range(10)]


def _answer(url: str, selector: selectors.BaseSelector, until_s: float) -> Crowd:
    crowd, start_s = Crowd(), perf_counter()
    while perf_counter() < until_s and len(crowd.errors) < MAX_ERRORS:
        for key, _ in selector.select(timeout=1):
            asker: _Asker = key.data
            try:
                if asker.client.receive():
                    _count(crowd, asker)
                    asker.ask()
            except OSError as exc:
                crowd.errors.append(str(exc))
                selector.unregister(asker.client.socket)
                asker.client.close()
                asker.client = Client(url)
                selector.register(asker.client.socket, selectors.EVENT_READ, asker)
                asker.ask()
    crowd.seconds = perf_counter() - start_s
    return crowd


def _count(crowd: Crowd, asker: _Asker) -> None:
    crowd.requests += 1
    crowd.texts += asker.size
    if asker.is_short:
        crowd.short_s.append(perf_counter() - asker.sent_s)
    if asker.size == BULK_REQUEST_TEXTS:
        crowd.bulk_texts += asker.size
    elif crowd.requests % CHECK_EVERY == 0:
        crowd.checked += 1
        found = len(orjson.loads(asker.client.body())["embeddings"])
        if found != asker.size:
            crowd.errors.append(f"{found} vectors for {asker.size} texts")
