"""How long a worker goes on sending after it was told to stop: from the stop word to the end of its sending loop.

What Ctrl-C costs beside: the coordinator looks for a signal every 5 ms.
"""

import time
from statistics import median
from typing import Any

from loadgen.profile import resolve
from loadgen.recorder.slab import State, Stop
from loadgen.runner.instruments import choose_instrument
from loadgen.runner.planning import make_plan
from loadgen.runner.target import open_target
from loadgen.runner.team import Team

TRIES, BOUND_MS = 10, 300
LOADS = ("max", "100k/s", "10/s")


def stop() -> list[dict[str, Any]]:
    """Flat out, at a high rate and at one whose next event is far; ten times each, in the middle of sending."""
    return [_told(rate) for rate in LOADS]


def _told(rate: str) -> dict[str, Any]:
    settings = resolve({"start": "mock", "workers": "1", "rate": rate, "duration": "30s", "warmup": "0"}, {})
    took_ms: list[float] = []
    with open_target(settings, "loadgen-stop") as target:
        plan = make_plan(settings, target, "00000000", None, choose_instrument(settings))
        for number in range(TRIES):
            team = Team(plan)
            team.await_ready()
            team.start_at(time.monotonic_ns())
            time.sleep(0.5 + 0.007 * number)  # at another place in the loop each time
            asked_ns = time.monotonic_ns()
            team.ask(Stop.DRAIN)
            while team.members[0].state < State.DRAINING:
                time.sleep(0.0005)
            took_ms.append((time.monotonic_ns() - asked_ns) / 1e6)
            team.ask(Stop.NOW)
            team.end()
    return {
        "rate": rate,
        "stopped_ms_median": median(took_ms),
        "stopped_ms_max": max(took_ms),
        "bound_ms": BOUND_MS,
        "ok": max(took_ms) <= BOUND_MS,
    }
