"""A sweep for people and programs: the effects table, the combinations, markdown, CSV. Pure."""

import csv
import io
import math
from collections.abc import Sequence

from loadgen.experiments.byte_budget import GIB
from loadgen.experiments.grid import named
from loadgen.experiments.sweep import SweepRun
from loadgen.experiments.sweep_effects import Effect, SweepAnswer, best_of, few_pairs, least_pairs
from loadgen.experiments.sweep_request import SweepRequest
from loadgen.judge.gate_text import change, p_value, short_name, value
from loadgen.report.markdown import escape
from loadgen.report.wording import MOCK_LINE, clean

HEADS = ("metric", "setting", "change", "95 % interval", "p")


def plan(request: SweepRequest) -> str:
    """What will be done, before the first run."""
    load = "flat out" if not request.at_rate else f"at {request.flags['rate']}"
    lines = [
        *(f"parameter  {each.name}: {', '.join(each.values)}" for each in request.parameters),
        f"each run   {load} for {request.flags['duration']} after {request.flags['warmup']} of warm-up, its own topic "
        "unless -t names one",
        f"runs       {request.runs()} in {request.repeat} blocks, in each every combination once, in a drawn order",
        f"time       about {request.expected_s() / 60:.1f} min; at most {request.max_bytes / GIB:.1f} GiB (--max-bytes)",
    ]
    pairs, least = request.pairs(), least_pairs(request.effects())
    if pairs < least:
        more = math.ceil(least * request.repeat / pairs)
        lines.append(f"doubt      {few_pairs(pairs, request.effects())}: --repeat {more}")
    return "\n".join(lines)


def volume(request: SweepRequest, bytes_per_run: float) -> str:
    """How much all runs will send, once the first has been made."""
    return f"volume     about {bytes_per_run * request.runs() / GIB:.2f} GiB of payload in all"


def progress(request: SweepRequest, runs: Sequence[SweepRun], left_s: float) -> str:
    """One run as it ends."""
    last, metric = runs[-1], request.metrics[0]
    told = last.complaint or f"{short_name(metric)} {value(metric, last.metrics.get(metric, 0.0))}"
    return f"run {len(runs)}/{request.runs()}  {named(last.combination)}  {clean(told)}  {left_s:.0f} s left"


def _row(effect: Effect) -> tuple[str, ...]:
    low = "−∞" if effect.low is None else change(effect.low)
    high = "∞" if effect.high is None else change(effect.high)
    setting = f"{effect.parameter} {effect.reference} → {effect.value}"
    told = change(effect.ratio) if effect.differs else "~"
    return (short_name(effect.metric), setting, told, f"{low} … {high}", p_value(effect.p))


def _columns(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _combinations(answer: SweepAnswer) -> list[tuple[str, ...]]:
    metrics = list(answer.medians[0][1]) if answer.medians else []
    rows: list[tuple[str, ...]] = [("combination (medians)", *(short_name(name) for name in metrics))]
    return rows + [
        (named(combination), *(value(name, medians[name]) for name in metrics))
        for combination, medians in answer.medians
    ]


def headline(answer: SweepAnswer) -> str:
    """The best of the first metric, and how many effects are more than chance."""
    if not answer.medians or not answer.medians[0][1]:
        return "NO ANSWER  no run could stand in a comparison"
    metric = next(iter(answer.medians[0][1]))
    combination, level = best_of(answer, metric)
    moved = sum(effect.differs for effect in answer.effects)
    return (
        f"best {short_name(metric)} {value(metric, level)} with {named(combination)}; "
        f"{moved} of {len(answer.effects)} effects are more than chance"
    )


def text(answer: SweepAnswer, *, on_mock: bool) -> str:
    """For a terminal; ends with one newline."""
    lines = [MOCK_LINE] if on_mock else []
    lines += [headline(answer), ""]
    lines += [f"  {line}" for line in _columns([HEADS, *(_row(effect) for effect in answer.effects)], 2)]
    lines += ["", *(f"  {line}" for line in _columns(_combinations(answer), 1)), ""]
    lines.append(f"  blocks     {answer.blocks}, in each every combination once, in a drawn order")
    lines += [f"  doubt      {clean(doubt.message)}. {clean(doubt.remedy)}" for doubt in answer.doubts]
    return "\n".join(lines) + "\n"


def markdown(answer: SweepAnswer, *, on_mock: bool) -> str:
    """For a pull request; whatever came from outside is escaped."""
    parts = [f"{MOCK_LINE}\n"] if on_mock else []
    parts.append(f"## {escape(headline(answer))}\n")
    for rows in ([HEADS, *(_row(effect) for effect in answer.effects)], _combinations(answer)):
        head, *body = [" | ".join(escape(cell) for cell in row) for row in rows]
        parts.append("\n".join(f"| {line} |" for line in (head, " | ".join(["---"] * len(rows[0])), *body)) + "\n")
    parts += [f"- {escape(doubt.message)}. {escape(doubt.remedy)}" for doubt in answer.doubts]
    return "\n".join(parts).rstrip() + "\n"


def as_csv(runs: Sequence[SweepRun]) -> str:
    """Every run in a row: block, position, parameters, metrics, complaint; numbers as they are."""
    parameters = list(runs[0].combination) if runs else []
    metrics = sorted({name for run in runs for name in run.metrics})
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["block", "position", *parameters, *metrics, "complaint"])
    for run in runs:
        row = [run.combination[name] for name in parameters] + [run.metrics.get(name, "") for name in metrics]
        writer.writerow([run.block, run.position, *row, run.complaint or ""])
    return file.getvalue()
