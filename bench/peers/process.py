"""One run of one contestant: wall time and CPU of its process and of all that it started and waited for."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple


class Spent(NamedTuple):
    """What a command took.

    Attributes:
        cpu_s: user and system, of the process and its waited-for descendants (wait4).
        output: standard output; the end of standard error, when it failed.
    """

    code: int
    wall_s: float
    cpu_s: float
    output: str
    last_words: str


def run(command: Sequence[str], timeout_s: float) -> Spent:
    """Run a command to its end; one that takes longer is killed, and its code is then negative."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began_s = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        alarm = threading.Timer(timeout_s, process.kill)
        alarm.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # an interruption: leave nothing behind that goes on sending
            process.kill()
            process.wait()
            raise
        finally:
            alarm.cancel()
        wall_s = time.monotonic() - began_s
        process.returncode = os.waitstatus_to_exitcode(status)  # so that nobody waits for it again
        output.seek(0)
        errors.seek(0)
        text = output.read().decode(errors="replace")
        words = errors.read().decode(errors="replace").strip().splitlines()
    return Spent(process.returncode, wall_s, usage.ru_utime + usage.ru_stime, text, words[-1] if words else "")
