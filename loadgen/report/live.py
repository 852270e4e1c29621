"""The rows of a run while it runs, on standard error: live on a terminal, a line each ten seconds elsewhere, or none.

Whether it is live is decided by the stream being a terminal alone, so a CI log gets no cursor movements; colour follows
NO_COLOR. Nothing here can end a run: a stream that breaks is not written to again. Not here: results, which go to
standard output.
"""

import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TextIO

from loadgen.errors import UsageError
from loadgen.properties import nearest
from loadgen.report.result import Interval
from loadgen.report.wording import clean, mebibytes, milliseconds, per_second

MODES = ("auto", "live", "plain", "none")
PLAIN_EVERY_S = 10.0
LIVE_ROWS = 12
PHASES = {"warmup": "warm-up", "measured": "", "drain": "drain"}
_HEADS = ("s", "", "msg/s", "MiB/s", "p50 ms", "p99 ms", "waiting", "not acked")


class Progress(Protocol):
    """What a run tells while it runs."""

    def row(self, row: Interval) -> None:
        """One second has passed."""
        ...

    def say(self, text: str) -> None:
        """Something worth a line happened."""
        ...


def colored(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """Whether a stream gets colours: NO_COLOR no, FORCE_COLOR yes, else when it is a terminal that is not dumb."""
    variables = os.environ if environ is None else environ
    if variables.get("NO_COLOR"):
        return False
    if variables.get("FORCE_COLOR"):
        return True
    return stream.isatty() and variables.get("TERM") != "dumb"


@contextmanager
def progress(mode: str, stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> Iterator[Progress]:
    """The progress of a run, ended when the block is.

    Args:
        mode: auto, live, plain or none.
        stream: where to; None is standard error.

    Raises:
        UsageError: another mode.
    """
    target = sys.stderr if stream is None else stream
    variables = os.environ if environ is None else environ
    shown: NoProgress | PlainProgress | LiveProgress
    match choose(mode, target, variables):
        case "live":
            shown = LiveProgress(target, color=colored(target, variables))
        case "plain":
            shown = PlainProgress(target)
        case _:
            shown = NoProgress()
    try:
        yield shown
    finally:
        shown.close()


def choose(mode: str, stream: TextIO, environ: Mapping[str, str]) -> Literal["live", "plain", "none"]:
    """The mode that is meant by one that was asked.

    Raises:
        UsageError: it is none of MODES.
    """
    if mode not in MODES:
        raise UsageError(f"--progress {mode!r} is none of {', '.join(MODES)}{nearest(mode, list(MODES))}")
    if mode == "auto":
        return "live" if stream.isatty() and environ.get("TERM") != "dumb" else "plain"
    return "live" if mode == "live" else "plain" if mode == "plain" else "none"


class NoProgress:
    """Says nothing."""

    def row(self, row: Interval) -> None:
        """Dropped."""

    def say(self, text: str) -> None:
        """Dropped."""

    def close(self) -> None:
        """Nothing to end."""


class PlainProgress:
    """A line for ten seconds, and one for what is left at the end: rates are means, latencies those of the worst second."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream
        self._rows: list[Interval] = []

    def row(self, row: Interval) -> None:
        if self._rows and row.phase != self._rows[0].phase:
            self._flush()  # a line never mixes warm-up and what is counted
        self._rows.append(row)
        if sum(held.length_s for held in self._rows) >= PLAIN_EVERY_S - 0.5:
            self._flush()

    def say(self, text: str) -> None:
        self._write(clean(text))

    def close(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._write(in_a_line(self._rows))
            self._rows = []

    def _write(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None  # its reader is gone; the run goes on


def in_a_line(rows: Sequence[Interval]) -> str:
    """`   20 s  200,003 msg/s  97.7 MiB/s  worst second p50 2.2 p99 4.9 ms  waiting 412`."""
    last, length_s = rows[-1], sum(row.length_s for row in rows) or 1.0
    words = [f"{last.second:5.0f} s"]
    if PHASES[last.phase]:
        words.append(f"({PHASES[last.phase]})")
    words.append(f"{per_second(sum(row.acked for row in rows) / length_s)} msg/s")
    words.append(f"{mebibytes(sum(row.payload_mib_per_s * row.length_s for row in rows) / length_s)} MiB/s")
    p50, p99 = _worst(row.p50_us for row in rows), _worst(row.p99_us for row in rows)
    if p99 is not None:
        words.append(f"worst second p50 {milliseconds(p50)} p99 {milliseconds(p99)} ms")
    words.append(f"waiting {last.outstanding:,}")
    bad = sum(_bad(row) for row in rows)
    if bad:
        words.append(f"not acked {bad:,}")
    return "  ".join(words)


def _worst(values: Iterator[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _bad(row: Interval) -> int:
    return row.failed + row.unknown + row.rejected


class LiveProgress:
    """The last seconds as a table that is drawn over, gone at the end.

    Drawn when a row comes and not by a thread of its own: a thread would take the coordinator's time between rows.
    """

    def __init__(self, stream: TextIO, *, color: bool) -> None:
        from rich.live import Live

        self._rows: deque[Interval] = deque(maxlen=LIVE_ROWS)
        self._console: Any = _console(stream, color=color)
        self._live: Any = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._started = False

    def row(self, row: Interval) -> None:
        self._rows.append(row)
        self._guarded(self._draw)

    def say(self, text: str) -> None:
        self._guarded(lambda: self._console.print(clean(text), markup=False))

    def close(self) -> None:
        if self._started:
            self._guarded(self._live.stop)

    def _draw(self) -> None:
        if not self._started:
            self._started = True
            self._live.start()
        self._live.update(_table(self._rows), refresh=True)

    def _guarded(self, draw: Any) -> None:
        if self._console is None:
            return
        try:
            draw()
        except (OSError, ValueError):
            self._console = None  # the terminal is gone; the run goes on


def _console(stream: TextIO, *, color: bool) -> Any:
    """A console on a stream; rich's own leaves the process with exit 1 when the stream's reader has gone."""
    from rich.console import Console

    class LastingConsole(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True

    return LastingConsole(file=stream, force_terminal=True, no_color=not color, highlight=False)


def _table(rows: Sequence[Interval] | deque[Interval]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in _HEADS:
        table.add_column(head, justify="left" if not head else "right")
    for row in rows:
        table.add_row(
            f"{row.second:.0f}",
            PHASES[row.phase],
            per_second(row.acked_per_s),
            mebibytes(row.payload_mib_per_s),
            milliseconds(row.p50_us),
            milliseconds(row.p99_us),
            f"{row.outstanding:,}",
            f"{_bad(row):,}",
            style="dim" if row.phase != "measured" else None,
        )
    return table
