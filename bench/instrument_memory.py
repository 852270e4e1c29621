"""A worker's resident memory while it sends flat out: does it grow, and which part of it.

Stamped records stand in up to 64 copies of the pool while they are in flight (`native/records.h`); a copy's place is
touched when so many of one pooled record are under way for the first time. That mapping is told apart from the rest.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from loadgen.brokers.target import start_broker
from loadgen.profile import resolve
from loadgen.report.result import Interval
from loadgen.runner.coordinator import carry_out

BOUND_MIB = 5
COPIES_LEAST_MIB = 32  # a mapping without a file that is larger is the copies'
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+ *(\S*)", re.M)
_RESIDENT = re.compile(r"^Rss: +(\d+) kB", re.M)


class Resident(NamedTuple):
    """MiB of one worker at an instant; `copies` of the pool's records are part of `all`."""

    all: float
    copies: float


def resident(pid: int) -> Resident:
    """From /proc."""
    said = Path(f"/proc/{pid}/smaps").read_text()
    sizes_kib = [int(kib) for kib in _RESIDENT.findall(said)]
    copies_kib = sum(
        kib
        for (start, end, name), kib in zip(_MAPPING.findall(said), sizes_kib, strict=True)
        if not name and int(end, 16) - int(start, 16) >= COPIES_LEAST_MIB << 20 and kib
    )
    return Resident(sum(sizes_kib) / 1024, copies_kib / 1024)


def watching(seen: list[Resident]) -> Callable[[Interval], None]:
    """Adds what each worker of this process holds, at every row of the measured phase."""

    def on_interval(row: Interval) -> None:
        if row.phase == "measured":
            children = psutil.Process().children(recursive=True)
            seen.extend(resident(one.pid) for one in children if "loadgen.runner.worker" in " ".join(one.cmdline()))

    return on_interval


def memory() -> list[dict[str, Any]]:
    """Once a second over a minute flat out."""
    seen: list[Resident] = []
    flags = {"start": "mock", "workers": "1", "duration": "60s", "warmup": "5s", "profile": "balanced"}
    with start_broker("mock") as broker:
        result = carry_out(
            resolve(flags, {}), command=["bench instrument"], on_interval=watching(seen), broker=broker
        ).result
    first, last = (max(part) for part in (seen[:5], seen[-5:]))
    return [
        {
            "acked": result.messages.acked,
            "mib_first": first.all,
            "mib_last": last.all,
            "growth_mib": last.all - first.all,
            "of_it_copies_of_the_pool_mib": last.copies - first.copies,
            "bound_mib": BOUND_MIB,
            "ok": last.all - first.all <= BOUND_MIB,
        }
    ]


def hundred_million() -> list[dict[str, Any]]:
    """100 M raw records of 100 B to the mock: counts exact, memory flat; about 90 s."""
    seen: list[Resident] = []
    flags = {
        "start": "mock",
        "workers": "1",
        "count": "100000000",
        "warmup": "2s",
        "record_size": "100",
        "keys": "none",
        "X": ["compression.type=none"],
    }
    result = carry_out(resolve(flags, {}), command=["bench instrument"], on_interval=watching(seen)).result
    ledger, service = result.messages, result.latency_us.service
    growth = result.delivered.end_offset_delta
    return [
        {
            "attempted": ledger.attempted,
            "acked": ledger.acked,
            "failed": ledger.failed,
            "unknown": ledger.unknown,
            "open": ledger.open,
            "timed": service.n if service else 0,
            "log_growth": growth,
            "warmup_acked": ledger.warmup.acked,
            "acked_per_s": result.throughput.acked_per_s,
            "cpu_us_per_message": result.cost.cpu_us_per_message,
            "rss_mib_first": seen[0].all,
            "rss_mib_last": seen[-1].all,
            "rss_mib_max": max(one.all for one in seen),
            "ok": ledger.acked == 100_000_000 and growth == ledger.acked + ledger.warmup.acked,
        }
    ]
