"""Health check and metrics for operators: GET /health and GET /metrics.

Knows the traffic and the residency, not the callers.
"""

from dataclasses import replace

import orjson

from simile.engine.residency import Residency
from simile.server.http.dialects import OLLAMA
from simile.server.http.endpoint import Call, Response
from simile.server.http.traffic import Traffic
from simile.server.upkeep.metrics import render

METRICS = replace(OLLAMA, content_type=b"text/plain; version=0.0.4; charset=utf-8")


class Upkeep:
    """Routes for load balancers and Prometheus."""

    def __init__(self, residency: Residency, traffic: Traffic) -> None:
        self._residency = residency
        self._traffic = traffic

    async def health(self, call: Call) -> Response:
        """GET /health: 200 if a request would be served now, 503 and why if not."""
        status, why = self._status()
        body = {
            "status": status,
            "why": why,
            "queued": self._traffic.queued,
            "loading": self._residency.loading(),
        }
        return Response(orjson.dumps(body), status=200 if status == "ready" else 503)

    def _status(self) -> tuple[str, str]:
        if self._traffic.closing:
            return "closing", "the server was told to stop, and finishes what is in flight"
        if self._traffic.queued >= self._traffic.max_queue:
            return "busy", f"{self._traffic.queued} requests are waiting, as many as may"
        if self._residency.loading() and not self._residency.residents():
            return "loading", "the first model is being loaded"
        return "ready", ""

    async def metrics(self, call: Call) -> Response:
        """GET /metrics, in the text format of Prometheus."""
        return Response(render(self._traffic, self._residency))
