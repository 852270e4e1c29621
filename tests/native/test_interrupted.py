"""A thread that is interrupted between two readings of the clock tells no time below zero, and no time too short."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys, time
from array import array
from loadgen.brokers.mock import MockCluster
from loadgen.recorder.slab import Header, Metric, Phase, Slab, metric_sum_at
from tests.native.conftest import Rig

RECORDS = 1000
with MockCluster.start(1) as cluster:
    cluster.create_topic("t", 2)
    slab = Slab.create(1)
    sender = Rig(slab, 0, "native", cluster.bootstrap, {}).aim().prime()
    slab.words[Header.T0_NS] = time.monotonic_ns()
    spaced = [(0, 0, 200_000, 1)]
    if sys.argv[1] == "schedule":
        sender.client.set_schedule(spaced)
    due = None if sys.argv[1] == "schedule" else array("q", range(0, RECORDS * 200_000, 200_000))
    sent = 0
    while sent < RECORDS:
        left = None if due is None else due[sent:]
        accepted, _, _ = sender.client.send_due(sent, RECORDS - sent, 10**11, 0, left)
        sent += accepted
    sender.wait_answered(RECORDS)
    sums = [slab.words[metric_sum_at(0, Phase.MEASURED, metric)] for metric in (Metric.LATENESS, Metric.SERVICE, Metric.RESPONSE)]
    print(sender.counts().get("NEGATIVE", 0), sums[2] - sums[0] - sums[1])
    sender.close()
"""


@pytest.mark.parametrize("due_times", ["schedule", "buffer"])
def test_no_time_is_below_zero(tmp_path: Path, due_times: str) -> None:
    """Each thread stands still for 3 ms after every 97th look at the clock: lateness + service = response, exactly."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc: the interrupted clock cannot be built")
    if "LD_PRELOAD" in os.environ:
        pytest.skip("a sanitizer is in the process already, with a clock of its own")
    clock = tmp_path / "slow_clock.so"
    source = Path(__file__).with_name("slow_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", clock, source, "-ldl"], check=True)
    run = subprocess.run(
        [sys.executable, "-c", CODE, due_times],
        env={**os.environ, "LD_PRELOAD": str(clock)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.stdout.split() == ["0", "0"], run.stderr
