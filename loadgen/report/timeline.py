"""The picture of a run over time: what was asked, what was acknowledged, and how long it took, second by second."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from loadgen.report import plot, wording
from loadgen.report.curves import offered_line, spans
from loadgen.report.stored import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKED_POINTS = 40  # fewer rows than this are drawn with a dot each
PHASES = {"warmup": "warm-up, not counted", "measured": "measured", "drain": "drain, not counted"}


@plot.styled
def timeline(run: Run) -> plot.Picture | None:
    """Rate above, latency below; the same seconds. None when the run has no rows."""
    rows, result = run.intervals, run.result
    if not rows:
        return None
    open_loop = result.plan.loop == "open"
    edges = [rows[0].second - rows[0].length_s, *(row.second for row in rows)]
    rates = [row.acked_per_s for row in rows]
    p50 = [row.p50_us if open_loop else row.request_rtt_p50_us for row in rows]
    p99 = [row.p99_us if open_loop else row.request_rtt_p99_us for row in rows]
    asked = offered_line(result, edges[-1])
    figure = plot.canvas(4.0, [run], 2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1))

    upper.stairs(rates, edges, color=plot.BLUE, linewidth=1.6, label="acknowledged", baseline=None)
    if asked:
        upper.plot(*zip(*asked, strict=True), color=plot.INK, linestyle=(0, (4, 3)), linewidth=1.1, label="asked")
    failed = [row.second - row.length_s / 2 for row in rows if row.failed or row.unknown or row.rejected]
    if failed:
        ground_line = [0.0] * len(failed)
        upper.plot(
            failed, ground_line, "x", color=plot.VERMILION, markersize=6, clip_on=False, label="some not acknowledged"
        )
    upper.set_ylim(0, max([*rates, *(per_s for _, per_s in asked), 1]) * 1.12)
    upper.yaxis.set_major_formatter(plot.formatter(_thousands))
    upper.set_ylabel("records per second")
    plot.legend(upper, 3)

    times = [row.second - row.length_s / 2 for row in rows]
    what = "response, from when due" if open_loop else "produce request, round trip"
    marker = "." if len(rows) < MARKED_POINTS else ""
    for values, name, color, style in ((p99, "p99", plot.VERMILION, "-"), (p50, "p50", plot.BLUE, "--")):
        label = f"{name} of {what}"
        lower.plot(times, _gaps(values), color=color, linestyle=style, label=label, marker=marker)
    if not any(value is not None for value in (*p50, *p99)):
        lower.text(0.5, 0.5, "not timed", transform=lower.transAxes, ha="center", color=plot.FAINT)
    plot.latency_axis(lower, [value for value in (*p50, *p99) if value])
    lower.set_ylabel("latency, ms")
    lower.set_xlabel("seconds from the start")
    lower.set_xlim(edges[0], edges[-1])
    plot.legend(lower, 2)
    for axes in (upper, lower):
        _not_counted(axes, run, told=axes is upper)
        _disturbed(axes, run, edges[-1], told=axes is upper)
    figure.align_ylabels()
    labels = [f"second {row.second:.3g}, {PHASES[row.phase]}" for row in rows]
    panels = [
        (upper, times, labels, [plot.Series("acknowledged", "/s", list(rates)), *_asked_series(asked, times)]),
        (
            lower,
            times,
            labels,
            [plot.Series("p50", "ms", _thousandth(p50)), plot.Series("p99", "ms", _thousandth(p99))],
        ),
    ]
    alt = f"Rate and {what} over {wording.seconds(edges[-1])}: {wording.headline(result)}"
    return plot.finished(figure, [run], "timeline", "Rate and latency over time", alt, panels)


def _not_counted(axes: "Axes", run: Run, *, told: bool) -> None:
    """Shade what the result leaves out, and say so on the first axes."""
    for phase in ("warmup", "drain"):
        for start, end in spans(run.intervals, phase):
            axes.axvspan(start, end, color=plot.SHADE, linewidth=0, zorder=0)
            share = (end - start) / (run.intervals[-1].second or 1)
            if told and (phase == "warmup" or share > 0.1):
                text = PHASES[phase].replace(" ", "\n", 0 if share > 0.18 else 1 if share > 0.09 else 2)
                look: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "va": "bottom", "fontsize": 8}
                at, align = ((start + end) / 2, "center") if share > 0.05 else (start, "left")
                axes.text(at, 0.04, text, ha=align, color=plot.FAINT, **look)


def _disturbed(axes: "Axes", run: Run, end_s: float, *, told: bool) -> None:
    """A band from a disturbance's begin to the regained rate, darker while nothing was acknowledged."""
    found = run.result.recovery
    if found is None:
        return
    until_s = end_s if found.regained_after_s is None else found.at_s + found.regained_after_s
    look: dict[str, Any] = {"color": plot.VERMILION, "linewidth": 0, "zorder": 0}
    axes.axvspan(found.at_s, until_s, alpha=0.10, **look)
    axes.axvspan(found.at_s, found.at_s + found.longest_ack_gap_s, alpha=0.12, **look)
    if told:
        gap_s = found.longest_ack_gap_s
        text = f"no acknowledgement\nfor {wording.seconds(gap_s)}" if gap_s else "rate below\nthe usual"
        left = found.at_s < end_s / 2
        axes.annotate(
            text,
            (found.at_s if left else until_s, 0.6),
            (4 if left else -4, 0),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="left" if left else "right",
            va="center",
            fontsize=8,
            color=plot.VERMILION,
        )


def _thousands(value: float) -> str:
    return f"{value / 1000:g} k" if value >= 1000 else f"{value:g}"


def _gaps(values_us: Sequence[float | None]) -> list[float]:
    """µs as ms for a line, which has a gap where there is none."""
    return [float("nan") if value is None else value / 1000 for value in values_us]


def _thousandth(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else value / 1000 for value in values]


def _asked_series(corners: Sequence[tuple[float, float]], times: Sequence[float]) -> list[plot.Series]:
    if not corners:
        return []
    values = np.interp(times, [at for at, _ in corners], [per_s for _, per_s in corners], right=float("nan"))
    return [plot.Series("asked", "/s", [None if value != value else float(value) for value in values])]
