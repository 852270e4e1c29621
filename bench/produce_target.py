"""Where the runs of the produce path go, and one run: `loadgen` is started as a user starts it.

Place: `produce_path.py` decides what is run, and when.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from loadgen.errors import Unreachable

RunLoadgen = Callable[[list[str]], dict[str, Any]]
"""Arguments after `loadgen run` → result.json's object, or {"error": one line} when there is none."""


def run_loadgen(arguments: list[str]) -> dict[str, Any]:
    """`loadgen run` in a process of its own; its folder is thrown away, what counts is in the rows."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "loadgen", "run", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"LOADGEN_RESULTS": folder},
        )
    try:
        result: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        lines = done.stderr.strip().splitlines()
        return {"error": f"exit {done.returncode}: {lines[-1] if lines else 'without a word'}"}
    return result


@contextlib.contextmanager
def reach(target: str) -> Iterator[list[str]]:
    """The arguments that reach a target, for as long as it lives.

    Args:
        target: `mock` is started by each run. `kafka` and `redpanda` are started once, since a cold JVM is another
            broker than a warm one. Anything else is HOST:PORT of a cluster that is there already.

    Raises:
        Unreachable: the broker did not come up; the reason is on stderr.
    """
    if target == "mock":
        yield ["--start", "mock"]
    elif target in ("kafka", "redpanda"):
        command = [sys.executable, "-m", "loadgen", "up", target]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as broker:
            try:
                yield ["-b", announced(broker, target)]
            finally:
                broker.terminate()
                broker.wait()
    else:
        yield ["-b", target]


def announced(broker: "subprocess.Popen[str]", target: str) -> str:
    """The host:port in the one line that `loadgen up` prints when it is ready.

    Raises:
        Unreachable: it said something else, or ended without a word.
    """
    line = broker.stdout.readline() if broker.stdout else ""
    found = [word for word in line.split() if word.rpartition(":")[2].isdigit()]
    if not found:
        raise Unreachable(f"loadgen up {target} did not say where it is: {line!r}")
    return found[0]
