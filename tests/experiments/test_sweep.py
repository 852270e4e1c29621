"""A grid in randomised blocks: effects, interactions, record, pictures; over simulated runs and real ones on the mock."""

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen.cli.experiment import ExperimentOutput
from loadgen.cli.sweep import sweep as sweep_command
from loadgen.errors import Unreachable, UsageError
from loadgen.experiments import sweep, sweep_effects, sweep_session, sweep_text
from loadgen.experiments.byte_budget import GIB
from loadgen.experiments.grid import Parameter, combinations, flags_with, parse_parameters
from loadgen.experiments.guarded_runs import GuardedRuns
from loadgen.experiments.plot_sweep import sweep_picture
from loadgen.experiments.record import Recorder, begin, resume
from loadgen.experiments.sweep import SweepRun
from loadgen.experiments.sweep_effects import SweepAnswer
from loadgen.experiments.sweep_request import request_of, rule_of
from loadgen.experiments.sweep_session import run_sweep
from tests.experiments.doors import SimulatedDoor
from tests.judge.simulated import result

MOCK = {"start": "mock"}
ACKED = "throughput.acked_per_s"
LINGER = Parameter("linger.ms", ("0", "5", "20"))
CODEC = Parameter("compression.type", ("none", "lz4", "zstd"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LOADGEN_RESULTS", "LOADGEN_BOOTSTRAP_SERVERS", "RPK_BROKERS"):
        monkeypatch.delenv(name, raising=False)


def machine(
    law: Callable[[dict[str, str]], float], noise: float = 0.02, drift: float = 0.0, seed: int = 1
) -> Callable[[dict[str, str], int, int], SweepRun]:
    """Runs whose throughput follows a law of the combination, with noise and a drift over the session."""
    generator = np.random.default_rng(seed)
    count = [0]

    def run(combination: dict[str, str], block: int, position: int) -> SweepRun:
        count[0] += 1
        level = law(combination) * math.exp(-drift * count[0]) * generator.lognormal(0, noise)
        return SweepRun(block=block, position=position, combination=combination, metrics={ACKED: level})

    return run


def swept(parameters: list[Parameter], run: Callable[..., SweepRun], blocks: int = 6) -> SweepAnswer:
    return sweep_effects.answer_of(parameters, sweep.carry_out(parameters, blocks, run), [ACKED])


def faster(combination: dict[str, str]) -> float:
    return 1e5 * {"0": 1.0, "5": 1.1, "20": 1.2}[combination["linger.ms"]]


def test_what_moved_what_is_told_with_intervals() -> None:
    """Linger moves throughput by its true factors, inside the intervals; compression moves nothing."""
    answer = swept([LINGER, CODEC], machine(faster))
    effects = {(effect.parameter, effect.value): effect for effect in answer.effects}

    for value, truth in (("5", 1.1), ("20", 1.2)):
        effect = effects["linger.ms", value]
        assert effect.differs and effect.low is not None and effect.high is not None
        assert effect.low <= truth <= effect.high
        assert effect.pairs == 18
    assert not effects["compression.type", "lz4"].differs and not effects["compression.type", "zstd"].differs


def test_a_machine_that_drifts_moves_no_setting() -> None:
    """One per cent lost a run over 54 runs: of 40 sweeps without any effect at most 4 call one."""
    called = sum(
        any(effect.differs for effect in swept([LINGER, CODEC], machine(lambda _: 1e5, drift=0.01, seed=seed)).effects)
        for seed in range(40)
    )

    assert called <= 4


def test_every_block_has_every_combination_in_an_order_of_its_own() -> None:
    """Each once; the order is drawn, the same for the same seed, another for another block."""
    runs = sweep.carry_out([LINGER, CODEC], 4, machine(faster), seed=3)
    again = sweep.carry_out([LINGER, CODEC], 4, machine(faster), seed=3)
    orders = [[named(run) for run in runs if run.block == block] for block in range(4)]

    assert all(sorted(order) == sorted(named_all()) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert [run.combination for run in runs] == [run.combination for run in again]


def named(run: SweepRun) -> str:
    return str(sorted(run.combination.items()))


def named_all() -> list[str]:
    return [str(sorted(each.items())) for each in combinations([LINGER, CODEC])]


def test_an_effect_that_depends_on_another_setting_is_said() -> None:
    """Linger helps with compression and hurts without: the doubt names both, so that nobody reads the mean."""

    def law(combination: dict[str, str]) -> float:
        helps = combination["compression.type"] != "none"
        return 1e5 * (1.3 if helps else 0.8) if combination["linger.ms"] == "20" else 1e5

    doubts = [doubt for doubt in swept([LINGER, CODEC], machine(law)).doubts if doubt.code == "interaction"]

    assert any("linger.ms 0 → 20" in doubt.message and "compression.type=none" in doubt.message for doubt in doubts)


@pytest.mark.parametrize("values", [2, 3, 4, 9])
def test_too_few_blocks_show_nothing_and_say_so(values: int) -> None:
    """However large every effect; with one block more each is shown, and nothing is said. Six pairs were once enough
    for any number of effects, whose joint test then called +3,000 % chance.
    """
    levels = Parameter("batch.size", tuple(str(1000 * number) for number in range(1, values + 1)))
    enough = sweep_effects.least_pairs(values - 1)
    few, many = (
        swept([levels], machine(lambda combination: float(combination["batch.size"]) ** 2), blocks=blocks)
        for blocks in (enough - 1, enough)
    )

    assert not any(effect.differs for effect in few.effects)
    assert [doubt.code for doubt in few.doubts] == ["few_pairs"]
    assert all(effect.differs and effect.low is not None for effect in many.effects)
    assert many.doubts == []


def test_a_run_that_cannot_be_judged_is_a_row_and_in_no_effect() -> None:
    """Its complaint is told and written; the effects are those of the other runs."""
    good = machine(faster)

    def run(combination: dict[str, str], block: int, position: int) -> SweepRun:
        told = good(combination, block, position)
        if combination == {"linger.ms": "20", "compression.type": "none"}:
            return SweepRun(
                block=block, position=position, combination=combination, metrics={}, complaint="worker lost"
            )
        return told

    answer = swept([LINGER, CODEC], run)
    effects = {(effect.parameter, effect.value): effect for effect in answer.effects}

    assert effects["linger.ms", "20"].pairs == 12
    assert any("worker lost" in doubt.message for doubt in answer.doubts)


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["linger.ms"], "write it like"),
        (["lingr.ms=1,2"], "did you mean linger.ms"),
        (["linger.ms=1,1"], "given twice"),
        (["linger.ms=1", "linger.ms=2"], "given twice"),
        (["linger.ms=1,900001"], "linger.ms=900001"),
        (["compression.type=lz4,gzipp"], "gzipp"),
        (["workers=1,many"], "workers=many"),
        (["duration=1s,2s"], "one for both sides"),
    ],
)
def test_wrong_parameters_are_refused_before_the_first_run(texts: list[str], complaint: str) -> None:
    """Names, values and bounds, the nearest right name with them."""
    with pytest.raises(UsageError, match=complaint):
        parse_parameters(texts, {"start": "mock"})


def test_a_grid_without_end_is_refused() -> None:
    """More than a thousand combinations are a tuner's work."""
    with pytest.raises(UsageError, match="loadgen tune"):
        combinations([Parameter(str(i), tuple("abcdefgh")) for i in range(4)])


def test_settings_and_properties_go_where_they_belong() -> None:
    """A property becomes -X, a setting a flag, and what was given before stays."""
    flags = flags_with({"X": ["acks=1"], "workers": "1"}, {"linger.ms": "5", "workers": "2"})

    assert flags == {"X": ["acks=1", "linger.ms=5"], "workers": "2"}


@pytest.mark.parametrize(
    ("flags", "params", "repeat", "complaint"),
    [
        ({}, [], 5, "what a sweep is of"),
        ({"rate": "50%"}, ["linger.ms=1,2"], 5, "another rate"),
        ({}, ["linger.ms=1,2"], 0, "must be 1 to 100"),
        ({"slo": ["response.p99<5ms"]}, ["linger.ms=1,2"], 5, "not for a sweep"),
        ({}, ["enable.idempotence=true,false", "acks=1,all"], 5, "acks"),
    ],
)
def test_wrong_sweeps_are_refused(flags: dict[str, Any], params: list[str], repeat: int, complaint: str) -> None:
    """Also what is wrong only in combination: idempotence with acks=1."""
    with pytest.raises(UsageError, match=complaint):
        request_of({**MOCK, **flags}, params, repeat)


def cluster(flags: dict[str, Any]) -> dict[str, Any]:
    properties = dict(text.split("=") for text in flags["X"])
    return result(acked_per_s=faster(properties) * (1 + int(flags["seed"]) / 1000))


def guarded(recorder: Recorder, door: SimulatedDoor) -> GuardedRuns:
    return GuardedRuns(recorder, door, None, 50 * GIB)


def test_a_sweep_over_runs_keeps_record_and_csv(tmp_path: Path) -> None:
    """Every run with its hash, every row in the CSV, the answer in experiment.json; one seed a block."""
    request = request_of(MOCK, ["linger.ms=0,5,20", "compression.type=none,lz4"], 6)
    recorder = begin(tmp_path, "sweep", "sweep", ["loadgen", "sweep"], rule_of(request))
    door = SimulatedDoor(cluster)

    answer, runs = run_sweep(request, guarded(recorder, door), lambda runs: None)
    record = json.loads((recorder.path / "experiment.json").read_text())
    rows = list(csv.DictReader(io.StringIO((recorder.path / "sweep.csv").read_text())))

    assert len(runs) == len(rows) == len(record["runs"]) == request.runs() == 36
    assert record["state"] == "done" and len(record["answer"]["effects"]) == len(answer.effects)
    assert float(rows[0][ACKED]) == runs[0].metrics[ACKED]
    assert {request.flags["seed"] for request in door.requests[:6]} == {"1"}


def test_a_sweep_that_ended_early_is_gone_on_from(tmp_path: Path) -> None:
    """The eighth run finds no broker; resumed, seven are not run again and the answer is the undisturbed one's."""
    request = request_of(MOCK, ["linger.ms=0,5,20"], 6)
    whole = begin(tmp_path / "a", "sweep", "sweep", [], rule_of(request))
    expected, _ = run_sweep(request, guarded(whole, SimulatedDoor(cluster)), lambda runs: None)
    door = SimulatedDoor(cluster)

    def lossy(flags: dict[str, Any]) -> dict[str, Any]:
        if len(door.requests) == 8:
            raise Unreachable("no answer")
        return cluster(flags)

    door.answer = lossy
    recorder = begin(tmp_path / "b", "sweep", "sweep", [], rule_of(request))
    with pytest.raises(Unreachable):
        run_sweep(request, guarded(recorder, door), lambda runs: None)
    recorder.write(state="interrupted")
    resumed = resume(recorder.path, "sweep", rule_of(request))
    answer, _ = run_sweep(request, guarded(resumed, door), lambda runs: None)

    assert answer == expected
    assert len(door.requests) == 8 + 11


def test_tables_say_what_moved_and_a_mock_is_said_first() -> None:
    """`~` where nothing moved; foreign words escaped; a row for each combination."""
    answer = swept([LINGER, CODEC], machine(faster))

    text, markdown = sweep_text.text(answer, on_mock=True), sweep_text.markdown(answer, on_mock=True)

    assert text.startswith("MOCK") and markdown.startswith("MOCK")
    assert "~" in text and "linger.ms 0 → 20" in text
    assert markdown.count("zstd") >= 3
    assert "\n| --- |" in markdown


@pytest.mark.parametrize("parameters", [[LINGER], [LINGER, CODEC], [LINGER, CODEC, Parameter("workers", ("1", "2"))]])
def test_pictures_are_drawn_for_any_number_of_parameters(parameters: list[Parameter]) -> None:
    """Dots, a heat map, small multiples; the best combination is in the heading; the same bytes each time."""
    runs = sweep.carry_out(parameters, 2, machine(faster))
    answer = sweep_effects.answer_of(parameters, runs, [ACKED])

    first, again = (sweep_picture(answer, runs, ACKED, on_mock=False) for _ in range(2))

    assert first.svg == again.svg and first.png.startswith(b"\x89PNG")
    assert "linger.ms=20" in first.alt


def test_a_sweep_of_other_parameters_is_not_resumed(tmp_path: Path) -> None:
    """Runs of another grid cannot stand in this one's blocks: exit 2 with both."""
    recorder = begin(tmp_path, "sweep", "sweep", [], rule_of(request_of(MOCK, ["linger.ms=0,5"], 6)))
    recorder.write(state="interrupted")

    with pytest.raises(UsageError, match="begun with parameters"):
        resume(recorder.path, "sweep", rule_of(request_of(MOCK, ["linger.ms=0,9"], 6)))


def test_a_cluster_is_warmed_before_the_runs_that_count(tmp_path: Path) -> None:
    """A cold broker would be the first block's; on a mock there is nothing to warm."""
    for start, runs in (("kafka", 14), ("mock", 12)):
        request = request_of({"start": start, "X": []}, ["linger.ms=0,5"], 6)
        recorder = begin(tmp_path / start, "sweep", "sweep", [], rule_of(request))
        door = SimulatedDoor(lambda flags: result())
        _, counted = run_sweep(request, guarded(recorder, door), lambda runs: None)

        assert (len(door.requests), len(counted)) == (runs, 12)


def test_a_sweep_without_a_run_that_counts_is_not_valid() -> None:
    """No medians, exit 5, said in the first line."""

    def run(combination: dict[str, str], block: int, position: int) -> SweepRun:
        return SweepRun(block=block, position=position, combination=combination, metrics={}, complaint="worker lost")

    answer = swept([LINGER], run)

    assert sweep_session.exit_code(answer) == 5
    assert sweep_text.text(answer, on_mock=False).startswith("NO ANSWER")


def test_the_plan_says_what_will_be_run_and_that_it_is_too_little() -> None:
    """Runs, time, cap; five pairs show none of two effects, with the --repeat that would."""
    told = sweep_text.plan(request_of(MOCK, ["linger.ms=0,5,20"], 5))

    assert "15 in 5 blocks" in told and "about 1.8 min" in told and "500.0 GiB" in told
    assert "5 matched pairs" in told and "any of 2 effects" in told and "--repeat 7" in told
    assert "--repeat 4" in sweep_text.plan(request_of(MOCK, ["linger.ms=0,5", "workers=1,2"], 3))
    assert "matched pairs" not in sweep_text.plan(request_of(MOCK, ["linger.ms=0,5", "workers=1,2"], 4))


def test_a_real_sweep_on_the_mock(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Four short real runs: table, CSV, pictures and record, MOCK first."""
    from loadgen.cli.flags import RunFlags

    code = sweep_command(
        param=["linger.ms=0,20"],
        repeat=2,
        output=ExperimentOutput(out=tmp_path / "sweep", progress="none"),
        flags=RunFlags(start="mock", duration="300ms", warmup="100ms", workers="1"),
    )
    told = capsys.readouterr().out
    record = json.loads((tmp_path / "sweep" / "experiment.json").read_text())

    assert code == 0 and told.startswith("MOCK") and "linger.ms 0 → 20" in told
    assert (record["state"], record["on_mock"], len(record["runs"])) == ("done", True, 4)
    assert (tmp_path / "sweep" / "sweep-throughput-acked_per_s.svg").exists()
    assert len((tmp_path / "sweep" / "sweep.csv").read_text().splitlines()) == 5
