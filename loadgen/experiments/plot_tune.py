"""A tuner's trials in two pictures side by side, with the Pareto front, the start and the recommendation in each."""

from collections.abc import Sequence
from typing import Any

from loadgen.experiments.plot_experiments import ExperimentPicture, empty_figure, rendered
from loadgen.experiments.trial import Trial
from loadgen.experiments.tune_answer import TuneAnswer
from loadgen.report.plot import BLUE, FAINT, GREEN, VERMILION, formatter, latency_axis, styled
from loadgen.report.wording import short_rate
from loadgen.slo import Rule, parse_rule

LABELS = {
    "rate_per_s": "msg/s",
    "p99_us": "response p99, ms",
    "cpu_us": "CPU a record, µs",
    "wire_bytes": "on the wire a record, bytes",
}
AT_CAPACITY = (("rate_per_s", "p99_us"), ("wire_bytes", "cpu_us"))
AT_RATE = (("cpu_us", "p99_us"), ("wire_bytes", "p99_us"))


@styled
def pareto_picture(
    answer: TuneAnswer, trials: Sequence[Trial], heading: str, *, at_rate: bool, on_mock: bool
) -> ExperimentPicture:
    """Every judged trial a dot: grey missed the SLO, blue met it; the front is ringed."""
    figure = empty_figure(3.8)
    judged = [trial for trial in trials if not trial.pruned and trial.complaint is None]
    panels = AT_RATE if at_rate else AT_CAPACITY
    for number, axes_names in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), number)
        _panel(axes, axes_names, judged, answer)
    figure.axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2, fontsize=7)
    caption = (
        f"{len(trials)} trials, {len(trials) - len(judged)} ended early or not judged. Ringed: none is better in rate, p99, CPU "
        "or wire without being worse in another. Start and best of the search: medians of interleaved runs."
    )
    alt = f"{len(judged)} trials by {' and by '.join(' over '.join(names) for names in panels)}: {heading}"
    return rendered(figure, "pareto", heading, caption, alt, on_mock=on_mock)


def _panel(axes: Any, names: tuple[str, str], trials: Sequence[Trial], answer: TuneAnswer) -> None:
    met = [trial for trial in trials if trial.margin is None or trial.margin < 0]
    missed = [trial for trial in trials if trial.margin is not None and trial.margin >= 0]
    _dots(axes, names, missed, marker=".", color=FAINT, label="missed the SLO")
    _dots(axes, names, met, marker=".", color=BLUE, label="met it")
    _dots(axes, names, answer.front, marker="o", color=BLUE, fillstyle="none", markersize=9, label="front")
    compared: list[Trial] = []
    if answer.confirmed is not None:
        start, candidate = answer.confirmed.start.trial, answer.confirmed.candidate.trial
        _dots(axes, names, [start] if start else [], marker="s", color=VERMILION, label="start")
        best = [candidate] if candidate else []
        _dots(axes, names, best, marker="*", color=GREEN, markersize=12, label="best of the search")
        compared = [trial for trial in (start, candidate) if trial]
    for axis, name in zip((axes.xaxis, axes.yaxis), names, strict=True):
        axis.set_label_text(LABELS[name])
        axis.set_major_formatter(formatter(short_rate if name == "rate_per_s" else lambda value: f"{value:,g}"))
    if names[1] == "p99_us":
        bounds_us = [rule.bound for rule in _bounds(answer.slo)]
        for bound_us in bounds_us:
            axes.axhline(bound_us / 1000, color=GREEN, linestyle=(0, (5, 2)), linewidth=1.2)
        told_us = [trial.values["p99_us"] for trial in (*trials, *compared) if "p99_us" in trial.values]
        latency_axis(axes, [*bounds_us, *told_us])
    axes.tick_params(labelsize=7)


def _dots(axes: Any, names: tuple[str, str], trials: Sequence[Trial], **look: Any) -> None:
    there = [trial.values for trial in trials if all(name in trial.values for name in names)]
    xs, ys = ([_scaled(name, values[name]) for values in there] for name in names)
    axes.plot(xs, ys, linestyle="none", zorder=3, **look)


def _bounds(slo: Sequence[str]) -> list[Rule]:
    """The rules that the axis can show."""
    return [rule for rule in map(parse_rule, slo) if rule.metric == "latency_us.response.p99"]


def _scaled(axis: str, value: float) -> float:
    return value / 1000 if axis == "p99_us" else value
