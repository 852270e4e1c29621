"""The hockey stick: response over offered rate, with the knee, the SLO and the interval of the answer."""

import math
from collections.abc import Sequence

from loadgen.experiments.capacity_found import Found
from loadgen.experiments.capacity_text import curve
from loadgen.experiments.plot_experiments import ExperimentPicture, empty_figure, rendered
from loadgen.experiments.step import JudgedStep
from loadgen.report.plot import BLUE, FAINT, GREEN, PURPLE, SHADE, VERMILION, formatter, latency_axis, styled
from loadgen.report.wording import short_rate
from loadgen.slo import Rule

RISEN = 2.0  # last over first: scaled to 0 … 1, the noise of a flat curve would bend too
LINES = (("p50", BLUE, "p50"), ("p99", VERMILION, "p99"), ("p99_9", PURPLE, "p99.9"))


def knee(rates: Sequence[float], latencies: Sequence[float]) -> float | None:
    """The rate at which the latency turns up: where the curve lies furthest below the line from its first to its last point.

    Both axes are scaled to 0 … 1, the latency's logarithm (Satopää et al., ICDCSW 2011). None: fewer than four rates, or a
    latency that does not rise.
    """
    if len(rates) < 4 or rates[-1] <= rates[0] or latencies[-1] < RISEN * latencies[0]:
        return None
    logs = [math.log(latency) for latency in latencies]
    distances = [
        (rate - rates[0]) / (rates[-1] - rates[0]) - (log - logs[0]) / (logs[-1] - logs[0])
        for rate, log in zip(rates, logs, strict=True)
    ]
    best = max(range(len(rates)), key=lambda index: distances[index])
    return rates[best] if distances[best] > 0.1 else None


def medians_by_rate(steps: Sequence[JudgedStep], name: str) -> tuple[list[float], list[float]]:
    """Rates in order, and the median of one quantile of the runs at each, µs."""
    found: dict[float, list[float]] = {}
    for step in steps:
        value = step.response_us.get(name)
        if value:
            found.setdefault(step.rate_per_s, []).append(value)
    rates = sorted(found)
    return rates, [sorted(found[rate])[len(found[rate]) // 2] for rate in rates]


@styled
def hockey_stick(
    steps: Sequence[JudgedStep], found: Found, rules: Sequence[Rule], heading: str, *, on_mock: bool
) -> ExperimentPicture:
    """The picture of a search; every run a dot, lines through the medians at each rate."""
    shown = curve(steps)
    figure = empty_figure(4.2)
    axes = figure.add_subplot()
    interval = bool(found.low and found.high)
    if interval:
        axes.axvspan(found.low, found.high, color=SHADE, zorder=0)
    for name, color, label in LINES:
        rates, values = medians_by_rate(shown, name)
        if rates:
            axes.plot(rates, [value / 1000 for value in values], color=color, label=label)
            dots = [(step.rate_per_s, step.response_us[name]) for step in shown if step.response_us.get(name)]
            axes.plot(
                [x for x, _ in dots], [(y or 0) / 1000 for _, y in dots], ".", color=color, markersize=4, alpha=0.6
            )
    for rule in rules:
        if rule.is_latency:
            axes.axhline(rule.bound / 1000, color=GREEN, linestyle=(0, (5, 2)), linewidth=1.2)
            axes.text(
                0.01,
                rule.bound / 1000,
                rule.text,
                transform=axes.get_yaxis_transform(),
                fontsize=7,
                va="bottom",
                color=GREEN,
            )
    bend = knee(*medians_by_rate(shown, "p99"))
    if bend:
        axes.axvline(bend, color=FAINT, linestyle=(0, (2, 2)), linewidth=0.9)
        axes.text(
            bend, 0.95, f" knee {short_rate(bend)}", transform=axes.get_xaxis_transform(), fontsize=7, color=FAINT
        )
    told_us = [step.response_us.get(name) or 0.0 for step in shown for name, _, _ in LINES]
    latency_axis(axes, [*told_us, *(rule.bound for rule in rules if rule.is_latency)])
    axes.xaxis.set_major_formatter(formatter(short_rate))
    axes.set_xlim(0, None)
    axes.set_xlabel("offered rate, msg/s")
    axes.set_ylabel("response, ms")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    alt = f"Response over offered rate, {len(shown)} runs: {heading}"
    caption = (
        f"{len(shown)} open-loop runs, each with its own warm-up{'; shaded: the interval of the answer' * interval}."
    )
    return rendered(figure, "hockey-stick", heading, caption, alt, on_mock=on_mock)
