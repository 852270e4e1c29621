"""Readers of a topic in processes of their own: consumer groups beside a run, or several draining what it holds.

    with Readers([plan, …]) as readers:     # one process a plan
        readers.await_ready(10.0)           # beside a run: every group has its partitions
        readers.start_at(t0_ns)             # the instant that the run begins
        …                                   # the run
        told = readers.finish(acked, 5.0)   # waits until each group has read what was acknowledged, then stops them

Their slabs are like a worker's, so a snapshot a second, a merge and a report need nothing new.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import IO, Self

import msgspec

from loadgen.consumer.plan import ConsumePlan, framed
from loadgen.errors import LoadgenError
from loadgen.recorder.histogram import CELLS, Distribution, describe
from loadgen.recorder.slab import Count, Header, Metric, Phase, Slab, State, Stop, histogram_at, metric_sum_at, set_at

STOP_WITHIN_S = 5.0  # leaving a group takes a round trip or two


class ReaderFailed(LoadgenError):
    """A reading process ended early, with its own words."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class _Answer(msgspec.Struct):
    error: str
    exit_code: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the readers saw, all together.

    Attributes:
        read: records of the run, by reader, warm-up included.
        measured: those of the measured phase, all readers.
        complete: every reader read at least what was asked of it; else latencies miss the slowest records.
        end_to_end: of the measured phase, µs; None flat out, or without ids.
        histogram: its cells.
        negative: differences below zero, counted and recorded as 0.
        payload_bytes: of values, by reader.
        lost: indexes of readers that ended early.
    """

    read: list[int]
    measured: int
    complete: bool
    end_to_end: Distribution | None
    histogram: list[int]
    negative: int
    payload_bytes: list[int]
    lost: list[int]


class Reader:
    """One reading process and its slab."""

    def __init__(self, plan: ConsumePlan) -> None:
        self.slab = Slab.create(1)
        self.log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loadgen.consumer.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            pass_fds=[self.slab.descriptor],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(framed(msgspec.structs.replace(plan, slab=self.slab.descriptor)))
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended already; `failure` says why

    @property
    def state(self) -> State:
        return State(int(self.slab.words[Header.STATE]))

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def count(self, name: Count, phase: Phase) -> int:
        return int(self.slab.words[set_at(0, phase) + name])

    @property
    def read(self) -> int:
        """Records of the run that it has read, both phases."""
        return sum(self.count(Count.ACKED, phase) for phase in Phase)

    def failure(self) -> ReaderFailed:
        """What an ended process said; else the tail of its error output."""
        assert self.process.stdout is not None
        said = self.process.stdout.read().decode("utf-8", "replace").strip().splitlines()
        if said:
            try:
                answer = msgspec.json.decode(said[-1], type=_Answer)
                return ReaderFailed(answer.error, answer.exit_code)
            except msgspec.DecodeError:
                return ReaderFailed(f"a consumer said: {said[-1]}", 1)
        self.log.seek(0)
        tail = self.log.read().decode("utf-8", "replace").strip().splitlines()[-6:]
        return ReaderFailed(f"a consumer ended with exit {self.process.returncode}: " + " | ".join(tail), 1)

    def end(self) -> None:
        """End the process if it still lives, and free its slab."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.log):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self.slab.close()


class Readers:
    """All readers of a run; a context manager that ends them.

    Args:
        plans: one a process.
    """

    def __init__(self, plans: Sequence[ConsumePlan]) -> None:
        self.members: list[Reader] = []
        try:
            for plan in plans:
                self.members.append(Reader(plan))
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def await_ready(self, within_s: float) -> None:
        """Until each has its partitions.

        Raises:
            ReaderFailed: one ended, or time is up.
        """
        deadline = time.monotonic() + within_s
        while any(member.state in (State.NEW, State.FAILED) for member in self.members):
            for member in self.members:
                if member.ended or member.state == State.FAILED:
                    member.process.wait()
                    raise member.failure()
            if time.monotonic() > deadline:
                raise ReaderFailed(
                    f"consumer groups had no partitions within {within_s:.0f} s; does the cluster let groups form?", 3
                )
            time.sleep(0.002)

    def start_at(self, t0_ns: int) -> None:
        """The run's start on the monotonic clock."""
        for member in self.members:
            member.slab.words[Header.T0_NS] = t0_ns

    @property
    def finished(self) -> bool:
        """Whether all have ended by themselves."""
        return all(member.ended for member in self.members)

    def ask_stop(self) -> None:
        """Ask all to leave."""
        for member in self.members:
            member.slab.words[Header.STOP] = int(Stop.DRAIN)

    def finish(self, acked: int, within_s: float) -> Told:
        """Wait until each has read `acked` records of the run, at most so long; stop them; tell.

        Args:
            acked: records acknowledged, warm-up included.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and any(member.read < acked and not member.ended for member in self.members):
            time.sleep(0.005)
        lost = [index for index, member in enumerate(self.members) if member.ended and member.process.returncode]
        self.ask_stop()
        deadline = time.monotonic() + STOP_WITHIN_S
        while not self.finished and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.told(acked, lost)

    def told(self, acked: int, lost: list[int]) -> Told:
        """The sums, as of now."""
        cells, total, largest = [0] * CELLS, 0, 0
        for member in self.members:
            words, at = member.slab.words, histogram_at(0, Phase.MEASURED, Metric.RESPONSE)
            sum_at = metric_sum_at(0, Phase.MEASURED, Metric.RESPONSE)
            for cell, count in enumerate(words[at : at + CELLS]):
                if count:
                    cells[cell] += count
            total += int(words[sum_at])
            largest = max(largest, int(words[sum_at + 1]))
        return Told(
            read=[member.read for member in self.members],
            measured=sum(member.count(Count.ACKED, Phase.MEASURED) for member in self.members),
            complete=not lost and all(member.read >= acked for member in self.members),
            end_to_end=describe(cells, total, largest),
            histogram=cells,
            negative=sum(member.count(Count.NEGATIVE, phase) for member in self.members for phase in Phase),
            payload_bytes=[sum(member.count(Count.PAYLOAD_BYTES, phase) for phase in Phase) for member in self.members],
            lost=lost,
        )

    def end(self) -> None:
        """End what still lives."""
        for member in self.members:
            member.end()
        self.members = []
