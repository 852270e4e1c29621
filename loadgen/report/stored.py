"""A run as the pictures and the page need it: its result, its rows, its histograms; fresh or read from its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from loadgen.report import folder, hlog
from loadgen.report.result import Interval, Result, read_result


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run.

    Attributes:
        name: what it is called beside others; the folder's name when it has one.
        intervals: one a second, in order; may be empty.
        histograms: counts of the measured phase by metric, CELLS each; may be empty.
        interval_histograms: the same interval by interval, where they were kept.
    """

    name: str
    result: Result
    intervals: Sequence[Interval] = ()
    histograms: Mapping[str, hlog.Counts] = {}
    interval_histograms: Sequence[hlog.IntervalHistogram] = ()


def load(path: Path) -> Run:
    """A stored run.

    Args:
        path: its folder; without rows or histograms the run has none.

    Raises:
        UsageError: no result, or a file of it that is damaged.
    """
    file = path / folder.HISTOGRAMS
    log = hlog.read(file) if file.is_file() else hlog.HistogramLog(0.0, [])
    return Run(
        name=path.resolve().name,
        result=read_result(path),
        intervals=folder.read_intervals(path),
        histograms=log.sums(),
        interval_histograms=log.intervals,
    )
