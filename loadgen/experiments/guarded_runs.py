"""The runs of an experiment with its guards around each: what all of them send is counted and capped, a broker that errs
ends them, and the time that was not spent in runs is known.

Shared by capacity, sweep and tune. Not here: which runs to make; the guards of a single run (topics, clusters), which
every one of them still has.
"""

import time
from collections.abc import Callable
from typing import Any

from loadgen.errors import Unreachable, UsageError
from loadgen.experiments.byte_budget import GIB, cut_by_cap
from loadgen.experiments.record import Recorder
from loadgen.experiments.run_door import Address, Request, RunDoor, RunOutcome, Stopped
from loadgen.profile import FIELDS
from loadgen.quantities import parse_duration_s
from loadgen.slo import value_at

ERRED_SHARE = 1e-4  # of the records, refused by the broker: the implied rule of a single run
GIVEN_UP = 3  # exit code of a run whose breaker stayed open
EXPECTED_WARM_UPS, MOST_WARM_UPS = 3, 6
STILL_WARMING = 1.1  # times the run before


class GuardedRuns:
    """Makes runs and keeps count of them.

    Args:
        max_bytes: of payload, all runs together, warm-ups included.

    Attributes:
        sent_bytes: of payload so far.
        inside_s: wall time inside of runs; the rest is ours.
        sending_s: what of it was planned for sending; the rest is workers' start, topics and draining.
    """

    def __init__(
        self,
        recorder: Recorder,
        door: RunDoor,
        broker: Address | None,
        max_bytes: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.recorder, self.door, self.broker, self.max_bytes, self.now_s = recorder, door, broker, max_bytes, now_s
        self.sent_bytes = recorder.experiment.sent_bytes
        self.inside_s = self.sending_s = 0.0
        self.started_s = now_s()

    def run(self, flags: dict[str, Any], label: str, *, ahead_bytes: float = 0.0) -> RunOutcome:
        """One run, kept and entered in the record.

        Args:
            flags: with a duration and a warm-up.
            ahead_bytes: what it is expected to send.

        Raises:
            UsageError: it would exceed the cap.
            Unreachable: the broker refused records, or the run was given up.
            Stopped: the door's own watch ended it early.
        """
        if self.sent_bytes + ahead_bytes > self.max_bytes:
            raise UsageError(
                f"--max-bytes {self.max_bytes / GIB:.1f} GiB: {self.sent_bytes / GIB:.1f} are sent and the next run adds "
                f"{ahead_bytes / GIB:.1f}; raise it and --resume {self.recorder.path}"
            )
        left = max(int(self.max_bytes - self.sent_bytes), 1)
        outcome = self._made({**flags, "max_bytes": f"{left}B"}, label)
        warmup_s = parse_duration_s(str(flags.get("warmup", FIELDS["warmup"].default)), zero=True)
        length_s = parse_duration_s(str(flags["duration"]))
        self.sending_s += warmup_s + length_s
        self.sent_bytes += (value_at(outcome.result, "bytes.payload") or 0.0) * (1 + warmup_s / length_s)
        on_mock = self.recorder.experiment.on_mock or kind_of(outcome) == "mock"
        self.recorder.add_run(outcome.folder, label, sent_bytes=self.sent_bytes, on_mock=on_mock)
        check_broker(outcome)
        if cut_by_cap(outcome.result):
            raise UsageError(
                f"--max-bytes {self.max_bytes / GIB:.1f} GiB: reached in {outcome.folder}, which the cap cut; raise it and "
                f"--resume {self.recorder.path}"
            )
        return outcome

    def _made(self, flags: dict[str, Any], label: str) -> RunOutcome:
        began_s = self.now_s()
        try:
            return self.door(Request(flags=flags, folder=self.recorder.run_folder(label), broker=self.broker))
        except Stopped as stopped:
            self.sent_bytes += stopped.sent_bytes
            self.sending_s += self.now_s() - began_s
            raise
        finally:
            self.inside_s += self.now_s() - began_s

    def warm_up(self, flags: dict[str, Any]) -> None:
        """Unjudged runs until one is hardly better than the one before: broker and page cache are then warm for all alike.

        A mock cluster starts anew with each run, so there is nothing to warm.

        Args:
            flags: as `run` takes them.
        """
        if flags.get("start") == "mock":
            return
        before = 0.0
        for _ in range(MOST_WARM_UPS):
            reached = _quickness(self.run(flags, "first"))
            if reached < before * STILL_WARMING:
                return
            before = reached

    def overhead_share(self) -> float:
        """The share of the wall time since the first run that lay outside of runs."""
        return max(1 - self.inside_s / self._elapsed_s(), 0.0)

    def sending_share(self) -> float:
        """The share of the wall time since the first run that was planned for sending."""
        return min(self.sending_s / self._elapsed_s(), 1.0)

    def _elapsed_s(self) -> float:
        return max(self.now_s() - self.started_s, 1e-9)


def _quickness(outcome: RunOutcome) -> float:
    """What gets better while a broker warms up: the median response at a rate, what is reached without."""
    median_us = value_at(outcome.result, "latency_us.response.p50")
    return 1 / median_us if median_us else value_at(outcome.result, "throughput.acked_per_s") or 0.0


def kind_of(outcome: RunOutcome) -> str:
    """What was loaded: mock, kafka, redpanda, external."""
    return str(outcome.result.get("broker", {}).get("kind", "external"))


def check_broker(outcome: RunOutcome) -> None:
    """Whether the broker still takes records.

    What the client itself gave up (its own codes begin with an underscore: timed out, purged) is what too high a rate
    looks like, and no error of the broker.

    Raises:
        Unreachable: it refused some, or kept failing until the run was given up.
    """
    if outcome.result.get("verdict", {}).get("exit_code") == GIVEN_UP:
        raise Unreachable(
            f"{outcome.result['verdict'].get('headline', 'a run was given up')}; its run: {outcome.folder}"
        )
    errors = outcome.result.get("messages", {}).get("errors", {})
    refused = {code: count for code, count in errors.items() if not code.startswith("_")}
    attempted = value_at(outcome.result, "messages.attempted") or 0.0
    if sum(refused.values()) > ERRED_SHARE * attempted:
        told = ", ".join(f"{code} {count:,}" for code, count in refused.items())
        raise Unreachable(
            f"the broker refused records ({told}), so no more are sent to it; look at its log, then --resume; "
            f"its run: {outcome.folder}"
        )
