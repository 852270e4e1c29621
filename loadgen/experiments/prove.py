"""The instrument against arithmetic, in under half a minute and without a Kafka.

First a mock cluster is stopped for 1.4 s under 2,000 msg/s: what arithmetic says of the response times stands beside what
a run reports, and beside what a loop reports that sends, waits for the answer and times that in its callback, as many
load tools do: it sends nothing while the broker stands, so the stall is one slow record of thousands. Then twice what this
host can send is asked: the run must refuse to be believed.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from loadgen.brokers.mock import MockCluster
from loadgen.brokers.target import Broker
from loadgen.errors import NotValid
from loadgen.experiments.stall import quantile_s
from loadgen.producer.kafka import KafkaTransport
from loadgen.profile import RunSettings, resolve
from loadgen.report.limit import KEPT_RATIO
from loadgen.report.result import Interval, Result
from loadgen.runner.coordinator import carry_out

RATE_PER_S = 2000
STALL_S = 1.4
LENGTH_S = 8.0
WARMUP_S = 1.0
STALL_AT_S = 3.0  # from the run's start
SHARES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))
TOLERANCE = 0.03
CEILING_S = 2.0
OVERLOADS = 4  # twice the ceiling, and where a host that was busy before keeps that, up to sixteen times

Say = Callable[[str], None]


class Row(msgspec.Struct, frozen=True):
    """One quantile three ways, s."""

    name: str
    arithmetic_s: float
    loadgen_s: float
    callback_s: float


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        stalled_s: how long the broker really stood still, by the clock of who stopped it.
        agrees: each of loadgen's p99, p99.9 and maximum is within 3 % of the arithmetic.
        asked_per_s: twice the ceiling, or the first of its doublings that was not kept.
        refused: that rate ended with exit 5 and the generator named.
    """

    rows: list[Row]
    stalled_s: float
    agrees: bool
    ceiling_per_s: float
    asked_per_s: float
    achieved_ratio: float | None
    refused: bool
    refusal: str
    instrument: str


def prove(say: Say) -> Proof:
    """Carry it out, about 20 s.

    Raises:
        NotValid: the stall run itself was not valid, so nothing can be said.
    """
    say(f"stopping a mock cluster for {STALL_S} s under {RATE_PER_S:,}/s")
    result, callback_us, stalled_s = _stall_run()
    response = result.latency_us.response
    if response is None or not result.verdict.valid:
        raise NotValid(f"the run under the stall was not valid: {result.verdict.headline}")
    base_s = (response.p50 or 0.0) / 1e6
    told = {"p50": response.p50, "p99": response.p99, "p99.9": response.p99_9, "max": response.max}
    rows = [
        Row(
            name,
            quantile_s(share, stall_s=stalled_s, length_s=LENGTH_S, base_s=base_s),
            (told[name] or 0.0) / 1e6,
            _exact_quantile(callback_us, share) / 1e6,
        )
        for name, share in SHARES
    ]
    agrees = all(abs(row.loadgen_s - row.arithmetic_s) <= TOLERANCE * row.arithmetic_s for row in rows[1:])
    say("asking for twice what this host can send")
    ceiling_per_s, asked_per_s, refused = _overload_run()
    return Proof(
        rows=rows,
        stalled_s=stalled_s,
        agrees=agrees,
        ceiling_per_s=ceiling_per_s,
        asked_per_s=asked_per_s,
        achieved_ratio=refused.throughput.achieved_ratio,
        refused=refused.verdict.exit_code == NotValid.exit_code and refused.verdict.limited_by == "generator",
        refusal=refused.verdict.limit_reason,
        instrument=refused.client.instrument,
    )


def _settings(**given: Any) -> RunSettings:
    return resolve({"start": "mock", "profile": "low-latency", "workers": "1", **given}, {})


def _stall_run() -> tuple[Result, list[int], float]:
    """The run, the naive loop's latencies in µs, and how long the broker stood."""
    settings = _settings(rate=f"{RATE_PER_S}/s", duration=f"{LENGTH_S}s", warmup=f"{WARMUP_S}s")
    stalled_s: list[float] = []
    begun = threading.Event()
    with MockCluster(1) as mock:
        broker = Broker("mock", mock.bootstrap, None, "MOCK", mock=mock)
        mock.create_topic("loadgen-naive", 1)
        naive = NaiveLoop(mock.bootstrap, "loadgen-naive")

        def on_interval(row: Interval) -> None:
            if row.second >= STALL_AT_S - 0.5 and not begun.is_set():
                begun.set()
                threading.Thread(target=stop_it, daemon=True).start()

        def stop_it() -> None:
            before_ns = time.monotonic_ns()
            mock.pause()
            time.sleep(STALL_S)
            mock.resume()
            stalled_s.append((time.monotonic_ns() - before_ns) / 1e9)

        naive.start()
        result = carry_out(settings, command=["loadgen prove"], on_interval=on_interval, broker=broker).result
        latencies_us = naive.stop()
    return result, latencies_us, stalled_s[0]


class NaiveLoop:
    """Sends a record, waits for its answer, times that in the callback, sends the next: 2,000 times a second at most."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.topic = topic
        self.transport = KafkaTransport({"bootstrap.servers": bootstrap, "linger.ms": "0"})
        self.latencies_us: list[int] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def _send(self) -> None:
        next_ns = time.monotonic_ns()
        while not self._ended.is_set():
            sent_ns = time.monotonic_ns()
            answered = threading.Event()

            def on_ack(error: Any, message: Any, sent_ns: int = sent_ns, answered: threading.Event = answered) -> None:
                del error, message
                self.latencies_us.append((time.monotonic_ns() - sent_ns) // 1000)
                answered.set()

            self.transport.send(self.topic, b"x" * 200, on_delivery=on_ack)
            while not answered.is_set() and not self._ended.is_set():
                self.transport.poll(0.01)
            next_ns = max(next_ns + 1_000_000_000 // RATE_PER_S, time.monotonic_ns())
            time.sleep(max((next_ns - time.monotonic_ns()) / 1e9, 0.0))

    def start(self) -> None:
        """Begin, in a thread."""
        self.transport.prime(self.topic, 5.0)
        self._thread.start()

    def stop(self) -> list[int]:
        """End it; what it measured, in µs."""
        self._ended.set()
        self._thread.join()
        self.transport.close(1.0)
        return sorted(self.latencies_us)


def _exact_quantile(ordered: list[int], share: float) -> float:
    return float(ordered[min(int(share * len(ordered)), len(ordered) - 1)]) if ordered else 0.0


def not_kept(ceiling_per_s: float, run: Callable[[float], Result]) -> tuple[float, Result]:
    """A run at a rate that this host cannot send, and the rate.

    Twice the ceiling is one, unless something else took the host's time while the ceiling was found: a rate that was kept
    proves nothing, and twice that is asked.

    Args:
        run: at a rate a second.
    """
    asked_per_s = ceiling_per_s
    for _ in range(OVERLOADS):
        asked_per_s *= 2
        result = run(asked_per_s)
        if (result.throughput.achieved_ratio or 0.0) < KEPT_RATIO:
            break
    return asked_per_s, result


def _overload_run() -> tuple[float, float, Result]:
    """The ceiling of this host, flat out for 2 s; a rate above it; a run at that."""
    with MockCluster(1) as mock:
        broker = Broker("mock", mock.bootstrap, None, "MOCK", mock=mock)

        def run(**given: Any) -> Result:
            settings = _settings(duration=f"{CEILING_S}s", warmup="0.5s", **given)
            return carry_out(settings, command=["loadgen prove"], broker=broker).result

        per_s = run().throughput.acked_per_s
        asked_per_s, refused = not_kept(per_s, lambda rate: run(rate=f"{rate:.0f}/s", drain="5s"))
    return per_s, asked_per_s, refused
