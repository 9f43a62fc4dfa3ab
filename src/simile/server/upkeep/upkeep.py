"""Answer those who look after the server: is it ready, and what has it done?

GET /health and GET /metrics. Knows the traffic and the residency; does not know who asks.
"""

import orjson

from simile.engine.residency import Residency
from simile.server.errors import ollama_body
from simile.server.http.endpoint import Answer, Call, Protocol
from simile.server.http.traffic import Traffic
from simile.server.upkeep.metrics import render

METRICS = Protocol(b"text/plain; version=0.0.4; charset=utf-8", ollama_body)


class Upkeep:
    """What is asked by load balancers and by Prometheus."""

    def __init__(self, residency: Residency, traffic: Traffic) -> None:
        self._residency = residency
        self._traffic = traffic

    async def health(self, call: Call) -> Answer:
        """GET /health: 200 if a request would be served now, 503 and why if not."""
        status, why = self._status()
        body = {
            "status": status,
            "why": why,
            "queued": self._traffic.queued,
            "loading": self._residency.loading(),
        }
        return Answer(orjson.dumps(body), status=200 if status == "ready" else 503)

    def _status(self) -> tuple[str, str]:
        if self._traffic.closing:
            return "closing", "the server was told to stop, and finishes what is in flight"
        if self._traffic.queued >= self._traffic.max_queue:
            return "busy", f"{self._traffic.queued} requests are waiting, as many as may"
        if self._residency.loading() and not self._residency.resident():
            return "loading", "the first model is being loaded"
        return "ready", ""

    async def metrics(self, call: Call) -> Answer:
        """GET /metrics, in the text format of Prometheus."""
        return Answer(render(self._traffic, self._residency))
