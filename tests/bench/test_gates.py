"""The gate held against simulated machines and planted losses: the counting, the going on, the prediction."""

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from bench.gates import command, planted, series, simulation, summary
from bench.gates.share import at_least, share_interval
from loadgen.errors import NotValid
from loadgen.experiments.run_door import Request, RunHere
from loadgen.judge.limit import parse_limit
from loadgen.judge.looks import Looks, plan_looks

SETUP = series.Setup(
    start="mock",
    pairs=12,
    duration="0.2s",
    warmup="0.1s",
    limits=["throughput.acked_per_s-5%", "cost.cpu_us_per_message+5%"],
    turns={"slower": 160, "costlier": 80},
)


@pytest.mark.parametrize(("found", "of"), [(0, 20), (1, 20), (17, 20), (20, 20), (12, 2_000), (1_900, 2_000)])
def test_the_interval_of_a_share_is_scipys(found: int, of: int) -> None:
    """Clopper and Pearson's, to nine digits; and the tail that it inverts."""
    theirs = stats.binomtest(found, of).proportion_ci(0.95, "exact")

    assert share_interval(found, of) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert at_least(found, of, 0.3) == pytest.approx(stats.binom(of, 0.3).sf(found - 1), abs=1e-9)


@pytest.mark.parametrize(("found", "of"), [(1, 0), (3, 2), (-1, 5)])
def test_no_share_of_nothing(found: int, of: int) -> None:
    """More found than there were is a bug of the caller."""
    with pytest.raises(ValueError, match="no share"):
        share_interval(found, of)


def test_every_promise_is_counted_and_the_same_again() -> None:
    """A hundredth of the full size: each promise has its row, an interval around its share, and its seed decides all."""
    rows = list(simulation.simulate(0.01))

    assert len({row.name for row in rows}) >= 12 and all(row.of >= 20 for row in rows)
    assert all(row.low <= row.share <= row.high for row in rows)
    assert rows == list(simulation.simulate(0.01))


def test_a_gate_that_spends_too_much_is_counted_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """With looks that each spend a third, equal sides alarm far more often than in 1 of 100 gates: the row says so."""
    monkeypatch.setattr(simulation, "plan_looks", lambda *_, **__: Looks((12, 16), 0.33, 0.33))

    row = next(simulation.simulate(0.05))

    assert row.name == "false alarms" and row.share > 0.1 and not row.holds


def test_a_planted_record_is_the_plain_one() -> None:
    """Only the time that it takes differs: same key, same bytes, its number in both."""
    assert planted.busy(12) == planted.plain(12) != planted.plain(13)
    assert planted.plain(12)[0] == b"planted-000000000000000012" and planted.plain(12)[0] in planted.plain(12)[1]


def test_planted_records_can_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker, a process of its own, finds the function and the turns; the run is valid."""
    monkeypatch.setenv(planted.TURNS_NAME, "10")
    flags = {"start": "mock", "workers": "1", "count": "500", "warmup": "0s", "events": planted.BUSY}

    outcome = RunHere()(Request(flags=flags, folder=str(tmp_path / "run")))

    assert outcome.result["messages"]["acked"] == 500 and outcome.result["verdict"]["valid"]


def row(kind: str, number: int, change: float, verdict: str, pairs: int = 12) -> dict[str, Any]:
    """A series' row with invented numbers."""
    generator = np.random.default_rng([number, len(kind)])
    metrics = (series.CPU,) if kind == "costlier" else (series.ACKED, series.CPU) if kind == "same" else (series.ACKED,)
    told = {"verdict": verdict, "ratio": 1 + change, "low": 0.99 + change, "high": 1.01 + change}
    limits = {series.ACKED: "throughput.acked_per_s-5%", series.CPU: "cost.cpu_us_per_message+3%"}
    return {
        "kind": kind,
        "gate": number,
        "verdict": verdict,
        "pairs": pairs,
        "seconds": 20.0,
        "limits": [limits[metric] for metric in metrics],
        "metrics": {metric: {**told, "limit": limits[metric]} for metric in metrics},
        "log_ratios": {metric: list(generator.normal(change, 0.02, pairs)) for metric in (series.ACKED, series.CPU)},
    }


def test_a_series_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in its third gate it has two rows; started again it runs the third to fifth, once each, and then no more."""
    ran: list[int] = []
    killed = iter([KeyboardInterrupt])

    def gate(setup: series.Setup, kind: str, number: int, broker: object) -> dict[str, Any]:
        if number == 3:
            for interruption in killed:
                raise interruption
        ran.append(number)
        return row(kind, number, 0.0, "pass")

    monkeypatch.setattr(series, "row_of", gate)
    monkeypatch.setattr(series, "warm_up", lambda *_: None)
    monkeypatch.setattr(command, "broker_for", lambda _: contextlib.nullcontext())
    arguments = ["same", "--gates", "5", "--out", str(tmp_path)]

    assert command.main(arguments) == 2  # not calibrated yet
    (tmp_path / "gates-mock-setup.json").write_bytes(msgspec.json.encode(SETUP))
    with pytest.raises(KeyboardInterrupt):
        command.main(arguments)
    assert [command.main(arguments) for _ in range(2)] == [0, 0]
    assert [each["gate"] for each in series.read_rows(tmp_path / "gates-mock-same.jsonl")] == [1, 2, 3, 4, 5] == ran


def test_a_gate_without_a_verdict_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says why, is counted, and is no pass."""

    def spoilt(request: object, broker: object) -> None:
        raise NotValid("pair 3: a worker was lost")

    monkeypatch.setattr(series, "carried_out", spoilt)

    told = series.row_of(SETUP, "same", 1, None)

    assert told["reason"] == "pair 3: a worker was lost"
    assert series.counts([told, row("same", 2, 0.0, "pass")]) == {
        "pass": 1, "regressed": 0, "improved": 0, "inconclusive": 0, "none": 1
    }  # fmt: skip


def test_a_calibration_that_is_there_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Series that are compared have one setup; a second calibration says so and changes nothing."""
    (tmp_path / "gates-mock-setup.json").write_text("{}")

    assert command.main(["calibrate", "--out", str(tmp_path)]) == 0
    assert "is kept" in capsys.readouterr().out and (tmp_path / "gates-mock-setup.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("kind", "limits"),
    [("same", SETUP.limits), ("slower", SETUP.limits[:1]), ("costlier", ["cost.cpu_us_per_message+3%"])],
)
def test_each_kind_is_its_own_question(kind: str, limits: list[str]) -> None:
    """Equal sides at both calibrated limits; −10 % throughput at its own; +5 % CPU at 3 %. One worker, flat out."""
    request = series.asked(SETUP, kind, 4)

    assert [limit.text for limit in request.plan.limits] == limits
    assert (request.plan.baseline == request.plan.candidate) is (kind == "same")
    assert (request.plan.seed, request.rate.kind, request.plan.looks.pairs) == (4, "max", (9, 12))
    assert SETUP.load_s == pytest.approx(7.2)


@pytest.mark.parametrize(("change", "low", "high"), [(0.0, 0.0, 0.01), (-0.051, 0.35, 0.75), (-0.10, 0.98, 1.0)])
def test_predicted_is_none_at_no_loss_half_at_the_limit_all_far_beyond(change: float, low: float, high: float) -> None:
    """By the pairs' own spread: what a gate with a limit of 5 % catches at 0, 5 and 10 %."""
    log_ratios = list(np.random.default_rng(1).normal(change, 0.02, 120))
    centred = [ratio - float(np.median(log_ratios)) + change for ratio in log_ratios]

    found = summary.predicted(centred, parse_limit("throughput.acked_per_s-5%"), plan_looks(12))

    assert low <= found <= high


def test_the_summary_counts_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Verdicts by kind, the effect that was measured beside the one that was planted, the share caught with its interval;
    a picture; nothing there is exit 2.
    """
    assert command.main(["summary", "--out", str(tmp_path)]) == 2
    (tmp_path / "gates-mock-setup.json").write_bytes(msgspec.json.encode(SETUP))
    told = {
        "same": [row("same", number, 0.0, "pass") for number in range(1, 5)],
        "slower": [row("slower", number, -0.10, "regressed") for number in range(1, 5)],
        "costlier": [
            row("costlier", number, 0.05, ("regressed", "inconclusive")[number % 2]) for number in range(1, 5)
        ],
    }
    for kind, rows in told.items():
        for each in rows:
            series.add_row(tmp_path / f"gates-mock-{kind}.jsonl", each)
    capsys.readouterr()

    assert command.main(["summary", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "gates.json").read_text())["series"]
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]

    assert found["mock same"]["verdicts"]["pass"] == 4
    assert found["mock slower"]["share"] == 1.0 and found["mock slower"]["predicted"] > 0.9
    assert found["mock slower"]["effect"] == pytest.approx(-0.095, abs=0.01)  # a log-ratio of -0.10
    assert (found["mock costlier"]["share"], found["mock costlier"]["limit"]) == (0.5, "cost.cpu_us_per_message+3%")
    assert found["mock costlier"]["low"] < 0.5 < found["mock costlier"]["high"]
    assert len({line.count("|") for line in table}) == 1 and len(table) == 2 + 3
    assert (
        "| 4 mock costlier | cost.cpu_us_per_message+3% | +5% |" in table[4]
        and "2 regressed, 2 inconclusive" in table[4]
    )
    assert (tmp_path / "gates.png").read_bytes().startswith(b"\x89PNG")
