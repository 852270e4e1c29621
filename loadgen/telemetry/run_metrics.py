"""A load run for Prometheus: fed with the rows of its intervals, once a second, and never per message.

Goal: the same numbers as the live view and intervals.jsonl, from the same subtraction. Non-goal: counting, storing.
Place: `run --prometheus :PORT`; the command gives each row to `RunMetrics.row` and serves it meanwhile.

| metric | type | labels |
| --- | --- | --- |
| loadgen_run_attempted_total, _acked_total, _failed_total, _unknown_total, _rejected_total | counter | run, phase |
| loadgen_run_acked_per_second, loadgen_run_payload_mib_per_second | gauge | run |
| loadgen_run_latency_seconds | gauge | run, quantile: of the last interval; response, or service flat out |
| loadgen_run_lateness_p99_seconds | gauge | run |
| loadgen_run_outstanding, loadgen_run_cpu_cores | gauge | run |
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from loadgen.errors import UsageError

PREFIX = "loadgen_run"
OUTCOMES = ("attempted", "acked", "failed", "unknown", "rejected")


class Row(Protocol):
    """One interval, as `report.result.Interval` has it."""

    @property
    def phase(self) -> str: ...

    @property
    def acked_per_s(self) -> float: ...

    @property
    def payload_mib_per_s(self) -> float: ...

    @property
    def p50_us(self) -> float | None: ...

    @property
    def p99_us(self) -> float | None: ...

    @property
    def max_us(self) -> float | None: ...

    @property
    def lateness_p99_us(self) -> float | None: ...

    @property
    def outstanding(self) -> int: ...

    @property
    def cpu_share(self) -> float | None: ...


class RunMetrics:
    """The sums of a run so far, and its last interval.

    Args:
        run: the value of the label `run`.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self._sums: Counter[tuple[str, str]] = Counter()
        self._last: Row | None = None

    def row(self, row: Row) -> None:
        """Take the next interval."""
        for outcome in OUTCOMES:
            self._sums[outcome, row.phase] += getattr(row, outcome)
        self._last = row

    def collect(self) -> Iterator[Any]:
        """Every metric with its value now; what prometheus_client calls at a scrape."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for outcome in OUTCOMES:
            family = CounterMetricFamily(f"{PREFIX}_{outcome}", f"Records {outcome}.", labels=["run", "phase"])
            for (name, phase), count in self._sums.items():
                if name == outcome:
                    family.add_metric([self.run, phase], count)
            yield family
        row = self._last
        if row is None:
            return
        gauges: dict[str, tuple[str, float | None]] = {
            "acked_per_second": ("Acknowledgements a second in the last interval.", row.acked_per_s),
            "payload_mib_per_second": ("Payload acknowledged in the last interval.", row.payload_mib_per_s),
            "lateness_p99_seconds": ("How late events were sent in the last interval.", _seconds(row.lateness_p99_us)),
            "outstanding": ("Records without an answer.", row.outstanding),
            "cpu_cores": ("CPU of the workers in the last interval.", row.cpu_share),
        }
        for name, (help_text, value) in gauges.items():
            if value is not None:
                gauge = GaugeMetricFamily(f"{PREFIX}_{name}", help_text, labels=["run"])
                gauge.add_metric([self.run], value)
                yield gauge
        latency = GaugeMetricFamily(
            f"{PREFIX}_latency_seconds", "Of the records answered in the last interval.", labels=["run", "quantile"]
        )
        for quantile, value_us in (("0.5", row.p50_us), ("0.99", row.p99_us), ("1", row.max_us)):
            if value_us is not None:
                latency.add_metric([self.run, quantile], value_us / 1e6)
        yield latency


@contextmanager
def serve(metrics: RunMetrics, address: str) -> Iterator[int]:
    """An HTTP server of these metrics to the end of the block; gives its port.

    Args:
        address: ":9100" for this host alone, "0.0.0.0:9100" for everybody; port 0 takes a free one.

    Raises:
        UsageError: prometheus_client is not installed, the address is wrong, or the port is taken.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--prometheus {address}: must be :PORT or HOST:PORT")
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError:
        raise UsageError("--prometheus needs prometheus_client: pip install 'kafka-loadgen[prometheus]'") from None
    registry = CollectorRegistry()
    registry.register(metrics)
    try:
        server, thread = start_http_server(int(port), addr=host or "127.0.0.1", registry=registry)
    except OSError as error:
        raise UsageError(f"--prometheus {address}: {error.strerror or error}; another port?") from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _seconds(value_us: float | None) -> float | None:
    return None if value_us is None else value_us / 1e6
