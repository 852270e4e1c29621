"""A gate for people and for a CI: table, markdown, one line, annotations. Pure: a finished gate in, text out.

Numbers are benchstat's kind: centre, interval, p, and `~` where there is no difference to speak of.
"""

from collections.abc import Sequence

from loadgen.judge.gate import GateRun
from loadgen.judge.variant import Variant
from loadgen.judge.verdict import MetricVerdict
from loadgen.report.markdown import escape
from loadgen.report.result import Doubt
from loadgen.report.wording import MOCK_LINE, clean

HEADS = ("metric", "baseline", "candidate", "change", "95 % interval", "p", "catches from", "")
MAX_DOUBTS = 3


def one_line(run: GateRun, on_mock: bool = False) -> str:
    """The verdict in a line: what, how sure, on how many pairs."""
    verdict = run.verdict
    worst = _leading(verdict.metrics, verdict.verdict)
    what = f"{short_name(worst.name)} {change(worst.ratio)} [{_interval(worst)}], p {p_value(worst.p)}"
    head = f"{verdict.verdict.upper()}  {what}, {verdict.pairs} pairs"
    return f"MOCK  {head}" if on_mock else head


def _leading(metrics: Sequence[MetricVerdict], verdict: str) -> MetricVerdict:
    deciding = [metric for metric in metrics if metric.decides]
    return next((metric for metric in deciding if metric.verdict == verdict), deciding[0])


def table(metrics: Sequence[MetricVerdict]) -> str:
    """The metrics in columns, deciding ones first."""
    rows = [HEADS, *(_row(metric) for metric in metrics)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = []
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)),
        ]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def _row(metric: MetricVerdict) -> tuple[str, ...]:
    outcome = f"{metric.verdict}, limit {metric.limit}" if metric.decides else f"{metric.verdict} (watched)"
    return (
        short_name(metric.name),
        value(metric.name, metric.baseline),
        value(metric.name, metric.candidate),
        "~" if metric.verdict == "~" else change(metric.ratio),
        _interval(metric),
        p_value(metric.p),
        "" if metric.smallest_detectable is None else f"{metric.smallest_detectable:.1%}",
        outcome,
    )


def text(run: GateRun, baseline: Variant, candidate: Variant, *, on_mock: bool = False) -> str:
    """A finished gate for a terminal; ends with one newline."""
    verdict = run.verdict
    lines = [MOCK_LINE] if on_mock else []
    code = f"exit {verdict.exit_code}" if verdict.exit_code else ""
    lines += [f"{one_line(run):<91} {code}".rstrip(), ""]
    lines += [f"  {line}" for line in table(verdict.metrics).splitlines()]
    lines += [
        "",
        f"  baseline   {clean(baseline.text)}",
        f"  candidate  {clean(candidate.text)}",
        f"  pairs      {verdict.pairs} interleaved, the order inside each drawn; stopped by {run.stopped_by}",
        f"  errors     at this look at most {verdict.alarm_error:.2%} false alarms, "
        f"{verdict.pass_error:.2%} passes of a loss at the limit",
    ]
    if run.changed:
        lines.append(f"  differs    {'; '.join(clean(str(difference)) for difference in run.changed[:6])}")
    doubts = all_doubts(run)
    lines += [f"  doubt      {clean(doubt.message)}. {clean(doubt.remedy)}" for doubt in doubts[:MAX_DOUBTS]]
    if len(doubts) > MAX_DOUBTS:
        lines.append(f"  doubts     {len(doubts) - MAX_DOUBTS} more, in experiment.json")
    return "\n".join(lines) + "\n"


def markdown(
    run: GateRun, baseline: Variant, candidate: Variant, *, on_mock: bool = False, heading: str | None = None
) -> str:
    """The same for a pull request or a step summary; whatever came from outside is escaped.

    Args:
        heading: instead of the verdict in a line.
    """
    parts = [f"{MOCK_LINE}\n"] if on_mock else []
    parts.append(f"## {escape(heading or one_line(run))}\n")
    parts.append(f"baseline {escape(baseline.text)}, candidate {escape(candidate.text)}\n")
    rows = [
        list(HEADS),
        ["---"] * len(HEADS),
        *([escape(cell) for cell in _row(metric)] for metric in run.verdict.metrics),
    ]
    parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n")
    if run.changed:
        parts.append("Differs: " + "; ".join(escape(str(difference)) for difference in run.changed) + "\n")
    parts += [f"- {escape(doubt.message)}. {escape(doubt.remedy)}" for doubt in all_doubts(run)]
    return "\n".join(parts).rstrip() + "\n"


def annotations(run: GateRun) -> list[str]:
    """Workflow commands of GitHub Actions: an error for each regressed metric, a warning when it is inconclusive."""
    found = []
    for metric in run.verdict.metrics:
        if metric.decides and metric.verdict in {"regressed", "inconclusive"}:
            level = "error" if metric.verdict == "regressed" else "warning"
            told = f"{short_name(metric.name)} {metric.verdict}: {change(metric.ratio)} [{_interval(metric)}]"
            found.append(annotation(level, f"{told}, p {p_value(metric.p)}, limit {metric.limit}"))
    return found


def annotation(level: str, message: str) -> str:
    """A workflow command, which ends at the line's end and takes per cent for an escape."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{level} title=loadgen gate::{escaped}"


def all_doubts(run: GateRun) -> list[Doubt]:
    """Those of the gate, then those of its deciding metrics, each once."""
    found = list(run.verdict.doubts)
    for metric in run.verdict.metrics:
        if metric.decides:
            found += [
                Doubt(doubt.code, f"{short_name(metric.name)}: {doubt.message}", doubt.remedy)
                for doubt in metric.doubts
            ]
    return list({(doubt.code, doubt.message): doubt for doubt in found}.values())


def short_name(metric: str) -> str:
    """A path without the part that every latency has."""
    return metric.removeprefix("latency_us.")


def change(ratio: float) -> str:
    """`-4.1 %`, `+12.3 %`; from tenfold on `× 35.1`."""
    return f"× {ratio:,.3g}" if ratio >= 10 else f"{100 * (ratio - 1):+.1f} %"


def value(metric: str, number: float) -> str:
    """A value in its metric's unit: latencies in ms, the rest with three or four digits."""
    if metric.startswith("latency_us."):
        return f"{number / 1000:,.3g} ms" if number < 999_500 else f"{number / 1000:,.0f} ms"
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def p_value(p: float) -> str:
    """Three digits behind the point, or below what they can show."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"


def _interval(metric: MetricVerdict) -> str:
    low = "−∞" if metric.low is None else change(metric.low)
    high = "∞" if metric.high is None else change(metric.high)
    return f"{low} … {high}"
