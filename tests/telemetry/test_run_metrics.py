"""A run's metrics are its rows, summed."""

import sys
import urllib.request
from typing import Any

import pytest

from loadgen.errors import UsageError
from loadgen.report.result import Interval
from loadgen.telemetry.run_metrics import RunMetrics, serve

prometheus_client = pytest.importorskip("prometheus_client")


def interval(phase: str, **changes: Any) -> Interval:
    fields: dict[str, Any] = {
        "second": 1.0,
        "length_s": 1.0,
        "phase": phase,
        "attempted": 100,
        "acked": 90,
        "failed": 3,
        "unknown": 2,
        "rejected": 1,
        "acked_per_s": 90.0,
        "payload_mib_per_s": 0.5,
        "p50_us": 2000.0,
        "p99_us": 5000.0,
        "max_us": 9000.0,
        "lateness_p99_us": 100.0,
        "request_rtt_p50_us": None,
        "request_rtt_p99_us": None,
        "outstanding": 4,
        "backpressure_us": 0,
        "cpu_share": 0.7,
    }
    return Interval(**(fields | changes))


def test_sums_grow_and_gauges_are_the_last_interval() -> None:
    """Counters by phase, latencies in seconds, as the live view shows them."""
    metrics = RunMetrics("run-1")
    registry = prometheus_client.CollectorRegistry()
    registry.register(metrics)
    metrics.row(interval("warmup"))
    metrics.row(interval("measured"))
    metrics.row(interval("measured", acked=95, acked_per_s=95.0, p99_us=7000.0))

    def value(name: str, **labels: str) -> Any:
        return registry.get_sample_value(f"loadgen_run_{name}", {"run": "run-1", **labels})

    assert value("acked_total", phase="warmup") == 90
    assert value("acked_total", phase="measured") == 185
    assert value("unknown_total", phase="measured") == 4
    assert value("acked_per_second") == 95.0
    assert value("latency_seconds", quantile="0.99") == 0.007
    assert value("latency_seconds", quantile="1") == 0.009
    assert value("lateness_p99_seconds") == pytest.approx(0.0001)
    assert (value("outstanding"), value("cpu_cores")) == (4, 0.7)


def test_what_an_interval_does_not_have_is_left_out() -> None:
    """Nothing answered, flat out: no latency, no lateness, rather than a zero."""
    metrics = RunMetrics("run-1")
    metrics.row(interval("measured", p50_us=None, p99_us=None, max_us=None, lateness_p99_us=None, cpu_share=None))
    registry = prometheus_client.CollectorRegistry()
    registry.register(metrics)
    text = prometheus_client.generate_latest(registry).decode()

    assert "lateness" not in text
    assert "quantile" not in text
    assert "cpu_cores" not in text
    assert "outstanding" in text


def test_it_is_served_on_this_host_alone_and_no_longer_than_the_run() -> None:
    """:PORT binds to 127.0.0.1."""
    metrics = RunMetrics("run-1")
    metrics.row(interval("measured"))
    with serve(metrics, ":0") as port:
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        with pytest.raises(UsageError, match="another port"), serve(metrics, f":{port}"):
            pass
    assert 'loadgen_run_acked_total{phase="measured",run="run-1"} 90.0' in text
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


@pytest.mark.parametrize("address", ["9100", ":", ":http", ":70000", "localhost"])
def test_a_wrong_address_is_named(address: str) -> None:
    """Before anything is started."""
    with pytest.raises(UsageError, match="must be :PORT"), serve(RunMetrics("x"), address):
        pass


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the command."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UsageError, match=r"kafka-loadgen\[prometheus\]"), serve(RunMetrics("x"), ":0"):
        pass
