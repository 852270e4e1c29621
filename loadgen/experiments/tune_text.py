"""A tuner for people: what it will do, a line a trial, the recommendation with its interval, front, blocks to paste. Pure."""

from collections.abc import Sequence

from loadgen.experiments.byte_budget import GIB
from loadgen.experiments.capacity_text import overhead
from loadgen.experiments.grid import Combination, named
from loadgen.experiments.paste import Pasted, blocks
from loadgen.experiments.trial import OBJECTIVES, Trial
from loadgen.experiments.tune_answer import TuneAnswer
from loadgen.experiments.tune_request import PAIRS, TuneRequest
from loadgen.experiments.tune_session import CONFIRM
from loadgen.judge.gate_text import change
from loadgen.report.markdown import escape
from loadgen.report.wording import ABSENT, MOCK_LINE, clean, milliseconds, number, per_second

HEADS = ("msg/s", "p99 ms", "CPU µs/msg", "wire B/msg", "settings")


def plan(request: TuneRequest) -> str:
    """What will be done, before the first run."""
    load = f"at {request.flags['rate']}" if request.at_rate else "flat out, then at 70 % of that"
    budget = f", at most {request.budget_s / 60:g} min" if request.budget_s else ""
    lines = [
        f"objective  {request.objective}, with {' and '.join(rule.text for rule in request.rules)}",
        *(f"searches   {each.name}: {', '.join(each.values)}" for each in request.space if len(each.values) > 1),
        f"to beat    {named(request.start)}",
        f"each trial {load}: {request.run_s:g} s after {request.warmup_s:g} s of warm-up, its own topic unless -t names one",
        f"trials     about {request.count()}, then {PAIRS} interleaved pairs of the best and the start",
        f"time       about {request.expected_s() / 60:.1f} min{budget}; at most {request.max_bytes / GIB:.1f} GiB (--max-bytes)",
    ]
    return "\n".join(lines)


def volume(request: TuneRequest, bytes_per_trial: float) -> str:
    """How much all trials will send, once the first has been made."""
    return f"volume     about {bytes_per_trial * (request.count() + 2 * PAIRS) / GIB:.1f} GiB of payload in all"


def progress(request: TuneRequest, steps: Sequence[Trial], left_s: float) -> str:
    """One trial as it ends."""
    last = steps[-1]
    confirming = sum(step.origin == CONFIRM for step in steps)
    place = f"confirm {confirming}/{2 * PAIRS}" if confirming else f"trial {len(steps)}/{request.count()}"
    return f"{place:<15}{outcome(last, request.objective):<40} {named(differing(last, request))}  {max(left_s, 0):.0f} s left"


def outcome(trial: Trial, objective: str) -> str:
    """How a trial went."""
    if trial.complaint:
        return f"cannot be judged: {clean(trial.complaint)}"
    if trial.pruned:
        return "ended early: far behind, or the rate was not taken"
    axis = OBJECTIVES[objective][0]
    slo = "" if trial.margin is None else "met" if trial.margin < 0 else "missed"
    p99 = milliseconds(trial.values.get("p99_us"))
    value = "" if axis == "p99_us" else f"{shown_value(axis, trial.values.get(axis))}, "
    return f"{value}p99 {p99} ms, SLO {slo}"


def differing(trial: Trial, request: TuneRequest) -> Combination:
    """What of a trial's settings is not the start's."""
    told = {name: value for name, value in trial.combination.items() if value != request.start[name]}
    return told or {"start": "as it is"}


def shown_value(axis: str, value: float | None) -> str:
    """An axis's value with its unit."""
    if value is None:
        return ABSENT
    units = {
        "rate_per_s": f"{per_second(value)} msg/s",
        "p99_us": f"p99 {milliseconds(value)} ms",
        "cpu_us": f"{value:.2f} µs of CPU a record",
        "wire_bytes": f"{value:,.0f} bytes on the wire a record",
    }
    return units[axis]


def headline(answer: TuneAnswer) -> str:
    """The recommendation in a line, with its interval."""
    if answer.best is None:
        if answer.exit_code == 99:
            return f"SLO MISSED  no settings tried meet {' and '.join(answer.slo)}"
        if answer.exit_code == 6:
            return "NOT CONFIRMED  what met the SLO in the search missed it when it was run again"
        return "NO ANSWER  no trial could be judged"
    axis = OBJECTIVES[answer.objective][0]
    now = shown_value(axis, answer.best.values.get(axis))
    if answer.recommendation == "keep":
        return f"keep what you have: {now}; nothing tried was better"
    sure = "" if answer.recommendation == "better" else ", not shown to be better"
    return f"{now}, {interval(answer)} against the start{sure}"


def interval(answer: TuneAnswer) -> str:
    """`+12.3 % (95 %: +8.1 % … +15.0 %)`, of the objective's axis."""
    told = answer.confirmed
    if told is None or told.ratio is None:
        return ABSENT
    low = "−∞" if told.low is None else change(told.low)
    high = "∞" if told.high is None else change(told.high)
    return f"{change(told.ratio)} (95 %: {low} … {high}, {told.pairs} pairs)"


def valid_for(answer: TuneAnswer) -> str:
    """What the recommendation rests on; elsewhere batches fill in another way."""
    told = answer.valid_for
    rate = told.get("per_producer_per_s")
    parts = [
        f"{per_second(rate)} msg/s a producer" if rate else "",
        f"{number(told['partitions'])} partitions" if told.get("partitions") else "",
        f"records of {number(round(told['record_bytes']))} B" if told.get("record_bytes") else "",
        f"key {told['key']}" if told.get("key") else "",
    ]
    return f"valid for {', '.join(part for part in parts if part)}"


def pasted(answer: TuneAnswer, *, on_mock: bool) -> Pasted | None:
    """The blocks to paste, with what they are valid for above; None: nothing is recommended."""
    if answer.best is None:
        return None
    stamp = f"{MOCK_LINE}; " if on_mock else ""
    return blocks(answer.best.properties, answer.best.settings, f"{stamp}loadgen tune: {valid_for(answer)}")


def text(answer: TuneAnswer, *, on_mock: bool) -> str:
    """For a terminal; ends with one newline."""
    lines = [MOCK_LINE] if on_mock else []
    code = f"exit {answer.exit_code}" if answer.exit_code else ""
    lines += [f"{headline(answer):<91} {code}".rstrip(), ""]
    if answer.best is not None:
        lines += [f"  change     {name} {old} → {new}" for name, (old, new) in answer.best.changed.items()]
        lines += [f"  why        {clean(sentence)}" for sentence in answer.why]
    if answer.confirmed is not None:
        sides = (("the start", answer.confirmed.start), ("the best", answer.confirmed.candidate))
        met = ", ".join(f"{name} {side.met} of {side.runs}" for name, side in sides)
        lines.append(f"  re-run     runs that met the SLO: {met}")
    lines += [f"  doubt      {clean(doubt.message)}. {clean(doubt.remedy)}" for doubt in answer.doubts]
    lines += [
        "",
        "  Pareto front, of the combinations that meet the SLO",
        *(f"  {line}" for line in _table(answer.front)),
    ]
    if (block := pasted(answer, on_mock=on_mock)) is not None:
        lines += ["", block.librdkafka.rstrip(), "", "  Java: paste.java.properties; profile: paste.toml"]
    lines.append(overhead(answer.overhead_share, answer.sending_share))
    return "\n".join(lines) + "\n"


def _rows(front: Sequence[Trial]) -> list[tuple[str, ...]]:
    by_rate = sorted(front, key=lambda trial: -trial.values.get("rate_per_s", 0.0))
    return [
        (
            per_second(trial.values["rate_per_s"]) if "rate_per_s" in trial.values else ABSENT,
            milliseconds(trial.values.get("p99_us")),
            f"{trial.values['cpu_us']:.2f}" if "cpu_us" in trial.values else ABSENT,
            f"{trial.values['wire_bytes']:,.0f}" if "wire_bytes" in trial.values else ABSENT,
            named(trial.combination),
        )
        for trial in by_rate
    ]


def _table(front: Sequence[Trial]) -> list[str]:
    rows = [HEADS, *_rows(front)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS) - 1)]
    return [
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def markdown(answer: TuneAnswer, *, on_mock: bool) -> str:
    """For a pull request or a step summary; whatever came from outside is escaped."""
    parts = [f"{MOCK_LINE}\n"] if on_mock else []
    parts.append(f"## {escape(headline(answer))}\n")
    parts += [f"- {escape(sentence)}" for sentence in answer.why]
    parts += [f"- {escape(doubt.message)}. {escape(doubt.remedy)}" for doubt in answer.doubts]
    rows = [HEADS, ("---",) * len(HEADS), *(tuple(escape(cell) for cell in row) for row in _rows(answer.front))]
    parts.append("\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n")
    if (block := pasted(answer, on_mock=on_mock)) is not None:
        told = (
            ("librdkafka", "properties", block.librdkafka),
            ("Java", "properties", block.java),
            ("profile", "toml", block.profile),
        )
        parts += [f"{name}:\n\n```{kind}\n{content}```\n" for name, kind, content in told]
    return "\n".join(parts).rstrip() + "\n"
