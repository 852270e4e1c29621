"""Why the recommendation does better, in sentences from what was measured: batches, requests, bytes, CPU, where a usual
record's time went. A sentence is made only of a figure that moved. Pure.
"""

from collections.abc import Mapping

from loadgen.experiments.trial import Trial
from loadgen.experiments.tune_confirm import Confirmed
from loadgen.properties import canonical
from loadgen.report.wording import milliseconds

MOVED = 1.15  # a factor below that is not told: between two runs as much is chance
FILLS_BATCHES = (
    "linger.ms",
    "batch.size",
    "batch.num.messages",
    "sticky.partitioning.linger.ms",
    "workers",
    "producers",
)
SHRINKS = ("compression.type", "compression.level")


def reasons(confirmed: Confirmed, changed: Mapping[str, tuple[str, str]]) -> list[str]:
    """Sentences, what moved most first; none where a side could not be judged."""
    before, after = confirmed.start.trial, confirmed.candidate.trial
    if before is None or after is None:
        return []
    told = [
        _requests(before, after, _settings(changed, FILLS_BATCHES)),
        _wire(before, after, _settings(changed, (*SHRINKS, *FILLS_BATCHES))),
        _cpu(before, after),
        _time(before, after),
    ]
    return [sentence for _, sentence in sorted((each for each in told if each), reverse=True)]


def _settings(changed: Mapping[str, tuple[str, str]], among: tuple[str, ...]) -> str:
    names = {canonical(name) for name in among}
    told = [f"{name} {old} → {new}" for name, (old, new) in changed.items() if canonical(name) in names]
    return " and ".join(told)


def _requests(before: Trial, after: Trial, settings: str) -> tuple[float, str] | None:
    """Records a request: what lingering and batch sizes are for."""
    old, new = before.shown.get("messages_per_request"), after.shown.get("messages_per_request")
    if not old or not new or _factor(old, new) < MOVED:
        return None
    fill = before.shown.get("batch_fill_pct")
    full = f"batches were {fill:.0f} % full; " if fill is not None else ""
    how = f"cut requests {new / old:.1f} ×" if new > old else f"made {old / new:.1f} × the requests"
    return _factor(old, new), f"{full}{settings or 'the change'} {how} ({old:,.0f} → {new:,.0f} records a request)"


def _wire(before: Trial, after: Trial, settings: str) -> tuple[float, str] | None:
    old, new = before.values.get("wire_bytes"), after.values.get("wire_bytes")
    if not old or not new or _factor(old, new) < MOVED:
        return None
    return _factor(old, new), f"{settings or 'the change'}: {old:,.0f} → {new:,.0f} bytes on the wire a record"


def _cpu(before: Trial, after: Trial) -> tuple[float, str] | None:
    old, new = before.values.get("cpu_us"), after.values.get("cpu_us")
    if not old or not new or _factor(old, new) < MOVED:
        return None
    return _factor(old, new), f"{old:.2f} → {new:.2f} µs of CPU a record"


def _time(before: Trial, after: Trial) -> tuple[float, str] | None:
    """Where a usual record's time went, and the part that moved most."""
    parts = {"late": "lateness_us", "linger and batch": "client_queue_us", "network and broker": "broker_us"}
    pairs = {
        name: (before.shown[key], after.shown[key])
        for name, key in parts.items()
        if key in before.shown and key in after.shown
    }
    if not pairs:
        return None
    name = max(pairs, key=lambda each: abs(pairs[each][1] - pairs[each][0]))
    (old, new), totals = pairs[name], [sum(side) for side in zip(*pairs.values(), strict=True)]
    if min(totals) <= 0 or _factor(*totals) < MOVED:
        return None
    return (
        _factor(*totals),
        f"a usual record took {milliseconds(totals[0])} ms, now {milliseconds(totals[1])}: {name} "
        f"{milliseconds(old)} → {milliseconds(new)}",
    )


def _factor(old: float, new: float) -> float:
    return max(old / new, new / old)
