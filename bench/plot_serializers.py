"""Pictures of `serializers.json`: orders a second by library and size, and how far each is from the fastest."""

import re
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.cases import HARNESS
from bench.plot_style import LEAST_WIDTH_IN, heading, look
from bench.serializer_rows import UNVALIDATED, Row

FAMILIES = ("msgspec", "orjson", "pydantic", "json")
ROW_IN = 0.26


def plot_throughput(rows: Sequence[Row]) -> Figure:
    """Orders encoded a second, a panel for each number of line items, a bar for each library."""
    timed = [row for row in rows if row.operation == "encode" and row.median_ns and _items(row)]
    sizes = sorted({_items(row) for row in timed})
    order = _fastest_last(timed, _first(sizes, 3))
    figure, panels = plt.subplots(
        1,
        len(sizes),
        figsize=(max(2.1 * len(sizes) + 1.8, LEAST_WIDTH_IN), ROW_IN * len(order) + 1.8),
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for axes, size in zip(panels[0], sizes, strict=True):
        for row in timed:
            if _items(row) != size:
                continue
            rate, least, most = (1e6 / (time_ns or 1) for time_ns in (row.median_ns, row.high_ns, row.low_ns))
            axes.barh(
                order.index(row.library),
                rate,
                xerr=[[rate - least], [most - rate]],
                capsize=2,
                error_kw={"linewidth": 0.8},
                height=0.7,
                **look(_family(row.library)),
            )
            axes.annotate(
                f"{rate:.3g}" if rate < 1000 else f"{rate:,.0f}",
                (most, order.index(row.library)),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
        axes.set(title=f"{size} line item{'s' * (size != 1)}", xlabel="thousand orders/s")
        axes.set_yticks(range(len(order)), order)
        axes.margins(x=0.28)
        axes.grid(visible=False, axis="y")
    covered = min((row.coverage or 0.0 for row in timed), default=0.0)
    families = [name for name in FAMILIES if any(_family(library) == FAMILIES.index(name) for library in order)]
    heading(
        figure,
        f"Encoding an order event on one core: medians, {100 * covered:.0f} % intervals over processes",
        [Patch(label=name, **look(FAMILIES.index(name))) for name in families],
    )
    return figure


def plot_ratios(rows: Sequence[Row], shapes: Sequence[str]) -> Figure:
    """Time ÷ the fastest library's, a panel for each operation, the shapes beside one another."""
    chosen = [row for row in rows if row.shape in shapes and row.median_ns]
    operations = list(dict.fromkeys(row.operation for row in chosen))
    libraries = _fastest_last(chosen, shapes[0])
    figure, panels = plt.subplots(
        1,
        len(operations),
        figsize=(max(2.2 * len(operations) + 1.8, LEAST_WIDTH_IN), ROW_IN * 1.5 * len(libraries) + 1.8),
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    labels = {row.library: row.label for row in chosen}
    height = 0.8 / len(shapes)
    for axes, operation in zip(panels[0], operations, strict=True):
        for number, shape in enumerate(shapes):
            timed = {
                row.library: row.median_ns or 1 for row in chosen if (row.operation, row.shape) == (operation, shape)
            }
            if not timed:
                continue
            ratios = [time_ns / min(timed.values()) for time_ns in timed.values()]
            places = [libraries.index(library) - (number - (len(shapes) - 1) / 2) * height for library in timed]
            bars = axes.barh(places, ratios, height=height, **look(number))
            axes.bar_label(bars, [f"{ratio:.1f}" for ratio in ratios], fontsize=6.5, padding=2)
        axes.set(title=operation, xlabel="time ÷ the fastest's")
        axes.set_yticks(range(len(libraries)), [labels[library] for library in libraries])
        axes.margins(x=0.18)
        axes.grid(visible=False, axis="y")
    heading(
        figure,
        f"How many times the fastest's time (1.0 is the fastest; {UNVALIDATED})",
        [Patch(label=shape.replace("-", " "), **look(number)) for number, shape in enumerate(shapes)],
    )
    return figure


def order_shapes(rows: Sequence[Row]) -> list[str]:
    """The two sizes of orders that every operation is measured on, as far as they are there."""
    return [shape for shape in ("3-items", "20-items") if any(row.shape == shape and row.median_ns for row in rows)]


def own_shapes(rows: Sequence[Row]) -> list[str]:
    """Names of a user's own events."""
    names = (row.shape for row in rows if row.median_ns and row.library != HARNESS.library)
    return [name for name in dict.fromkeys(names) if not re.match(r"\d+-item", name)]


def _items(row: Row) -> int:
    """Line items of an order in plain text; 0 for every other shape."""
    found = re.fullmatch(r"(\d+)-items?", row.shape)
    return int(found[1]) if found else 0


def _family(library: str) -> int:
    """Place of the library whose name the row's begins with; one beyond the last for a user's own."""
    return next((place for place, name in enumerate(FAMILIES) if library.startswith(name)), len(FAMILIES))


def _first(sizes: list[int], wanted: int) -> str:
    """The shape that decides the order of the bars."""
    size = wanted if wanted in sizes else sizes[0] if sizes else 0
    return f"{size}-item{'s' * (size != 1)}"


def _fastest_last(rows: Sequence[Row], shape: str) -> list[str]:
    """Libraries by their time at the first operation of that shape, the slowest first: bars are drawn from below."""
    times: dict[str, float] = {}
    for row in sorted(rows, key=lambda row: row.shape != shape):
        times.setdefault(row.library, row.median_ns or 0.0)
    return sorted(times, key=lambda library: -times[library])
