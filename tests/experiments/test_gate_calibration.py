"""Equal variants tell which limits a runner can hold; the next gate is held to them."""

from pathlib import Path

from loadgen.experiments.gate_calibration import calibration_of, kind_of_runner, write_calibration
from loadgen.experiments.gate_request import request_of
from tests.experiments.doors import SimulatedDoor
from tests.experiments.test_gate_session import MOCK, Cluster, carried_out, elsewhere

__all__ = ["elsewhere"]


def test_calibration_writes_limits_that_the_next_gate_reads(tmp_path: Path) -> None:
    """Twenty pairs of the baseline with itself, all run; the limits go to gate.toml and hold for the next gate; a tighter
    one is accepted with the share of gates that it will leave inconclusive.
    """
    request = request_of({**MOCK, "rate": "max"}, mode="calibrate")
    run, _ = carried_out(request, SimulatedDoor(Cluster(noise=0.05)), tmp_path / "runs")
    write_calibration(request.file, calibration_of(run, request.plan.limits, request.looks))

    following = request_of({**MOCK, "rate": "max"}, candidate="linger.ms=20")
    tighter = request_of({**MOCK, "rate": "max"}, candidate="linger.ms=20", fail_if=["throughput.acked_per_s-2%"])

    assert len(run.pairs) == 20
    assert [limit.metric for limit in following.plan.limits] == ["throughput.acked_per_s", "cost.cpu_us_per_message"]
    assert 0.04 < following.plan.limits[0].log_loss < 0.2
    assert following.doubts == []
    assert [doubt.code for doubt in tighter.doubts] == ["tighter_than_calibrated"]
    assert "% of the gates" in tighter.doubts[0].message


def test_a_calibration_of_another_kind_of_runner_is_doubted(tmp_path: Path) -> None:
    """The limits hold for the processor and its cores, whatever the host is called; elsewhere they are used and doubted."""
    request = request_of({**MOCK, "rate": "max"}, mode="calibrate")
    run, _ = carried_out(request, SimulatedDoor(Cluster(noise=0.05)), tmp_path / "runs")
    write_calibration(request.file, calibration_of(run, request.plan.limits, request.looks))
    here = kind_of_runner()
    assert request_of(MOCK, candidate="linger.ms=20").doubts == []

    request.file.write_text(request.file.read_text().replace(here, "Another 1, 64 cores"))
    (doubt,) = request_of(MOCK, candidate="linger.ms=20").doubts

    assert doubt.code == "calibrated_elsewhere" and "Another 1, 64 cores" in doubt.message and here in doubt.message
