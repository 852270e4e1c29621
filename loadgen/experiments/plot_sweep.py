"""A sweep in pictures: a heat map for two parameters, small multiples for more, dots for one."""

import statistics
from collections.abc import Sequence
from typing import Any

from loadgen.experiments.grid import Parameter, named
from loadgen.experiments.plot_experiments import ExperimentPicture, empty_figure, rendered
from loadgen.experiments.sweep import SweepRun
from loadgen.experiments.sweep_effects import SweepAnswer, best_of
from loadgen.judge.gate_text import short_name, value
from loadgen.report.plot import BLUE, FAINT, formatter, styled
from loadgen.report.wording import short_rate

MAX_PANELS = 12


@styled
def sweep_picture(answer: SweepAnswer, runs: Sequence[SweepRun], metric: str, *, on_mock: bool) -> ExperimentPicture:
    """One metric over the grid."""
    good = [run for run in runs if run.complaint is None and metric in run.metrics]
    single = len(answer.parameters) == 1
    figure = _dots(answer.parameters[0], good, metric) if single else _maps(answer.parameters, good, metric)
    winner, level = best_of(answer, metric)
    heading = f"{short_name(metric)}: {value(metric, level)} with {named(winner)}"
    caption = f"Medians of {answer.blocks} blocks, in each every combination once, in a drawn order; {len(good)} runs."
    name = f"sweep-{short_name(metric).replace('.', '-')}"
    return rendered(figure, name, heading, caption, f"{short_name(metric)} over the grid: {heading}", on_mock=on_mock)


def _dots(parameter: Parameter, runs: Sequence[SweepRun], metric: str) -> Any:
    figure = empty_figure(3.4)
    axes = figure.add_subplot()
    for place, each in enumerate(parameter.values):
        values = [_scaled(metric, run.metrics[metric]) for run in runs if run.combination[parameter.name] == each]
        axes.plot([place] * len(values), values, ".", color=BLUE)
        if values:
            axes.plot([place - 0.2, place + 0.2], [statistics.median(values)] * 2, color=BLUE)
    axes.set_xticks(range(len(parameter.values)), parameter.values)
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter(formatter(_short))
    axes.set_xlabel(parameter.name)
    axes.set_ylabel(_unit(metric))
    return figure


def _maps(parameters: Sequence[Parameter], runs: Sequence[SweepRun], metric: str) -> Any:
    """One heat map of the first two parameters for every combination of the others."""
    rows, columns, rest = parameters[0], parameters[1], parameters[2:]
    panels: list[dict[str, str]] = [{}]
    for parameter in rest:
        panels = [{**panel, parameter.name: each} for panel in panels for each in parameter.values]
    panels = panels[:MAX_PANELS]
    wide = min(len(panels), 3)
    high = -(-len(panels) // wide)
    figure = empty_figure(1.2 + high * (0.7 + 0.42 * len(rows.values)))
    grids = [_grid(rows, columns, panel, runs, metric) for panel in panels]
    known = [cell for grid in grids for line in grid for cell in line if cell == cell]
    for number, (panel, grid) in enumerate(zip(panels, grids, strict=True), start=1):
        axes = figure.add_subplot(high, wide, number)
        axes.imshow(grid, cmap="cividis", aspect="auto", vmin=min(known, default=0), vmax=max(known, default=1))
        axes.grid(False)
        axes.set_xticks(range(len(columns.values)), columns.values)
        axes.set_yticks(range(len(rows.values)), rows.values)
        axes.set_xlabel(columns.name)
        axes.set_ylabel(rows.name)
        axes.set_title(" ".join(f"{name}={each}" for name, each in panel.items()), fontsize=8)
        middle = (min(known, default=0) + max(known, default=1)) / 2
        for y, line in enumerate(grid):
            for x, cell in enumerate(line):
                shade = FAINT if cell != cell else "black" if cell > middle else "white"
                axes.text(
                    x, y, "–" if cell != cell else _short(cell), ha="center", va="center", fontsize=8, color=shade
                )
    return figure


def _grid(
    rows: Parameter, columns: Parameter, panel: dict[str, str], runs: Sequence[SweepRun], metric: str
) -> list[list[float]]:
    grid = []
    for row in rows.values:
        line = []
        for column in columns.values:
            wanted = {**panel, rows.name: row, columns.name: column}
            values = [_scaled(metric, run.metrics[metric]) for run in runs if run.combination == wanted]
            line.append(statistics.median(values) if values else float("nan"))
        grid.append(line)
    return grid


def _scaled(metric: str, number: float) -> float:
    return number / 1000 if metric.startswith("latency_us.") else number


def _short(number: float) -> str:
    return short_rate(number) if number >= 10_000 else f"{number:,.3g}"


def _unit(metric: str) -> str:
    return f"{short_name(metric)}, ms" if metric.startswith("latency_us.") else short_name(metric)
