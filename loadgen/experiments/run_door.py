"""The one way in which an experiment has a run made: a request in, its result as plain data out, kept in a folder.

In this process (`RunHere`), which saves an interpreter's start, or in a process of its own (`RunApart`), which may be
another environment's Python with another version of this program. Whoever drives runs takes a `RunDoor`, so tests drive
simulated systems. Not here: which runs to make (capacity, sweep, tune, gate).
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from loadgen.brokers.target import Broker, start_broker
from loadgen.errors import DataWrong, LoadgenError, NotValid, Unreachable, UsageError
from loadgen.report.result import Interval

INTERRUPTED = (130, 143)
GRACE_S = 30.0  # a child that was interrupted drains and saves
OVERTIME_S = 180.0  # beyond its own plan, before a run apart is given up


class Address(msgspec.Struct, frozen=True):
    """A broker that is there, as another process needs to know it."""

    kind: str
    bootstrap: str
    version: str | None
    note: str


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        flags: as `profile.resolve` takes them.
        folder: where it is to be kept; must not exist.
        broker: one that is there; None: as the flags say.
    """

    flags: dict[str, Any]
    folder: str
    broker: Address | None = None


class RunOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A finished run: its result and its one-second rows as plain data, and its folder."""

    result: dict[str, Any]
    intervals: list[dict[str, Any]]
    folder: str


class Stopped(Exception):
    """A run was ended early because it can no longer matter; nothing of it is kept but this.

    Attributes:
        acked_per_s: what its last rows reached.
        sent_bytes: of payload, until then.
    """

    def __init__(self, acked_per_s: float, sent_bytes: float) -> None:
        super().__init__(f"ended early at {acked_per_s:,.0f} acknowledged a second")
        self.acked_per_s, self.sent_bytes = acked_per_s, sent_bytes


class Failure(msgspec.Struct, frozen=True):
    """Why there is no run: the lines for the user, and the exit code that they mean."""

    problems: list[str]
    exit_code: int


class RunDoor(Protocol):
    """Makes one run.

    Raises:
        LoadgenError: it could not be started.
        KeyboardInterrupt: it was interrupted; what it had is in its folder.
    """

    def __call__(self, request: Request) -> RunOutcome: ...


class RunHere:
    """Runs made by this process; only the workers are processes of their own.

    Args:
        on_interval: gets each one-second row as it is made; may raise `Stopped`, which ends the run unkept.
    """

    def __init__(self, on_interval: Callable[[Interval], None] | None = None) -> None:
        self.on_interval = on_interval

    def __call__(self, request: Request) -> RunOutcome:
        return _not_interrupted(carry_out_and_keep(request, self.on_interval))


class RunApart:
    """Runs made by `python -m loadgen.experiments.one_run`, of this or another environment."""

    def __init__(self, python: str | None = None) -> None:
        self.python = python

    def __call__(self, request: Request) -> RunOutcome:
        environ = dict(os.environ)
        command = [sys.executable]
        if self.python is not None:
            # -P and no PYTHONPATH: a checkout in the working directory must not stand in for the installed version
            environ.pop("PYTHONPATH", None)
            command = [self.python, "-P"]
        command += ["-m", "loadgen.experiments.one_run"]
        try:
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
            )
        except OSError as error:
            raise UsageError(f"python={self.python}: cannot be run ({error.strerror})") from None
        out, err = _conversation(child, msgspec.json.encode(request), _patience_s(request.flags))
        return _not_interrupted(_understood(out, err, command[0], child.returncode))


def _conversation(child: "subprocess.Popen[bytes]", words: bytes, patience_s: float) -> tuple[bytes, bytes]:
    try:
        return child.communicate(words, timeout=patience_s)
    except subprocess.TimeoutExpired:
        _ended(child)
        raise NotValid(f"a run did not end within {patience_s:,.0f} s and was stopped") from None
    except KeyboardInterrupt:
        # a terminal's Ctrl-C reached the child as well; a signal to this process alone did not
        _ended(child)
        raise


def _ended(child: "subprocess.Popen[bytes]") -> None:
    child.send_signal(signal.SIGINT)
    try:
        child.communicate(timeout=GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def _understood(out: bytes, err: bytes, python: str, code: int) -> RunOutcome:
    try:
        words = msgspec.json.decode(out, type=dict[str, Any])
        if "result" in words:
            return msgspec.convert(words, RunOutcome)
        failure = msgspec.convert(words, Failure)
    except msgspec.DecodeError:
        last = err.decode("utf-8", "replace").strip().splitlines()
        reason = last[-1] if last else f"it ended with exit {code} and said nothing"
        raise UsageError(
            f"{python}: no run from this environment: {reason}; is kafka-loadgen installed there?"
        ) from None
    raise _error(failure)


def _error(failure: Failure) -> LoadgenError:
    kinds: dict[int, type[LoadgenError]] = {3: Unreachable, 4: DataWrong, 5: NotValid}
    if failure.exit_code in kinds:
        return kinds[failure.exit_code]("; ".join(failure.problems))
    return UsageError(*failure.problems)


def _not_interrupted(outcome: RunOutcome) -> RunOutcome:
    if outcome.result.get("verdict", {}).get("exit_code") in INTERRUPTED:
        raise KeyboardInterrupt
    return outcome


def _patience_s(flags: dict[str, Any]) -> float:
    from loadgen.profile import resolve

    settings = resolve(flags)
    longest = settings.duration_s if settings.duration_s is not None else settings.max_time_s
    return longest + settings.warmup_s + settings.drain_s + OVERTIME_S


def carry_out_and_keep(
    request: Request, on_interval: Callable[[Interval], None] | None = None, broker: Broker | None = None
) -> RunOutcome:
    """One run in this process, kept without page and pictures: those can be made from its folder at any time.

    Args:
        broker: of this process; None: the request's own, or as its flags say.

    Raises:
        LoadgenError: it could not be started or kept.
    """
    from loadgen.profile import resolve
    from loadgen.report import folder
    from loadgen.runner.coordinator import carry_out

    settings = resolve(request.flags)
    if broker is None and request.broker is not None:
        broker = Broker(**msgspec.structs.asdict(request.broker))
    done = carry_out(settings, command=["loadgen", "run"], broker=broker, on_interval=on_interval)
    at = Path(request.folder)
    folder.save(at.parent, at.name, done.result, done.intervals, done.histograms, folder=at)
    return RunOutcome(
        result=msgspec.to_builtins(done.result),
        intervals=[msgspec.to_builtins(row) for row in done.intervals],
        folder=request.folder,
    )


@contextlib.contextmanager
def broker_for(start: str | None) -> Iterator[Address | None]:
    """A broker for all runs of an experiment, started once; a mock starts anew with each run, and costs a third of a s.

    Args:
        start: mock, kafka, redpanda; None: the flags name a cluster.
    """
    if start is None or start == "mock":
        yield None
        return
    with start_broker(start) as broker:
        yield Address(broker.kind, broker.bootstrap, broker.version, broker.note)
