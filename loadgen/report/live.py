"""Progress of a run on standard error: plain rows until the report's owner gives it a live table."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from loadgen.report.result import Interval


class Plain:
    """One line every ten seconds."""

    def __init__(self, stream: TextIO, every: int) -> None:
        self.stream, self.every, self.rows = stream, every, 0

    def row(self, row: Interval) -> None:
        self.rows += 1
        if self.every and self.rows % self.every == 0:
            p99 = "-" if row.p99_us is None else f"{row.p99_us / 1000:.1f} ms"
            self.stream.write(f"{row.second:6.0f} s  {row.phase:<8} {row.acked_per_s:>11,.0f} msg/s  p99 {p99}\n")

    def say(self, line: str) -> None:
        if self.every:
            self.stream.write(line + "\n")


@contextmanager
def progress(kind: str, stream: TextIO) -> Iterator[Plain]:
    """Where a run's rows go."""
    yield Plain(stream, 0 if kind == "none" else 1 if stream.isatty() or kind == "live" else 10)
