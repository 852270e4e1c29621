"""The instrument's mean service beside librdkafka's own latency windows, at a low rate."""

import json
import time
from typing import Any

from loadgen import native
from loadgen.brokers import admin
from loadgen.brokers.target import Broker
from loadgen.producer.kafka import KafkaTransport
from loadgen.recorder.slab import Header, Metric, Phase, Slab, Slot, producer_at
from loadgen.report.merge import latency, tally, view

RATE_PER_S, SECONDS = 1000, 10
TOPIC = "loadgen-statistics"


def compared(bootstrap: str) -> dict[str, Any]:
    """Mean service of one run both ways, µs."""
    broker = Broker("external", bootstrap, None, "")
    if admin.describe_topic(broker, TOPIC, {}) is None:
        admin.create_topic(broker, TOPIC, {}, partitions=1)
    windows: list[dict[str, Any]] = []
    slab = Slab.create(1)
    slab.words[Header.T0_NS] = time.monotonic_ns()
    slab.words[producer_at(0) + Slot.FIRST_MEASURED] = 0
    client = native.load().Client(slab.words, 0, "python")
    transport = KafkaTransport(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": "5",
            "statistics.interval.ms": "1000",
            "plugin.library.paths": client.plugin_path,
        },
        on_stats=lambda text: windows.append(json.loads(text)),
    )
    transport.prime(TOPIC, 10.0)
    transport.poll(1.5)
    windows.clear()
    next_ns = time.monotonic_ns()
    for sequence in range(RATE_PER_S * SECONDS):
        client.expect(sequence, 1)
        transport.send(TOPIC, b"x" * 200)
        client.settle()
        transport.poll(0)
        next_ns += 1_000_000_000 // RATE_PER_S
        time.sleep(max((next_ns - time.monotonic_ns()) / 1e9, 0))
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        transport.poll(0.1)
    transport.close(1.0)
    service = latency(tally([(view(slab), 1)], Phase.MEASURED), Metric.SERVICE)
    assert service is not None
    own_us = (
        _window_mean_us(windows, "int_latency")
        + _window_mean_us(windows, "outbuf_latency")
        + _window_mean_us(windows, "rtt")
    )
    return {
        "service_mean_us": service.mean,
        "librdkafka_mean_us": own_us,
        "off_pct": 100 * (service.mean - own_us) / own_us,
        "bound_pct": 5,
        "ok": abs(service.mean - own_us) / own_us <= 0.05,
    }


def _window_mean_us(windows: list[dict[str, Any]], name: str) -> float:
    """The mean of a latency window over all seconds and brokers, weighted by its count."""
    pairs = [
        (broker[name]["avg"], broker[name]["cnt"])
        for window in windows
        for broker in window["brokers"].values()
        if broker.get(name, {}).get("cnt")
    ]
    return float(sum(mean * count for mean, count in pairs) / max(sum(count for _, count in pairs), 1))
