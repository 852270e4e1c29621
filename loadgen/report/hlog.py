"""latency.hlog: our histograms as an HdrHistogram V2 interval log, readable by Java's HistogramLogProcessor, and back.

Cells are HdrHistogram's own (`recorder.histogram`), so counts move over unchanged. The package `hdrhistogram` encodes
and decodes one histogram; the lines are written here, because its log writer knows no tags and fails on a start time.
The main metric (response, or service flat out) carries no tag: Java's processor stops at a log of tagged lines only.
Not here: which interval to write. A run may give one line a metric, or one a second.
"""

import base64
import binascii
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loadgen.errors import UsageError
from loadgen.recorder.histogram import CELLS, MAX_VALUE_US, bounds_of

SIGNIFICANT_DIGITS = 3
MAX_UNIT_US = 1000  # Interval_Max is in ms
MAX_LOG_BYTES = 512 * 1024 * 1024
MAX_PAYLOAD_BYTES = 40 + 9 * CELLS  # header, and nine bytes for the longest ZigZag count of each cell
LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
MAIN = ("response", "service")

Counts = Sequence[int] | npt.NDArray[np.int64]  # one count a cell, CELLS of them


class IntervalHistogram(msgspec.Struct, frozen=True):
    """One histogram of one metric over one interval.

    Attributes:
        start_s, length_s: of the interval, from the log's start time.
    """

    metric: str
    start_s: float
    length_s: float
    counts: Counts


class HistogramLog(msgspec.Struct, frozen=True):
    """A log as it was read: its start, and every interval of every metric in the order of the file."""

    start_epoch_s: float
    intervals: list[IntervalHistogram]

    def sums(self) -> dict[str, npt.NDArray[np.int64]]:
        """The whole log's counts by metric."""
        total: dict[str, npt.NDArray[np.int64]] = {}
        for interval in self.intervals:
            counts = np.asarray(interval.counts, dtype=np.int64)
            total[interval.metric] = total[interval.metric] + counts if interval.metric in total else counts
        return total


def main_metric(metrics: Iterable[str]) -> str | None:
    """The metric that is written without a tag; None when there is neither response nor service."""
    present = set(metrics)
    return next((metric for metric in MAIN if metric in present), None)


def header(start_epoch_s: float, main: str | None) -> str:
    """The log's first lines, with their newline."""
    at = datetime.fromtimestamp(start_epoch_s, UTC).isoformat(timespec="milliseconds")
    lines = ["#[Histogram log format version 1.3]", f"#[StartTime: {start_epoch_s:.3f} (seconds since epoch), {at}]"]
    if main is not None:
        lines.append(f"#[Untagged: {main}; all values are microseconds, Interval_Max milliseconds]")
    return "\n".join([*lines, LEGEND]) + "\n"


def line(interval: IntervalHistogram, main: str | None) -> str:
    """One line with its newline; empty when nothing was counted. 1.3 ms.

    Raises:
        ValueError: there are not CELLS counts.
    """
    encoded, highest_us = _encode(interval.counts)
    if not encoded:
        return ""
    tag = "" if interval.metric == main else f"Tag={interval.metric},"
    times = f"{interval.start_s:.3f},{interval.length_s:.3f},{highest_us / MAX_UNIT_US:.3f}"
    return f"{tag}{times},{encoded}\n"


def whole_run(start_epoch_s: float, length_s: float, histograms: Mapping[str, Counts]) -> bytes:
    """A log with one line a metric: the measured phase as one interval.

    Args:
        start_epoch_s: when the run started, seconds since 1970 UTC.
        length_s: of the measured phase.
        histograms: counts by metric.
    """
    main = main_metric(metric for metric, counts in histograms.items() if np.any(counts))
    ordered = sorted(histograms.items(), key=lambda item: item[0] != main)
    lines = [line(IntervalHistogram(metric, 0.0, length_s, counts), main) for metric, counts in ordered]
    return (header(start_epoch_s, main) + "".join(lines)).encode("ascii")


def _encode(counts: Counts) -> tuple[str, int]:
    """(the V2 histogram in base64, the highest value that its last filled cell can hold)."""
    from hdrh.histogram import HdrHistogram

    if len(counts) != CELLS:
        raise ValueError(f"a histogram has {CELLS} cells, not {len(counts)}")
    array = np.asarray(counts, dtype=np.int64)
    filled = [int(cell) for cell in np.flatnonzero(array)]
    if not filled:
        return "", 0
    target = HdrHistogram(1, MAX_VALUE_US, SIGNIFICANT_DIGITS)
    for cell in filled:
        target.counts[cell] = int(array[cell])
    target.total_count = int(array.sum())
    target.min_value, target.max_value = bounds_of(filled[0])[0], bounds_of(filled[-1])[1]
    encoded: bytes = target.encode()
    return encoded.decode("ascii"), target.max_value


def read(path: Path) -> HistogramLog:
    """A stored log.

    Raises:
        UsageError: no such file, too large, or a line that is no histogram of this program (its number is said).
    """
    try:
        if path.stat().st_size > MAX_LOG_BYTES:
            raise UsageError(f"{path}: larger than {MAX_LOG_BYTES >> 20} MiB is no log of a run")
        lines = path.read_text("ascii", "strict").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not ASCII text"
        raise UsageError(f"{path}: cannot be read ({reason})") from None
    start_epoch_s, main = 0.0, MAIN[0]
    intervals: list[IntervalHistogram] = []
    for number, text in enumerate(lines, start=1):
        try:
            if text.startswith("#[StartTime: "):
                start_epoch_s = float(text.removeprefix("#[StartTime: ").split()[0])
            elif text.startswith("#[Untagged: "):
                main = text.removeprefix("#[Untagged: ").partition(";")[0]
            elif text and text[0] not in '#"':
                intervals.append(_decode(text, main))
        except (ValueError, IndexError, zlib.error, binascii.Error) as error:
            raise UsageError(f"{path}: line {number} is no histogram of this program ({error})") from None
    return HistogramLog(start_epoch_s, intervals)


def _decode(text: str, main: str) -> IntervalHistogram:
    """A line of the log. Raises ValueError, zlib.error or binascii.Error when it is damaged."""
    from hdrh import codec
    from hdrh.histogram import HdrHistogram

    metric = main
    if text.startswith("Tag="):
        tag, _, text = text.partition(",")
        metric = tag.removeprefix("Tag=")
    start_s, length_s, _, encoded = text.split(",", 3)
    # a few bytes of zlib can unpack to gigabytes: look at the size before the decoder does
    unpacking = zlib.decompressobj()
    unpacking.decompress(base64.b64decode(encoded, validate=True)[8:], MAX_PAYLOAD_BYTES)
    if unpacking.unconsumed_tail:
        raise ValueError(f"more than {MAX_PAYLOAD_BYTES} bytes")
    try:
        decoded: Any = HdrHistogram.decode(encoded)
    except (
        codec.HdrCookieException,
        codec.HdrLengthException,
        codec.HdrHistogramSettingsException,
    ) as error:
        raise ValueError(f"not a V2 histogram: {error}") from None
    counts = np.array(decoded.counts, dtype=np.int64)
    if len(counts) != CELLS:
        raise ValueError(f"{len(counts)} cells instead of {CELLS}")
    return IntervalHistogram(metric, float(start_s), float(length_s), counts)
