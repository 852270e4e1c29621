"""Runs over time."""

from typing import Any

import numpy as np
import pytest

from loadgen.errors import NotValid
from loadgen.judge.history import creep_of, history
from loadgen.judge.limit import parse_limit
from loadgen.judge.result_file import StoredRun
from tests.judge.simulated import open_result, result

ACKED = "throughput.acked_per_s"


def at_hour(index: int, zone: str = "+00:00") -> str:
    return f"2026-11-{1 + index // 24:02d}T{index % 24:02d}:00:00.000{zone}"


def nightly(count: int, level: Any = lambda index: 1e5, seed: int = 1, **changes: Any) -> list[StoredRun]:
    factors = np.random.default_rng(seed).lognormal(0, 0.01, count)
    return [
        StoredRun(
            f"run-{index}",
            result(acked_per_s=level(index) * factor, started_at=at_hour(index), **changes),
        )
        for index, factor in enumerate(factors)
    ]


def test_a_loss_in_the_middle_is_found_where_it_was() -> None:
    """Forty runs, from the 20th a tenth slower: one change, at 20, of that size; CPU has none."""
    told = history(nightly(40, lambda index: 1e5 if index < 20 else 9e4))
    (series,) = told.series
    metrics = {metric.metric: metric for metric in series.metrics}

    assert [(change.at, round(change.ratio, 2)) for change in metrics[ACKED].changes] == [(20, 0.9)]
    assert metrics["cost.cpu_us_per_message"].changes == []


def test_runs_are_in_the_order_of_time_whatever_their_folders_say() -> None:
    """Read in any order and from any time zone, a series is sorted by the instant of its start."""
    runs = nightly(6)
    runs.append(StoredRun("east", result(started_at="2026-11-01T03:30:00.000+02:00")))

    (series,) = history(reversed(runs)).series

    assert series.paths == ["run-0", "run-1", "east", "run-2", "run-3", "run-4", "run-5"]


def test_what_cannot_be_compared_is_a_series_of_its_own() -> None:
    """Another payload, another rate, another machine: each its own series, the longest first."""
    other = [StoredRun(f"o{i}", open_result(started_at=at_hour(i))) for i in range(3)]
    told = history([*nightly(5), *other, *nightly(2, **{"environment.cpu_model": "Another 1"})])

    assert [len(series.paths) for series in told.series] == [5, 3, 2]
    assert "latency_us.response.p99" in [metric.metric for metric in told.series[1].metrics]


def test_versions_are_marks_on_the_series() -> None:
    """A new librdkafka and a new broker are marks at the run that first had them, in one series."""
    runs = [*nightly(4), *nightly(8, **{"client.librdkafka": "2.17.0", "broker.version": "4.4.0"})[4:]]

    (series,) = history(runs).series

    assert [(mark.at, sorted(each.condition for each in mark.changes)) for mark in series.marks] == [
        (4, ["broker.version", "client.librdkafka"])
    ]


def test_runs_that_are_not_valid_are_left_out_and_named() -> None:
    """Counted, with the first reason; never a point."""
    told = history([*nightly(3), StoredRun("bad", result(**{"verdict.valid": False}))])

    assert len(told.series[0].paths) == 3
    assert told.left_out == ["bad: the run does not say that it is valid"]


def versions(losses: int) -> list[StoredRun]:
    runs = []
    for version in range(losses + 1):
        named = {"client.librdkafka": f"2.{version}.0"}
        for run in nightly(8, lambda index, version=version: 1e5 * 0.97**version, seed=version, **named):
            runs.append(StoredRun(run.path, {**run.data, "started_at": at_hour(24 * version + int(run.path[4:]))}))
    return runs


def test_five_small_losses_are_flagged_against_the_pinned_version() -> None:
    """G12 over stored runs: the fourth loss of 3 % is beyond the limit of 10 % against the first version, the first three
    are not; pinned to a later one, none is.
    """
    (series,) = history(versions(5)).series
    limit = parse_limit(f"{ACKED}-10%")

    names, told = creep_of(series, limit)

    assert len(names) == 6
    assert [group.flagged for group in told] == [False, False, False, True, True]
    assert not any(group.flagged for group in creep_of(series, limit, "2.3.0")[1])


@pytest.mark.parametrize("anchor", ["9.9", "2."])
def test_an_anchor_must_be_one_version(anchor: str) -> None:
    """None or several: exit 5 with the versions there are."""
    (series,) = history(versions(1)).series

    with pytest.raises(NotValid, match="there are"):
        creep_of(series, parse_limit(f"{ACKED}-10%"), anchor)


def test_creep_of_a_metric_that_is_not_there() -> None:
    """The metrics of the series are named."""
    (series,) = history(nightly(3)).series

    with pytest.raises(NotValid, match=r"it has throughput\.acked_per_s"):
        creep_of(series, parse_limit("response.p99+10%"))


def test_a_run_without_a_time_is_refused() -> None:
    """What has no place in time has none in a history."""
    with pytest.raises(NotValid, match="is no time"):
        history([StoredRun("x", result(started_at="yesterday"))])
