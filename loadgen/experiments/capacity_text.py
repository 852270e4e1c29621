"""A capacity search for people: one line while it runs, the answer, the hockey stick as a table, markdown. Pure."""

from collections.abc import Sequence
from typing import Any

from loadgen.experiments.byte_budget import GIB
from loadgen.experiments.capacity import Search
from loadgen.experiments.capacity_answer import Probe
from loadgen.experiments.capacity_found import Found
from loadgen.experiments.capacity_request import CapacityRequest
from loadgen.experiments.step import JudgedStep
from loadgen.report.markdown import escape
from loadgen.report.result import Doubt
from loadgen.report.wording import MOCK_LINE, clean, milliseconds, short_rate

HEADS = ("msg/s", "p50 ms", "p99 ms", "p99.9 ms", "")


def plan(request: CapacityRequest) -> str:
    """What will be done, before the first run."""
    rules = " and ".join(rule.text for rule in request.rules)
    least = f"{request.least_per_s:,.0f}/s" if request.least_per_s else "a thousandth of what a probe reaches"
    most = f"{request.most_per_s:,.0f}/s, which nothing exceeds" if request.most_per_s else "where it ends"
    soak = f", then {request.soak_s / 60:g} min of soak" if request.soak_s else ""
    return (
        f"slo        {rules}\n"
        f"rates      from {least} to {most}\n"
        f"each step  {request.search_s:g} s after {request.warmup_s:g} s of warm-up, its own topic unless -t names one; "
        f"at the edge {request.confirm_runs} × {request.confirm_s:g} s{soak}\n"
        f"time       about {request.expected_s() / 60:.0f} min, at most {request.longest_s() / 60:.0f}; "
        f"at most {request.max_bytes / GIB:.1f} GiB (--max-bytes)"
    )


def volume(request: CapacityRequest, probe: Probe, most_bytes: float) -> str:
    """What the probe reached, and what all steps may send: before the first of them."""
    capped = "" if most_bytes <= request.max_bytes else "; --max-bytes may end it early, to be resumed"
    how = "at --max" if request.most_per_s else "flat out"
    return f"{how:<9}  {probe.acked_per_s:,.0f} msg/s; the steps send at most about {most_bytes / GIB:,.1f} GiB{capped}"


def progress(request: CapacityRequest, search: Search, step: JudgedStep) -> str:
    """One step as it ends: what it was, how it went, what is known by now, how long it may still take."""
    low, high = search.bounds()
    known = f"between {_rate(low)} and {_rate(None if high == float('inf') else high)}"
    p99 = step.response_us.get("p99")
    left_s = request.left_s([each.purpose for each in search.steps])
    left = f"about {left_s / 60:.0f} min left" if left_s >= 60 else "less than a minute left"
    told = f"{step.rate_per_s:>12,.0f} msg/s  p99 {milliseconds(p99):>7} ms  {verdict_of(step):<34}"
    return f"{step.purpose:<8}{told}{known}; {left}"


def _rate(rate: float | None) -> str:
    return "?" if rate is None else short_rate(rate)


def verdict_of(step: JudgedStep) -> str:
    """What a step says, in words."""
    if step.invalid:
        return f"cannot be judged: {step.invalid}"
    if step.generator:
        return "this host could not offer it"
    if step.overloaded:
        return "the cluster did not take it"
    return "met" if step.held else f"missed {step.worst}"


def headline(found: Found, answer: dict[str, Any]) -> str:
    """The answer in a line: rate, interval, volume, SLO, how long it held."""
    slo = " and ".join(answer["slo"])
    held = f"held {found.held_per_s:,.0f} for {found.held_runs} × {answer['held_s']:g} s" if found.held_per_s else ""
    mib = f", {answer['mib_per_s']:,.1f} MiB/s" if answer["mib_per_s"] else ""
    if found.bound == "interval" and found.rate_per_s and found.low and found.high:
        return f"{found.rate_per_s:,.0f} ± {(found.high - found.low) / 2:,.0f} msg/s{mib} at {slo}; {held}"
    if found.bound == "at_least":
        why = "--max" if found.stopped_by == "max" else "this host: add --workers or hosts"
        return f"at least {found.rate_per_s:,.0f} msg/s{mib} at {slo}, bound by {why}; {held}"
    if found.bound == "below_min":
        if found.stopped_by == "generator":
            return f"NO ANSWER  this host could not offer even the least rate; {slo}"
        return f"BELOW THE MINIMUM  no rate from --min on meets {slo}"
    return f"NO STEADY STATE  {clean(found.doubts[-1].message) if found.doubts else ''}"


def curve(steps: Sequence[JudgedStep]) -> list[JudgedStep]:
    """The steps that have latencies, by rate, for a table or a picture."""
    return sorted((step for step in steps if step.response_us.get("p99") is not None), key=lambda step: step.rate_per_s)


def text(found: Found, answer: dict[str, Any], steps: Sequence[JudgedStep], *, on_mock: bool) -> str:
    """The whole answer; ends with one newline."""
    lines = [MOCK_LINE] if on_mock else []
    code = answer["exit_code"]
    lines += [f"{headline(found, answer):<91} {f'exit {code}' if code else ''}".rstrip(), ""]
    lines += [f"  {line}" for line in _table(steps)]
    lines += ["", f"  limit      {answer['limited_by'].replace('_', ' ')}"]
    lines.append(overhead(answer.get("overhead_share", 0.0), answer.get("sending_share", 0.0)))
    lines += [f"  doubt      {clean(doubt.message)}. {clean(doubt.remedy)}" for doubt in doubts_of(answer)]
    return "\n".join(lines) + "\n"


def overhead(outside: float, sending: float) -> str:
    """Where the wall time went, as shares of it."""
    return f"  overhead   {outside:.0%} of the time outside of runs, {sending:.0%} sending"


def doubts_of(answer: dict[str, Any]) -> list[Doubt]:
    """The answer's doubts."""
    return list(answer["doubts"])


def _rows(steps: Sequence[JudgedStep]) -> list[tuple[str, ...]]:
    return [
        (
            f"{step.rate_per_s:,.0f}",
            *(milliseconds(step.response_us.get(name)) for name in ("p50", "p99", "p99_9")),
            verdict_of(step) if step.purpose == "search" else f"{step.purpose}: {verdict_of(step)}",
        )
        for step in curve(steps)
    ]


def _table(steps: Sequence[JudgedStep]) -> list[str]:
    rows = [HEADS, *_rows(steps)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS) - 1)]
    return [
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def markdown(found: Found, answer: dict[str, Any], steps: Sequence[JudgedStep], *, on_mock: bool) -> str:
    """For a pull request or a step summary; whatever came from outside is escaped."""
    parts = [f"{MOCK_LINE}\n"] if on_mock else []
    parts.append(f"## {escape(headline(found, answer))}\n")
    rows = [HEADS, ("---",) * len(HEADS), *(tuple(escape(cell) for cell in row) for row in _rows(steps))]
    parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n")
    parts.append(f"Limit: {escape(answer['limited_by'])}.\n")
    parts += [f"- {escape(doubt.message)}. {escape(doubt.remedy)}" for doubt in doubts_of(answer)]
    return "\n".join(parts).rstrip() + "\n"
