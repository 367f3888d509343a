"""Metrics for operators, in the text format of Prometheus; without patient data and prompts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from lsms_core.service.desk import Desk
    from lsms_core.service.engine_pool import EnginePool

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


class ServiceMetrics:
    """The server's counters.

    Args:
        pool: the engines.
        desk: what is kept.
    """

    def __init__(self, pool: EnginePool, desk: Desk) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_State(pool, desk))
        self._requests = Counter(
            "lsms_requests", "Requests by kind and outcome.", ("kind", "outcome"),
            registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "lsms_request_seconds", "From a request's first byte to its answer's last.", ("kind",),
            registry=self._registry, buckets=_BUCKETS,
        )  # fmt: skip
        self._received = Counter(
            "lsms_received_bytes", "Bytes of requests.", registry=self._registry
        )

    def count(self, kind: str, outcome: str, seconds: float, received: int) -> None:
        """Note a request's end."""
        self._requests.labels(kind, outcome).inc()
        self._seconds.labels(kind).observe(seconds)
        self._received.inc(received)

    def text(self) -> bytes:
        """Return all of it."""
        return generate_latest(self._registry)


class _State(Collector):
    """Reads what engines and memory are like now."""

    def __init__(self, pool: EnginePool, desk: Desk) -> None:
        self._pool, self._desk = pool, desk

    def collect(self) -> Iterator[Metric]:
        pool, desk = self._pool, self._desk
        gauges = (
            ("lsms_engines", "Engine processes.", len(pool.engines)),
            ("lsms_engines_busy", "Engine processes at work.", pool.busy),
            ("lsms_waiting", "Requests that wait for an engine.", len(pool.waiting)),
            ("lsms_images", "Images in memory.", len(desk.images)),
            ("lsms_images_bytes", "Bytes of the images in memory.", desk.images.bytes),
            ("lsms_searches", "Searches in memory.", len(desk.candidates)),
            ("lsms_searches_bytes", "Bytes of the searches in memory.", desk.candidates.bytes),
        )
        for name, meaning, value in gauges:
            yield GaugeMetricFamily(name, meaning, value=value)
        counters = (
            ("lsms_engine_deaths", "Engine processes that ended unasked.", pool.deaths),
            ("lsms_image_hits", "Requests whose image was there already.", desk.hits),
            ("lsms_image_misses", "Requests whose image had to be sent.", desk.misses),
        )
        for name, meaning, value in counters:
            yield CounterMetricFamily(name, meaning, value=value)
