"""A server on a leash: it ends when whoever started it ends, even by SIGKILL, and takes its data folder with it.

`python -m loadgen.brokers.leash FOLDER LOG SECONDS COMMAND…` starts the command, says its pid as one line on standard output,
says its exit code as a second one if it ends by itself, and waits for standard input to end: the starter is gone or has
let go. Then the command is asked to end, made to after SECONDS, and FOLDER is removed unless `keep` was said before.

Why a process between, and not PR_SET_PDEATHSIG alone: that fires when the *thread* that started the child ends. Here
the starting thread is the leash's only one, so it is safe, and covers the case that the leash itself is killed.
Non-goal: knowing what runs on it.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from loadgen.errors import Unreachable

PR_SET_PDEATHSIG = 1
ENDS_WITHIN_S = 15.0  # a broker's clean shutdown takes 1–2 s, a container's a little more
PID_WITHIN_S = 20.0
LOOK_EVERY_S = 0.25
KEEP = b"keep\n"


class Leash:
    """A command that lives no longer than this process.

    Args:
        command: of the server; found on PATH.
        folder: of its data; removed when the leash is let go, by `close` or by this process's death.
        log: its standard output and error are appended here.
        ends_within_s: how long it may take to end when asked; then it is killed.

    Attributes:
        pid: of the command.
        exit_code: of the command, once `running` has found it ended by itself; negative for a signal.

    Raises:
        Unreachable: the command could not be started.
    """

    def __init__(self, command: Sequence[str], folder: Path, log: Path, ends_within_s: float = ENDS_WITHIN_S) -> None:
        self.log = log
        self.exit_code: int | None = None
        self._closed = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadgen.brokers.leash", str(folder), str(log), str(ends_within_s), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            },
            start_new_session=True,  # Ctrl-C is for the run, which still wants to drain
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PID_WITHIN_S)
        first = self._process.stdout.readline() if ready else b""
        if not first.strip().isdigit():
            self.close()
            raise Unreachable(f"could not start {command[0]}: {self.tail()}")
        self.pid = int(first)

    @property
    def running(self) -> bool:
        """The command has not ended."""
        if self.exit_code is None and not self._closed:
            assert self._process.stdout is not None
            ready, _, _ = select.select([self._process.stdout], [], [], 0)
            if ready:
                self.exit_code = int(self._process.stdout.readline() or -signal.SIGKILL)
        return self.exit_code is None and not self._closed

    def tail(self, lines: int = 5) -> str:
        """The end of its log, as one line."""
        if not self.log.exists():
            return "it wrote nothing"
        return last_words(self.log.read_text("utf-8", "replace"), lines)

    def wait(self, within_s: float) -> bool:
        """Whether the command ends within a time."""
        assert self._process.stdout is not None
        if self.running:
            select.select([self._process.stdout], [], [], within_s)
        return not self.running

    def close(self, *, keep_folder: bool = False) -> None:
        """Let go: returns when the command has ended and its folder is gone. Calling it again does nothing."""
        self._closed = True
        assert self._process.stdin is not None
        if keep_folder and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(KEEP)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def __enter__(self) -> "Leash":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def last_words(text: str, lines: int = 5) -> str:
    """The end of what a program wrote, as one line, without the frames of Java's stack traces."""
    told = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in told if not line.startswith(("at ", "... "))]
    return " | ".join(told[-lines:])[-800:] or "it wrote nothing"


def hold(folder: Path, log: Path, ends_within_s: float, command: Sequence[str]) -> int:
    """The leash's own side.

    Returns:
        The command's exit code; 127 when it could not be started, and then its log says why.
    """
    asked_to_end: list[int] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the starter to decide on
    signal.signal(signal.SIGTERM, lambda number, _: asked_to_end.append(number))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as written:
        try:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=written, stderr=written, preexec_fn=_die_with_parent
            )
        except OSError as error:
            written.write(f"{error}\n".encode())
            return 127
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    told = False
    keep = False
    while not asked_to_end:
        word = _next_word()
        if word == b"":
            break
        keep = keep or word == KEEP
        if not told and child.poll() is not None:
            sys.stdout.write(f"{child.returncode}\n")  # a crash: its data stays to be looked at, but not for long
            sys.stdout.flush()
            told = True
    _end(child, ends_within_s)
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    return child.returncode


def _next_word() -> bytes | None:
    """What the starter says: nothing yet, something, or, by b"", that it has let go or is gone."""
    ready, _, _ = select.select([0], [], [], LOOK_EVERY_S)
    return os.read(0, 4096) if ready else None


def _end(child: subprocess.Popen[bytes], within_s: float) -> None:
    child.terminate()
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGCONT)  # a paused server would never see the request
    try:
        child.wait(within_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _die_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(hold(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
