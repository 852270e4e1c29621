"""How long the default gate takes: all its 16 pairs, flat out and at a rate, start of the broker included.

Both sides are equal and the limit is one that no 16 pairs can pass, so that no look ends it early: the longest it takes.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

MOST_S = 360.0
SIDE = "linger.ms=5"
ARGUMENTS = (
    "--baseline",
    SIDE,
    "--candidate",
    SIDE,
    "--fail-if",
    "throughput.acked_per_s-0.001%",
    "--progress",
    "none",
)


def timed(start: str) -> dict[str, Any]:
    """One default gate as a user starts it.

    Raises:
        RuntimeError: it ended without a verdict; its words.
    """
    with tempfile.TemporaryDirectory(prefix="gates-") as folder:
        out = Path(folder) / "gate"
        command = [sys.executable, "-m", "loadgen", "gate", "--start", start, *ARGUMENTS, "--out", str(out)]
        started_s = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True)
        seconds = time.monotonic() - started_s
        answer = msgspec.json.decode((out / "experiment.json").read_bytes())["answer"] if out.exists() else None
    if not answer:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    return {
        "command": f"python -m bench gates default --start {start}",
        "gate": f"loadgen gate --start {start} {' '.join(ARGUMENTS)}",
        "seconds": round(seconds, 1),
        "most_seconds": MOST_S,
        "pairs": answer["pairs"],
        "verdict": answer["verdict"],
    }
