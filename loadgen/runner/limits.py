"""What ends a run before its plan does: --max-bytes, --max-time, and a guard that changed its mind.

Bytes are turned into records, by the mean size of a record's value, and every producer stops at its share: so the cap holds
without anybody watching. A plan that goes beyond a cap by itself is refused before anything is opened.
"""

import msgspec

from loadgen.errors import UsageError
from loadgen.messages.source import EventSource
from loadgen.profile import RunSettings
from loadgen.report.result import Doubt
from loadgen.report.wording import size
from loadgen.runner.guard_watch import GuardWatch
from loadgen.runner.plan import RunPlan
from loadgen.runner.planning import event_plan

GUARD_CODE = "guard_refused"
SAMPLE = 256  # events whose mean size stands for all


def most_records(settings: RunSettings) -> int:
    """How many records a run may send, warm-up included; at least one.

    Raises:
        UsageError: its plan alone goes beyond --max-bytes; or its records cannot be made.
    """
    sample = msgspec.structs.replace(settings, pool_size=min(settings.pool_size, SAMPLE))
    mean_bytes = max(EventSource(event_plan(sample, "00000000", 0)).mean_bytes, 1.0)
    planned = planned_bytes(settings, mean_bytes)
    if planned > settings.max_bytes:
        raise UsageError(
            f"the run would send {size(planned)} of payload, warm-up included, more than --max-bytes "
            f"{size(settings.max_bytes)}; raise it if it is meant"
        )
    return max(int(settings.max_bytes / mean_bytes), 1)


def planned_bytes(settings: RunSettings, mean_bytes: float) -> float:
    """What the plan of a run will send, as far as it says; 0 flat out for a time."""
    rate, counted = settings.rate, (settings.count or 0) * mean_bytes
    if settings.duration_s is None:
        return counted
    first, mean_per_s = 0.0, 0.0
    if settings.ramp:
        first, mean_per_s = settings.ramp[0], sum(settings.ramp) / 2
    elif settings.steps:
        first, mean_per_s = settings.steps[0], sum(settings.steps) / len(settings.steps)
    elif rate.kind in {"events", "bytes"}:
        first = mean_per_s = rate.value / (mean_bytes if rate.kind == "bytes" else 1.0)
    measured = mean_per_s * settings.duration_s * mean_bytes
    if counted:
        measured = min(measured, counted) if measured else counted
    return measured + first * settings.warmup_s * mean_bytes


def bytes_ended(settings: RunSettings, plan: RunPlan, attempted: int) -> Doubt | None:
    """Told when a run came to its --max-bytes."""
    if plan.most_records is None or attempted < plan.most_records:
        return None
    return Doubt(
        "max_bytes",
        f"ended early: --max-bytes {size(settings.max_bytes)} of payload were sent, warm-up included",
        "a higher --max-bytes, or a shorter -d",
    )


class Limits:
    """Asked a few hundred times a second while a run sends."""

    def __init__(self, max_time_s: float, watch: GuardWatch | None = None) -> None:
        self.max_time_s, self.watch = max_time_s, watch

    def ending(self, elapsed_s: float) -> Doubt | None:
        """Why the run must end now; None: it goes on. An invalid one must end at once, without a drain.

        Args:
            elapsed_s: since the common start, warm-up included.
        """
        if self.watch is not None and (refusal := self.watch.refusal) is not None:
            return Doubt(
                GUARD_CODE,
                f"stopped at {elapsed_s:.1f} s: {refusal.reason}",
                f"if that cluster is meant: {refusal.allow_with}",
                invalid=True,
            )
        if elapsed_s > self.max_time_s:
            return Doubt(
                "max_time",
                f"ended early: --max-time {self.max_time_s:,.0f} s were over",
                "a higher --max-time, or a lower -n",
            )
        return None
