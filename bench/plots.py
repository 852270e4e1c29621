"""`python -m bench plot [FOLDER]`: pictures of what `serializers` and `produce` left in a folder, SVG and PNG.

Units on every axis; machine, date and versions under every picture (`plot_style.py`).
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from bench import produce_summary
from bench.plot_produce import plot_cost, plot_produce
from bench.plot_serializers import order_shapes, own_shapes, plot_ratios, plot_throughput
from bench.plot_style import STYLE, caption, save
from bench.record import DEFAULT_FOLDER
from bench.serializer_rows import FILE, read_rows
from loadgen.errors import UsageError


def main(argv: list[str]) -> int:
    """Draw what is there; exit code 0, or 2 when there is nothing to draw or it cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m bench plot", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER, help="default %(default)s")
    folder = parser.parse_args(argv).folder
    try:
        pictures = draw(folder)
    except (UsageError, OSError, ValueError) as error:
        print(f"{folder}: cannot be drawn: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    if not pictures:
        print(f"{folder}: nothing measured in {FILE} or produce.json; python -m bench serializers makes the first")
        return 2
    for picture in pictures:
        print(picture)
    return 0


def draw(folder: Path) -> list[Path]:
    """Every picture that the folder's files allow; the paths written.

    Raises:
        UsageError, OSError, ValueError: a file is not what the two commands write.
    """
    written: list[Path] = []
    with plt.rc_context(STYLE):
        if (folder / FILE).exists():
            rows = read_rows(folder)
            below = caption(_read(folder / "machine.json"))
            if shapes := order_shapes(rows):
                written += save(folder, "serializer-throughput", plot_throughput(rows), below)
                written += save(folder, "serializer-ratios", plot_ratios(rows, shapes), below)
            for name in own_shapes(rows):
                written += save(folder, f"serializer-ratios-{name}", plot_ratios(rows, [name]), below)
        if (folder / produce_summary.FILE).exists():
            record = produce_summary.read_record(folder)
            below = caption(record.machine)
            if record.summaries:
                written += save(folder, "produce-path", plot_produce(record.summaries), below)
                written += save(folder, "produce-cost", plot_cost(record.summaries), below)
    return written


def _read(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one where there is no such file."""
    return dict(json.loads(path.read_bytes())) if path.exists() else {}
