"""The produce path: rounds, the equal rate, and what a summary says, with runs that a test makes up."""

import contextlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import produce_path
from bench.event_cost import EventCosts, event_costs
from bench.produce_path import Settings, compare
from bench.produce_summary import Run, summarize, table
from bench.produce_target import announced, reach
from loadgen.errors import Unreachable

SERIALIZERS = ("msgspec", "orjson", "pydantic")
CPU_US = {"msgspec": 8.0, "orjson": 10.0, "pydantic": 20.0}
COSTS = EventCosts(5.0, {"msgspec": 1.0, "orjson": 2.0, "pydantic": 10.0})
SETTINGS = Settings(rounds=6, duration_s=4, warmup_s=1, line_items=(1, 5), rate_share=0.5, seed=3)


def result(serializer: str, rate: float | None, factor: float = 1.0, **verdict: Any) -> dict[str, Any]:
    """A result.json as far as the produce path reads it."""
    latency = {"p50": 900.0 * factor, "p99": 4000.0 * factor}
    return {
        "plan": {"offered_per_s": rate},
        "client": {"instrument": "c", "confluent_kafka": "2.16.1", "librdkafka": "2.16.0"},
        "started_at": "2026-11-25T18:00:00Z",
        "broker": {"kind": "kafka", "version": "4.3.0"},
        "environment": {"cpu_model": "Z80", "cores": 2, "python": "3.11.7", "os": "CP/M"},
        "verdict": {"valid": True, "headline": "", "limited_by": "generator", "doubts": [{"code": "mock"}]} | verdict,
        "messages": {"attempted": 100, "acked": 100},
        "throughput": {"acked_per_s": rate or 1e6 / CPU_US[serializer] * factor},
        "cost": {"cpu_us_per_message": CPU_US[serializer] * factor},
        "latency_us": {"service": latency, "response": latency if rate else None},
    }


class Runs:
    """Stands for `loadgen run`: answers by the arguments, and remembers them."""

    def __init__(self, **wrong: dict[str, Any]) -> None:
        self.asked: list[list[str]] = []
        self._wrong = wrong
        self._draw = random.Random(7)

    def __call__(self, arguments: list[str]) -> dict[str, Any]:
        self.asked.append(arguments)
        serializer = arguments[arguments.index("--serializer") + 1]
        rate = float(arguments[arguments.index("-r") + 1]) if "-r" in arguments else None
        return self._wrong.get(serializer) or result(serializer, rate, self._draw.uniform(0.9, 1.1))

    def serializers(self) -> list[str]:
        return [arguments[arguments.index("--serializer") + 1] for arguments in self.asked]


@pytest.fixture
def costs_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serializing alone is not measured again by every test of the command."""
    monkeypatch.setattr(produce_path, "event_costs", lambda *_: COSTS)


def test_rounds_are_interleaved_and_the_rate_is_equal() -> None:
    """Every round has each serializer once, in changing order; the second half offers half of the slowest's rate."""
    loadgen = Runs()
    runs = list(compare("mock", ["--start", "mock"], SETTINGS, SERIALIZERS, loadgen))
    asked = loadgen.serializers()
    rounds = [tuple(asked[start : start + 3]) for start in range(0, 36, 3)]

    assert len(runs) == 36
    assert all(sorted(one) == sorted(SERIALIZERS) for one in rounds)
    assert len(set(rounds)) > 2
    assert [run.phase for run in runs] == ["flat_out"] * 18 + ["at_rate"] * 18
    rates = {arguments[arguments.index("-r") + 1] for arguments in loadgen.asked[18:]}
    assert len(rates) == 1
    assert 22_000 < float(rates.pop()) < 28_000
    assert all(arguments[:2] == ["--start", "mock"] for arguments in loadgen.asked)
    assert {"--events", "fresh", "--line-items", "1-5", "-d", "4s", "--json=-"} <= set(loadgen.asked[0])


def test_a_summary_says_medians_shares_and_paired_ratios() -> None:
    """Medians lie in their intervals, the share is serializing ÷ all CPU, the ratio to msgspec holds the true one."""
    runs = list(compare("mock", [], SETTINGS, SERIALIZERS, Runs()))
    summaries = {(one.phase, one.serializer): one for one in summarize(runs, COSTS)}
    pydantic = summaries["flat_out", "pydantic"]
    cpu = pydantic.metrics["cpu_us_per_message"]
    ratio, low, high = pydantic.ratio_to_msgspec["cpu_us_per_message"]

    assert len(summaries) == 6
    assert cpu.low <= cpu.median <= cpu.high
    assert cpu.median == pytest.approx(20, rel=0.1)
    assert pydantic.serialize_share == pytest.approx(10 / cpu.median)
    assert low is not None
    assert high is not None
    assert low <= ratio <= high
    assert ratio == pytest.approx(2.5, rel=0.1)
    assert "response_p99_us" not in pydantic.metrics
    assert summaries["at_rate", "pydantic"].metrics["response_p99_us"].median == pytest.approx(4000, rel=0.1)


def test_the_table_names_the_mock_first() -> None:
    """Nobody takes the mock's figures for Kafka's."""
    text = table(summarize(list(compare("mock", [], SETTINGS, SERIALIZERS, Runs())), COSTS))

    assert text.strip().startswith("MOCK, no Kafka was involved")
    assert "offered" in text
    for column in ("service p50 ms", "service p99 ms", "response p50 ms", "response p99 ms"):
        assert column in text


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ({"error": "exit 3: broker unreachable"}, "broker unreachable"),
        (result("orjson", None, valid=False, headline="worker lost"), "worker lost"),
        (result("orjson", None) | {"messages": {"attempted": 100, "acked": 99}}, "1 messages were not acknowledged"),
    ],
)
def test_a_run_that_is_not_valid_is_a_row_and_no_number(answer: dict[str, Any], named: str) -> None:
    """Its reason is kept, its figures are not; with no ceiling for one serializer no equal rate is run."""
    runs = list(compare("mock", [], SETTINGS, SERIALIZERS, Runs(orjson=answer)))
    wrong = [run for run in runs if run.serializer == "orjson"]

    assert len(runs) == 18
    assert all(named in (run.problem or "") and run.acked_per_s is None for run in wrong)
    assert {summary.serializer for summary in summarize(runs, COSTS)} == {"msgspec", "pydantic"}
    assert named in wrong[0].as_line()


def test_one_lost_run_leaves_the_others() -> None:
    """A summary counts its valid runs, and pairs only rounds that have both sides."""
    runs = list(compare("mock", [], SETTINGS, SERIALIZERS, Runs()))
    lost = Run(target="mock", phase="flat_out", round=0, serializer="orjson", problem="worker lost")
    runs = [lost if (run.phase, run.round, run.serializer) == ("flat_out", 0, "orjson") else run for run in runs]
    orjson = next(one for one in summarize(runs, COSTS) if (one.phase, one.serializer) == ("flat_out", "orjson"))

    assert (orjson.runs, orjson.rounds) == (5, 6)
    assert orjson.ratio_to_msgspec["acked_per_s"][1:] == (None, None)  # five pairs have no 95 % interval
    assert "5 of 6 runs valid" in table([orjson])


def test_targets() -> None:
    """The mock is started by each run; an address is used as it is."""
    with reach("mock") as arguments:
        assert arguments == ["--start", "mock"]
    with reach("broker:9092") as arguments:
        assert arguments == ["-b", "broker:9092"]


def test_a_broker_is_where_it_says() -> None:
    """The address is read from the line that `loadgen up` prints; another line is an error that shows it."""
    for line, expected in [("Apache Kafka 4.3.0 ready at 127.0.0.1:41234", "127.0.0.1:41234"), ("no Java here", None)]:
        command = [sys.executable, "-c", f"print({line!r})"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as broker:
            if expected:
                assert announced(broker, "kafka") == expected
            else:
                with pytest.raises(Unreachable, match="no Java here"):
                    announced(broker, "kafka")


def test_a_real_run_makes_a_row() -> None:
    """One run on the mock cluster through the whole command gives a valid row with every figure of its phase."""
    settings = SETTINGS._replace(duration_s=1, warmup_s=0.5)
    arguments = ["--start", "mock", *settings.arguments("pydantic"), "-r", "2000"]
    run = Run.of("mock", "at_rate", 0, "pydantic", produce_path.run_loadgen(arguments))

    assert run.problem is None
    assert run.offered_per_s == 2000
    assert all(
        (value or 0) > 0 for value in (run.acked_per_s, run.cpu_us_per_message, run.service_p50_us, run.response_p99_us)
    )


def test_the_command_writes_rows_and_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """produce.jsonl has every run, produce.json the summaries and the command; exit code 0."""
    monkeypatch.setattr(produce_path, "run_loadgen", Runs())
    code = produce_path.main(["mock", "--fast", "--out", str(tmp_path)])
    rows = [json.loads(line) for line in (tmp_path / "produce.jsonl").read_text().splitlines()]
    record = json.loads((tmp_path / "produce.json").read_text())

    assert (code, len(rows), len(record["summaries"])) == (0, 12, 6)
    assert record["machine"]["cpu_model_name"] == "Z80"
    assert record["machine"]["versions"]["broker"] == "4.3.0"
    assert record["commands"][0].startswith("python -m bench produce mock --fast")
    assert "msgspec" in capsys.readouterr().out


@pytest.mark.usefixtures("costs_known")
def test_another_target_is_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --append both targets are in the record and the rows, a repeated one once; without it only the last."""
    monkeypatch.setattr(produce_path, "run_loadgen", Runs())

    def run(*arguments: str) -> dict[str, Any]:
        assert produce_path.main([*arguments, "--rounds", "2", "--out", str(tmp_path)]) == 0
        return json.loads((tmp_path / "produce.json").read_text())

    run("mock")
    both = run("broker:9092", "--append")
    again = run("mock", "--append")
    assert [one["target"] for one in both["summaries"]] == ["mock"] * 6 + ["broker:9092"] * 6
    assert [one["target"] for one in again["summaries"]] == ["broker:9092"] * 6 + ["mock"] * 6
    assert len(again["commands"]) == 3
    assert len((tmp_path / "produce.jsonl").read_text().splitlines()) == 36
    assert {one["target"] for one in run("mock")["summaries"]} == {"mock"}


def test_a_record_that_is_not_ours_is_not_appended_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and the file's name, before anything runs; the file stays."""
    (tmp_path / "produce.json").write_text("[]")

    assert produce_path.main(["mock", "--append", "--out", str(tmp_path)]) == 2
    assert str(tmp_path / "produce.json") in capsys.readouterr().err
    assert (tmp_path / "produce.json").read_text() == "[]"


@pytest.mark.usefixtures("costs_known")
def test_no_valid_run_is_exit_5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A serializer without one valid run makes the comparison incomplete."""
    monkeypatch.setattr(produce_path, "run_loadgen", Runs(orjson={"error": "exit 3: unreachable"}))

    assert produce_path.main(["mock", "--fast", "--out", str(tmp_path)]) == 5


@pytest.mark.usefixtures("costs_known")
def test_a_missing_library_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without pydantic the others are compared; with none of them there is nothing to run."""
    monkeypatch.setitem(sys.modules, "pydantic", None)
    runs = Runs()
    monkeypatch.setattr(produce_path, "run_loadgen", runs)

    assert produce_path.main(["mock", "--fast", "--out", str(tmp_path)]) == 0
    assert set(runs.serializers()) == {"msgspec", "orjson"}
    assert "pydantic is not installed; pip install" in capsys.readouterr().err
    assert produce_path.main(["mock", "--serializers", "pydantic", "--out", str(tmp_path)]) == 2


@pytest.mark.usefixtures("costs_known")
def test_a_target_that_does_not_come_up_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mock's runs are kept when Kafka is out of reach; the exit code is 3."""

    @contextlib.contextmanager
    def reach_mock_alone(target: str) -> Iterator[list[str]]:
        if target != "mock":
            raise Unreachable("no Java here")
        yield []

    monkeypatch.setattr(produce_path, "reach", reach_mock_alone)
    monkeypatch.setattr(produce_path, "run_loadgen", Runs())

    assert produce_path.main(["kafka", "mock", "--rounds", "2", "--out", str(tmp_path)]) == 3
    assert "kafka: left out: no Java here" in capsys.readouterr().err
    assert len((tmp_path / "produce.jsonl").read_text().splitlines()) == 12


@pytest.mark.usefixtures("costs_known")
def test_an_interruption_keeps_the_finished_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the eighth run: exit 130, seven rows, and a summary of them."""
    runs = Runs()

    def seven_then_interrupted(arguments: list[str]) -> dict[str, Any]:
        if len(runs.asked) == 7:
            raise KeyboardInterrupt
        return runs(arguments)

    monkeypatch.setattr(produce_path, "run_loadgen", seven_then_interrupted)

    assert produce_path.main(["mock", "--rounds", "6", "--out", str(tmp_path)]) == 130
    assert len((tmp_path / "produce.jsonl").read_text().splitlines()) == 7
    assert sum(one["runs"] for one in json.loads((tmp_path / "produce.json").read_text())["summaries"]) == 7


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--serializers", "msgspec,jsonn"], "--serializers jsonn"), (["--line-items", "a-b"], "--line-items a-b"),
     (["--line-items", "5-1"], "--line-items 5-1")],
)  # fmt: skip
def test_wrong_settings_are_refused_before_a_run(
    arguments: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typo is one line and exit 2; no broker is started."""
    assert produce_path.main([*arguments, "--out", str(tmp_path)]) == 2
    assert named in capsys.readouterr().err


def test_event_costs_are_measured() -> None:
    """Making an order and each serialization cost something; pydantic's costs more than msgspec's."""
    costs = event_costs(("msgspec", "pydantic"), (1, 5), 1)

    assert costs.make_us > 0
    assert 0 < costs.serialize_us["msgspec"] < costs.serialize_us["pydantic"]


def test_run_loadgen_reports_what_went_wrong() -> None:
    """A run that does not start is one line with its exit code, not an exception."""
    answer = produce_path.run_loadgen(["--no-such-flag"])

    assert answer["error"].startswith("exit 2: ")
