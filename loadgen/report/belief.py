"""Why a number may be believed, in words: the ledger, the log's own count, the limit, steadiness, doubts. Pure."""

from loadgen.report import wording
from loadgen.report.result import Messages, Result
from loadgen.report.wording import clean, labelled, per_second

MAX_DOUBTS = 3
MAX_ERRORS = 3
LIMITS = {
    "plan": "the plan",
    "generator": "this generator",
    "client_settings": "the client's settings",
    "broker": "the broker",
    "quota": "a quota",
    "unknown": "not known",
}


def belief(result: Result) -> list[str]:
    """The lines that carry the number; what this run cannot say is left out, never made up."""
    return [
        *labelled("records", records(result)),
        *labelled("errors", errors(result.messages)),
        *labelled("read", read_back(result)),
        *labelled("limit", limit(result)),
        *labelled("steady", steady(result)),
        *labelled("recovery", recovery(result)),
        *doubts(result),
    ]


def records(result: Result) -> str:
    """The ledger of the measured phase as the sum that it must be, and how far the topic's log grew."""
    told, delta = result.messages, result.delivered.end_offset_delta
    still_open = f" + {told.open:,} open" if told.open else ""
    log = ""
    if delta is not None:
        warmup = f" ({told.warmup.acked:,} of them in the warm-up)" if told.warmup.acked else ""
        log = f"; log grew by {delta:,}{warmup}"
    return (
        f"{told.attempted:,} attempted = {told.acked:,} acked + {told.rejected:,} rejected + {told.failed:,} failed + "
        f"{told.unknown:,} unknown{still_open}{log}"
    )


def errors(told: Messages) -> str | None:
    """The commonest codes; None when there were none."""
    worst = sorted(told.errors.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{clean(code)} {count:,}" for code, count in worst[:MAX_ERRORS])
    rest = len(worst) - MAX_ERRORS
    return f"{shown}, and {wording.counted('more code', rest)}" if rest > 0 else shown or None


def read_back(result: Result) -> str | None:
    """What reading everything back found; None when it was not done."""
    told = result.delivered.verified
    if told is None:
        return None
    return (
        f"{told.read:,} back: {told.lost:,} lost, {told.duplicated:,} duplicated, {told.reordered:,} reordered, "
        f"{told.corrupted:,} corrupted, {told.foreign:,} foreign"
    )


def limit(result: Result) -> str:
    """Who was the limit and by which arithmetic, with the generator's own room."""
    verdict, cost = result.verdict, result.cost
    name, reason = LIMITS[verdict.limited_by], clean(verdict.limit_reason)
    words = reason if reason.startswith(name) else f"{name}: {reason}"
    shares = cost.worker_cpu_share
    used = f"{100 * sum(shares) / len(shares):.0f} % of a core per worker" if shares else None
    if cost.headroom is not None and cost.ceiling_per_s is not None:
        aside = ", ".join(word for word in (wording.short_rate(cost.ceiling_per_s), used) if word)
        return f"{words}; generator could do {cost.headroom:.1f} x this ({aside})"
    return f"{words}; {used}" if used else words


def steady(result: Result) -> str | None:
    """The rate of the first third beside that of the last; None when the run was too short to have thirds."""
    told = result.steady
    if told.first_third_per_s is None or told.last_third_per_s is None:
        return None
    return f"first third {per_second(told.first_third_per_s)}/s, last third {per_second(told.last_third_per_s)}/s"


def recovery(result: Result) -> str | None:
    """The longest silence and when the rate came back; None when nothing was disturbed."""
    told = result.recovery
    if told is None:
        return None
    at = wording.seconds(told.at_s)
    if told.longest_ack_gap_s:
        what = f"no acknowledgement for {wording.seconds(told.longest_ack_gap_s)} from {at} on"
    else:
        what = f"the rate fell to {100 * told.lowest_ratio:.0f} % at {at}"
    regained = told.regained_after_s
    words = [
        what,
        "not back before the end" if regained is None else f"95 % of the rate after {wording.seconds(regained)}",
    ]
    if told.lost is not None and told.duplicated is not None:
        words.append(f"{told.lost:,} lost, {told.duplicated:,} duplicated")
    if told.disturbances > 1:
        words.append(f"the worst of {told.disturbances} disturbances")
    return "; ".join(words)


def doubts(result: Result) -> list[str]:
    """At most three, the rest counted. Not those that the first lines say: a mock, and what made the run invalid."""
    told = [doubt for doubt in result.verdict.doubts if not doubt.invalid and doubt.code != "mock_broker"]
    if not result.verdict.doubts:
        return labelled("doubts", "none")
    lines = [f"{at}: {wording.sentence(doubt)}" for at, doubt in enumerate(told[:MAX_DOUBTS], start=1)]
    if len(told) > MAX_DOUBTS:
        lines.append(f"and {len(told) - MAX_DOUBTS} more in result.json")
    return [f"{'' if at else 'doubts':<9}{line}" for at, line in enumerate(lines)]
