"""`python -m bench instrument [FIGURE …] [--out DIR]`: the instrument's own figures, each with its bound and spread.

    rtt        a known round trip of 1, 5, 20, 100 ms: |p50 − rtt − floor| ≤ max(0.3 ms, 1 %)
    stall      broker, then our worker, stopped for 1.4 s at 2,000/s: p99, p99.9, max within 3 % of the closed form
    pace       lateness beside a control of bare sleeps, at half of what this host can send
    cost       CPU a message with and without the instrument, interleaved
    statistics mean service against librdkafka's own latency windows, on a real Kafka
    snapshot   CPU of summing 8 slabs
    start      a worker's CPU and time from start to ready, alone and two at once
    memory     a worker's resident memory over a minute flat out
    stop       from the stop word to the end of a worker's sending
    hundred-million  records to the mock: counts exact, memory flat

Nothing here asserts: it measures, says the bound, and writes instrument.json.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

import loadgen
from bench.instrument_memory import hundred_million, memory
from bench.stopping import stop
from loadgen.brokers.mock import MockCluster
from loadgen.brokers.target import Broker, start_broker
from loadgen.experiments.stall import quantile_s
from loadgen.profile import resolve
from loadgen.recorder.slab import Phase, Slab
from loadgen.report.merge import tally, view
from loadgen.report.result import Interval, Result
from loadgen.runner.coordinator import carry_out

STALL_S, LENGTH_S, RATE_PER_S = 1.4, 30.0, 2000
Row = dict[str, Any]


def run_on(broker: Broker, on_interval: Callable[[Interval], None] | None = None, **flags: str) -> Result:
    """A run on a broker that is there."""
    settings = resolve({"start": "mock", "workers": "1", "profile": "low-latency", **flags}, {})
    return carry_out(settings, command=["bench instrument"], on_interval=on_interval, broker=broker).result


def bare_round_trip_ms(bootstrap: str, tries: int) -> float:
    """The median time of an ApiVersions request over a socket of our own: the round trip that the mock really makes.

    Its clock has steps of a millisecond, so what was asked of it is not what it does.
    """
    host, _, port = bootstrap.rpartition(":")
    request = struct.pack(">ihhih", 10, 18, 0, 7, -1)  # size, ApiVersions, version 0, correlation id, no client id
    times: list[float] = []
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(tries):
            before_ns = time.monotonic_ns()
            connection.sendall(request)
            connection.recv(65536)
            times.append((time.monotonic_ns() - before_ns) / 1e6)
    return statistics.median(times)


def rtt() -> list[Row]:
    """p50 of service at known round trips over the floor, against what was asked and against a bare socket."""
    rows: list[Row] = []
    floor_ms = bare_floor_ms = 0.0
    for round_trip_ms in (0, 1, 5, 20, 100):
        with start_broker("mock") as broker:
            assert broker.mock is not None
            broker.mock.set_rtt_ms(1, round_trip_ms)
            bare_ms = bare_round_trip_ms(broker.bootstrap, 40)
            # 20/s: one request at a time also at 100 ms, so nothing waits for a place in flight
            service = run_on(broker, rate="20/s", duration="10s", warmup="1s").latency_us.service
        assert service is not None
        p50_ms = (service.p50 or 0.0) / 1000
        floor_ms, bare_floor_ms = floor_ms or p50_ms, bare_floor_ms or bare_ms
        over_ms, bound_ms = p50_ms - floor_ms, max(0.3, 0.01 * round_trip_ms)
        error_ms = over_ms - (bare_ms - bare_floor_ms)
        rows.append(
            {
                "asked_ms": round_trip_ms,
                "bare_socket_ms": bare_ms,
                "p50_ms": p50_ms,
                "error_against_asked_ms": over_ms - round_trip_ms,
                "error_against_socket_ms": error_ms,
                "bound_ms": bound_ms,
                "ok": abs(error_ms) <= bound_ms,
            }
        )
    return rows


def _stalled(what: str) -> Row:
    settings: dict[str, str] = {"rate": f"{RATE_PER_S}/s", "duration": f"{LENGTH_S}s", "warmup": "2s"}
    begun = threading.Event()
    stood_s: list[float] = []

    def stop(pid: int) -> None:
        before_ns = time.monotonic_ns()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(STALL_S)
        os.kill(pid, signal.SIGCONT)
        stood_s.append((time.monotonic_ns() - before_ns) / 1e9)

    with MockCluster(1) as mock:
        broker = Broker("mock", mock.bootstrap, None, "MOCK", mock=mock)

        def on_interval(row: Interval) -> None:
            if row.second > 8 and not begun.is_set():
                begun.set()
                children = psutil.Process().children(recursive=True)
                worker = next(child.pid for child in children if "loadgen.runner.worker" in " ".join(child.cmdline()))
                threading.Thread(target=stop, args=(mock.pid if what == "broker" else worker,), daemon=True).start()

        result = run_on(broker, on_interval, **settings)
    response = result.latency_us.response
    assert response is not None
    told = {"p99": (0.99, response.p99), "p99.9": (0.999, response.p99_9), "max": (1.0, response.max)}
    row: Row = {"stopped": what, "stood_s": stood_s[0], "doubts": [doubt.code for doubt in result.verdict.doubts]}
    for name, (share, value_us) in told.items():
        exact_s = quantile_s(share, stall_s=stood_s[0], length_s=LENGTH_S, base_s=(response.p50 or 0) / 1e6)
        row[name] = {
            "arithmetic_ms": exact_s * 1000,
            "told_ms": (value_us or 0) / 1000,
            "off_pct": ((value_us or 0) / 1e4 / exact_s) - 100,
        }
    row["ok"] = all(abs(row[name]["off_pct"]) <= 3 for name in told)
    return row


def stall() -> list[Row]:
    """The broker stopped, then our own worker."""
    return [_stalled("broker"), _stalled("worker")]


def pace() -> list[Row]:
    """Lateness at half the ceiling, beside bare sleeps on the same host."""
    with start_broker("mock") as broker:
        ceiling = run_on(broker, duration="4s", warmup="1s", profile="balanced").throughput.acked_per_s
    rows: list[Row] = []
    for arrival in ("uniform", "poisson"):
        for share in (0.3, 0.5):
            with start_broker("mock") as broker:
                result = run_on(
                    broker,
                    rate=f"{ceiling * share:.0f}/s",
                    duration="10s",
                    warmup="2s",
                    profile="balanced",
                    arrival=arrival,
                )
            lateness = result.latency_us.lateness
            assert lateness is not None
            rows.append(
                {
                    "arrival": arrival,
                    "of_ceiling": share,
                    "rate_per_s": result.plan.offered_per_s,
                    "lateness_p99_ms": (lateness.p99 or 0) / 1000,
                    "lateness_p99_9_ms": (lateness.p99_9 or 0) / 1000,
                    "achieved_ratio": result.throughput.achieved_ratio,
                    "control_p99_ms": (control_us := result.environment["control_sleep_late_p99_us"] or 0) / 1000,
                    "doubts": [doubt.code for doubt in result.verdict.doubts],
                    "ok": ((lateness.p99 or 0) <= 1000 and (lateness.p99_9 or 0) <= 5000)
                    or (lateness.p99 or 0) <= 2 * control_us,
                }
            )
    return rows


def cost() -> list[Row]:
    """Marginal CPU a message of produce_batch, with the plug-in and without, in turn."""
    pairs: list[tuple[float, float]] = []
    for _ in range(7):
        pairs.append((_marginal_us("on"), _marginal_us("off")))
    differences = sorted(on - off for on, off in pairs)
    return [
        {
            "on_us": statistics.median(on for on, _ in pairs),
            "off_us": statistics.median(off for _, off in pairs),
            "difference_us": statistics.median(differences),
            "from_us": differences[0],
            "to_us": differences[-1],
            "bound_us": 0.1,
            "ok": statistics.median(differences) <= 0.1,
        }
    ]


def _marginal_us(instrument: str) -> float:
    """(long run − short run) ÷ difference in messages: start-up counts for nobody."""
    long, short = (
        json.loads(
            subprocess.run(
                [sys.executable, "-m", "bench.instrument_cost", instrument, str(count)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for count in (1_200_000, 200_000)
    )
    return float(long["cpu_us"] - short["cpu_us"]) / 1_000_000


def snapshot() -> list[Row]:
    """CPU of one coordinator's look at 8 slabs with data in them."""
    slabs = [Slab.create(1) for _ in range(8)]
    for slab in slabs:
        slab.words[100_000:100_100] = slab.words[100_000:100_100]  # touched, so that the pages exist
        slab.memory[:] = slab.memory[:]
    words = [(view(slab), 1) for slab in slabs]
    times = []
    for _ in range(30):
        before_ns = time.process_time_ns()
        for phase in Phase:
            tally(words, phase)
        times.append((time.process_time_ns() - before_ns) / 1e6)
    return [
        {
            "slabs": 8,
            "cpu_ms_median": statistics.median(times),
            "cpu_ms_max": max(times),
            "bound_ms": 2,
            "ok": statistics.median(times) <= 2,
        }
    ]


def start() -> list[Row]:
    """From starting workers to all ready, and the CPU that each used, over seven tries."""
    from loadgen.recorder.slab import Header
    from loadgen.runner.instruments import choose_instrument
    from loadgen.runner.planning import make_plan
    from loadgen.runner.target import open_target
    from loadgen.runner.team import Team

    rows: list[Row] = []
    for workers in (1, 2):
        seconds, cpu_ms = [], []
        settings = resolve({"start": "mock", "workers": str(workers)}, {})
        with open_target(settings, "loadgen-start") as target:
            plan = make_plan(settings, target, "00000000", None, choose_instrument(settings))
            for _ in range(7):
                before = time.monotonic()
                team = Team(plan)
                team.await_ready()
                seconds.append(time.monotonic() - before)
                cpu_ms += [int(member.slab.words[Header.CPU_NS]) / 1e6 for member in team.members]
                team.end()
        rows.append(
            {
                "workers": workers,
                "ready_ms_median": statistics.median(seconds) * 1000,
                "ready_ms_max": max(seconds) * 1000,
                "cpu_ms_median": statistics.median(cpu_ms),
                "bound": "CPU ≤ 250 ms each; two at once ready in ≤ 400 ms",
                "ok": statistics.median(cpu_ms) <= 250 and (workers == 1 or statistics.median(seconds) <= 0.4),
            }
        )
    return rows


def librdkafka_statistics() -> list[Row]:
    """Mean service beside librdkafka's own windows (queue + out buffer + round trip), 1,000/s on a real Kafka."""
    from bench.instrument_statistics import compared

    with start_broker("kafka") as broker:
        return [compared(broker.bootstrap) for _ in range(3)]


FIGURES: dict[str, Callable[[], list[Row]]] = {
    "rtt": rtt,
    "stall": stall,
    "pace": pace,
    "cost": cost,
    "statistics": librdkafka_statistics,
    "snapshot": snapshot,
    "start": start,
    "memory": memory,
    "stop": stop,
    "hundred-million": hundred_million,
}


def main(arguments: list[str]) -> int:
    """Measure what is asked, all by default."""
    parser = argparse.ArgumentParser(prog="python -m bench instrument", description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], default=list(FIGURES))
    parser.add_argument("--out", type=Path, default=Path("results/runs/instrument"))
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "instrument.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name in given.figures:
        rows = FIGURES[name]()
        kept[name] = {
            "rows": rows,
            "loadgen": loadgen.__version__,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        for row in rows:
            print(name, json.dumps(row, ensure_ascii=False), flush=True)
        path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    print(f"saved in {path}")
    return 0
