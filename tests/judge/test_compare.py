"""Stored runs side by side."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen.errors import NotValid, UsageError
from loadgen.judge import compare_text, stored
from loadgen.judge.compare import compare
from loadgen.judge.result_file import StoredRun
from tests.judge.simulated import open_result, result


def runs(level: float, count: int = 6, seed: int = 1, **changes: Any) -> list[StoredRun]:
    generator = np.random.default_rng(seed)
    factors = generator.lognormal(0, 0.01, count)
    return [
        StoredRun(f"run-{i}", result(acked_per_s=level * factor, cpu_us=3 / factor, **changes))
        for i, factor in enumerate(factors)
    ]


def test_a_difference_is_shown_with_interval_and_p_and_none_as_a_tilde() -> None:
    """Half the rate is −50 % with its interval; what is the same is `~`."""
    told = compare(runs(200_000), runs(100_000, seed=2))
    rows = {row.name: row for row in told.rows}
    text = compare_text.text(told)

    acked = rows["throughput.acked_per_s"]
    assert acked.differs and acked.low is not None and acked.high is not None
    assert acked.low < acked.ratio < acked.high and acked.ratio == pytest.approx(0.5, abs=0.02)
    assert not rows["cost.cpu_us_per_message"].differs
    assert "-50" in next(line for line in text.splitlines() if line.startswith("throughput"))
    assert "~" in next(line for line in text.splitlines() if line.startswith("cost.cpu"))


def test_the_same_conditions_are_graded_same() -> None:
    """Nothing listed, nothing marked."""
    told = compare(runs(1e5), runs(1e5, seed=2))

    assert (told.grade, told.differences, told.forced) == ("same", [], False)
    assert compare_text.MARK not in compare_text.text(told)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("client.librdkafka", "2.15.0"),
        ("environment.kernel", "6.9"),
        ("broker.version", "4.4.0"),
        ("environment.python", "3.13.0"),
        ("client.properties", {"linger.ms": "20", "acks": "-1"}),
        ("plan.workers", 2),
    ],
)
def test_what_changed_is_listed_and_marks_every_row(path: str, value: Any) -> None:
    """Grade changed: compared, with the difference named below and a mark on each row."""
    told = compare(runs(1e5), runs(1e5, seed=2, **{path: value}))
    text = compare_text.text(told)

    assert told.grade == "changed"
    assert all(each.grade == "changed" for each in told.differences)
    assert path.split(".")[0] in text
    assert all(compare_text.MARK in line for line in text.splitlines() if line.startswith(("throughput", "cost")))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("plan.loop", "open"),
        ("plan.record_size", 100),
        ("plan.keys", "none"),
        ("plan.partitions", 12),
        ("broker.kind", "mock"),
        ("broker.topic", {"replication_factor": 3, "min_insync_replicas": 1}),
        ("environment.cpu_model", "Another 1"),
        ("client.instrument", "python"),
        ("bytes.payload", 1),
    ],
)
def test_what_is_not_comparable_is_refused_or_stamped(path: str, value: Any) -> None:
    """Exit 5 with the reason; forced, the output begins with the stamp."""
    a, b = runs(1e5), runs(1e5, seed=2, **{path: value})

    with pytest.raises(NotValid, match="not comparable") as caught:
        compare(a, b)
    forced = compare(a, b, force=True)

    assert caught.value.exit_code == 5
    assert forced.forced and "FORCED" in compare_text.text(forced).splitlines()[0 if not forced.on_mock else 1]
    assert "FORCED" in compare_text.markdown(forced)


def test_offered_rates_must_be_equal() -> None:
    """Latencies at 50,000 and 60,000 a second are answers to two questions."""
    a = [StoredRun("a", open_result())]

    with pytest.raises(NotValid, match="offered_per_s"):
        compare(a, [StoredRun("b", open_result(**{"plan.offered_per_s": 60_000.0}))])
    assert {row.name for row in compare(a, a).rows} >= {"latency_us.response.p99", "latency_us.service.p99"}


def test_flat_out_no_latency_is_compared_but_the_requests() -> None:
    """In a closed loop a record waits in its own client's queue; only the round trip of requests is compared."""
    names = {row.name for row in compare(runs(1e5), runs(1e5)).rows}

    assert "latency_us.request_rtt.p99" in names
    assert "latency_us.service.p99" not in names


def test_one_run_a_side_shows_numbers_and_no_difference() -> None:
    """However far apart, one run each is `~`, with the doubt that says how many it takes."""
    told = compare(runs(1e5, 1), runs(5e4, 1))

    assert not any(row.differs for row in told.rows)
    assert {"few_runs", "not_interleaved"} <= {doubt.code for doubt in told.doubts}


def test_a_run_that_is_not_valid_is_refused() -> None:
    """A run that its own judge did not believe is not compared."""
    with pytest.raises(NotValid, match="run-0"):
        compare(runs(1e5, **{"verdict.valid": False}), runs(1e5))


def test_a_side_may_not_mix_what_cannot_be_compared() -> None:
    """Two runs of one side at different partitions are found, not pooled."""
    mixed = [*runs(1e5, 2), *runs(1e5, 2, **{"plan.partitions": 12})]

    with pytest.raises(NotValid, match="partitions"):
        compare(mixed, runs(1e5, 4))


def write_experiment(folder: Path, edit: bool = False) -> Path:
    rows = []
    for index, label in enumerate(("baseline", "candidate", "baseline")):
        at = folder / "runs" / f"{index}"
        at.mkdir(parents=True)
        content = json.dumps(result(acked_per_s=1e5 + index)).encode()
        (at / "result.json").write_bytes(content)
        rows.append({"folder": f"runs/{index}", "label": label, "sha256": hashlib.sha256(content).hexdigest()})
    (folder / "experiment.json").write_text(
        json.dumps({"schema": "loadgen.experiment/1", "kind": "gate", "runs": rows})
    )
    if edit:
        file = folder / "runs" / "0" / "result.json"
        file.write_text(file.read_text().replace("100000", "900000"))
    return folder


def test_runs_of_an_experiment_are_named_by_label(tmp_path: Path) -> None:
    """`FOLDER:baseline` is its two runs, the folder alone all three."""
    folder = write_experiment(tmp_path / "x")

    assert len(stored.side(f"{folder}:baseline", tmp_path)) == 2
    assert len(stored.side(str(folder), tmp_path)) == 3
    with pytest.raises(UsageError, match="baseline, candidate"):
        stored.side(f"{folder}:other", tmp_path)


def test_bad_16_an_edited_or_cut_baseline_is_refused(tmp_path: Path) -> None:
    """16: a result that is not what the experiment recorded, or half of one, is found out."""
    edited = write_experiment(tmp_path / "edited", edit=True)
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "result.json").write_text(json.dumps(result())[:200])

    with pytest.raises(NotValid, match="edited or cut"):
        stored.side(str(edited), tmp_path)
    with pytest.raises(UsageError, match="half-written"):
        stored.side(str(cut), tmp_path)


@pytest.mark.parametrize("content", ["{}", "[]", '{"schema": "loadgen.result/9"}', "\xff", "null", "[" * 100_000])
def test_a_file_that_is_no_result_is_refused(content: str, tmp_path: Path) -> None:
    """Another schema, another shape, no JSON: one line with the file's name."""
    (tmp_path / "result.json").write_bytes(content.encode("latin-1"))

    with pytest.raises(UsageError, match=r"result\.json"):
        stored.side(str(tmp_path), tmp_path)


def test_bad_18_a_hundred_thousand_runs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """18: more runs than a comparison can be made of end in a line, not in hours."""
    monkeypatch.setattr(stored, "MAX_RUNS", 5)
    for index in range(7):
        (tmp_path / str(index)).mkdir()
        (tmp_path / str(index) / "result.json").write_text(json.dumps(result()))

    with pytest.raises(UsageError, match="more than 5 runs"):
        stored.side(str(tmp_path), tmp_path)
    with pytest.raises(NotValid, match="at most 200"):
        compare(runs(1e5, 300), runs(1e5, 300))
