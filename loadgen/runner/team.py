"""The worker processes of a run: started, watched, told to stop, ended.

`python -m loadgen.runner.worker` each, with its slab's descriptor and the plan on standard input. The coordinator holds
the other end of that pipe: when it dies, they end.
"""

import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import IO, Any

import msgspec
import psutil

from loadgen.errors import LoadgenError, UsageError
from loadgen.recorder.slab import Count, Header, Phase, Slab, State, Stop, set_at
from loadgen.report import merge
from loadgen.report.merge import Words, view
from loadgen.runner.plan import RunPlan, WorkerPlan, share_producers

READY_WITHIN_S = 30.0
ENDED_WITHIN_S = 1.0


class WorkerFailed(LoadgenError):
    """A worker ended before the run began, with its own words."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class Member:
    """One worker process and its slab."""

    def __init__(
        self, run: RunPlan, index: int, first_producer: int, producer_count: int, outcomes: int | None
    ) -> None:
        self.index, self.first_producer, self.producers = index, first_producer, producer_count
        self.slab = Slab.create(producer_count)
        self.words: Words = view(self.slab)
        self.log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        plan = WorkerPlan(
            run=run,
            worker=index,
            first_producer=first_producer,
            producer_count=producer_count,
            slab=self.slab.descriptor,
            outcomes=outcomes,
        )
        inherited = [self.slab.descriptor] + ([] if outcomes is None else [outcomes])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loadgen.runner.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            pass_fds=inherited,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        body = msgspec.msgpack.encode(plan)
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it ended already; `failure` says why
            self.process.stdin.write(struct.pack("<Q", len(body)) + body)
            self.process.stdin.flush()
        self.watched = psutil.Process(self.process.pid)
        self.thread_seconds: dict[int, float] = {}

    @property
    def state(self) -> State:
        return State(int(self.slab.words[Header.STATE]))

    @property
    def exit(self) -> int | None:
        return self.process.poll()

    @property
    def lost(self) -> bool:
        """Ended, and not because it was done."""
        return self.exit is not None and (self.exit != 0 or self.state != State.DONE)

    def failure(self) -> WorkerFailed:
        """What an ended worker said; else the tail of its error output."""
        assert self.process.stdout is not None
        said = self.process.stdout.read().decode("utf-8", "replace").strip().splitlines()
        if said:
            try:
                answer = msgspec.json.decode(said[-1], type=dict[str, Any])
                return WorkerFailed(str(answer["error"]), int(answer["exit_code"]))
            except (msgspec.DecodeError, KeyError, ValueError):
                return WorkerFailed(f"worker {self.index}: {said[-1]}", 1)
        if self.exit is not None and self.exit < 0:
            killer = signal.Signals(-self.exit).name
            return WorkerFailed(f"worker {self.index} was killed before the run began ({killer}): out of memory?", 5)
        self.log.seek(0)
        tail = self.log.read().decode("utf-8", "replace").strip().splitlines()[-12:]
        return WorkerFailed(f"worker {self.index} ended with exit {self.exit}: " + " | ".join(tail), 1)

    def threads(self) -> dict[int, float]:
        """CPU seconds by thread; empty when the process is gone."""
        try:
            return {thread.id: thread.user_time + thread.system_time for thread in self.watched.threads()}
        except psutil.Error:
            return {}

    def end(self) -> None:
        """End the process if it still lives, and free its slab."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self.log.close()


class Team:
    """All workers of a run.

    Raises:
        WorkerFailed: one could not get ready.
    """

    def __init__(self, run: RunPlan, outcomes: list[int] | None = None) -> None:
        self.members: list[Member] = []
        try:
            for index, (first, count) in enumerate(share_producers(run.producers, run.workers)):
                self.members.append(Member(run, index, first, count, outcomes[index] if outcomes else None))
        except OSError as error:
            self.end()
            raise UsageError(
                f"worker {len(self.members)} could not be started: {error.strerror}; fewer --workers?"
            ) from None

    def await_ready(self) -> None:
        """Until every worker is ready; none may end before."""
        deadline = time.monotonic() + READY_WITHIN_S
        while any(member.state in (State.NEW, State.FAILED) for member in self.members):
            for member in self.members:
                if member.exit is not None or member.state == State.FAILED:
                    member.process.wait()
                    raise member.failure()
            if time.monotonic() > deadline:
                raise WorkerFailed(f"workers were not ready within {READY_WITHIN_S:.0f} s", 3)
            time.sleep(0.002)

    def start_at(self, t0_ns: int) -> None:
        """The instant at which all begin, on the shared monotonic clock."""
        for member in self.members:
            member.slab.words[Header.T0_NS] = t0_ns

    def ask(self, stop: Stop) -> None:
        """Drain, or leave at once."""
        for member in self.members:
            member.slab.words[Header.STOP] = max(int(member.slab.words[Header.STOP]), stop)

    def breaker(self, is_open: bool) -> None:
        """Whether anybody may send."""
        for member in self.members:
            member.slab.words[Header.BREAKER] = int(is_open)

    @property
    def finished(self) -> bool:
        """Every worker is done or gone."""
        return all(member.exit is not None or member.state == State.DONE for member in self.members)

    def words(self) -> list[tuple[Words, int]]:
        """Every slab as `merge.tally` takes them."""
        return [(member.words, member.producers) for member in self.members]

    def end(self) -> None:
        """End every process that still lives."""
        deadline = time.monotonic() + ENDED_WITHIN_S
        while any(member.exit is None and member.state == State.DONE for member in self.members):
            if time.monotonic() > deadline:
                break
            time.sleep(0.002)
        for member in self.members:
            member.end()


def book_announced(slab: Slab, producers: int) -> None:
    """Of a worker that died in the middle of a batch: all of the batch was attempted, as far as anybody can know.

    NEXT_SEQUENCE is written before a batch is handed over, ATTEMPTED after it; in between records may be in the log, even
    acknowledged, that nobody had counted as attempted.
    """
    for slot in range(producers):
        attempted_at = [set_at(slot, phase) + Count.ATTEMPTED for phase in Phase]
        counted = sum(int(slab.words[at]) for at in attempted_at)
        announced, first_measured = merge.sequences(view(slab), slot)
        phase = Phase.MEASURED if counted >= first_measured else Phase.WARMUP
        slab.words[attempted_at[phase]] += announced - counted
