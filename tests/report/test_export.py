"""A run in other tools' formats, read as those tools read it."""

import csv
import io
import json
import subprocess
import sys
from itertools import chain

import msgspec
import numpy as np
import pytest

from loadgen.errors import UsageError
from loadgen.recorder.histogram import CELLS, cell_of
from loadgen.report import export
from loadgen.report.hlog import IntervalHistogram
from loadgen.report.result import Interval
from tests.report.samples import SAMPLES, run_of


def test_csv_rows_are_the_intervals():
    """Every row and every key; a null is an empty field; numbers come back equal."""
    run = run_of("orders_run")
    rows = list(csv.DictReader(io.StringIO(export.render("csv", run).decode())))

    assert len(rows) == len(run.intervals)
    assert tuple(rows[0]) == Interval.__struct_fields__
    assert [float(row["acked_per_s"]) for row in rows] == [row.acked_per_s for row in run.intervals]
    assert rows[-1]["p99_us"] == "" and rows[-1]["phase"] == "drain"


def test_omb_has_what_their_chart_scripts_read():
    """create_charts.py (upstream) and generate_charts.py (Redpanda's fork) take these keys, and the maximum of these lists."""
    told = json.loads(export.render("omb", run_of("orders_run")))
    lists = ["publishRate", "consumeRate", "backlog", "publishDelayLatency99pct", "endToEndLatencyAvg"]
    lists += [f"publishLatency{key}" for key in ("99pct", "999pct", "9999pct", "Avg", "Max")]
    lists += [f"endToEndLatency{key}" for key in ("95pct", "50pct")]

    for key in lists:
        assert max(chain(*[told[key]])) >= 0
    for key in ("Publish", "PublishDelay", "EndToEnd"):
        quantiles = told[f"aggregated{key}LatencyQuantiles"]
        assert all(0 <= float(share) <= 100 for share in quantiles)
    assert {"workload", "driver", "messageSize", "beginTime", "version", "sampleRateMillis"} <= set(told)


def test_omb_tells_ours_under_their_names():
    """Publish latency is our service in ms, publish delay our lateness in µs, rates are means of ten seconds."""
    run = run_of("orders_run")
    told = json.loads(export.render("omb", run))
    measured = [row for row in run.intervals if row.phase == "measured"]

    assert told["aggregatedPublishLatency99pct"] == pytest.approx(run.result.latency_us.service.p99 / 1000)
    assert told["aggregatedPublishLatencyMax"] == run.result.latency_us.service.max / 1000
    assert told["aggregatedPublishDelayLatency50pct"] == round(run.result.latency_us.lateness.p50)
    assert told["aggregatedPublishLatencyQuantiles"]["100.0"] == run.result.latency_us.service.max / 1000
    assert len(told["publishRate"]) == 6
    assert told["publishRate"][0] == pytest.approx(sum(row.acked for row in measured[:10]) / 10)
    assert sum(told["sent"]) == sum(row.acked for row in measured)


def test_omb_samples_come_from_histograms():
    """Twenty-five seconds of histograms are three samples; the p99 of each is that of its records together."""
    counts = np.zeros((25, CELLS), np.int64)
    for second in range(25):
        counts[second, cell_of(1000)] = 99 if second != 4 else 0
        counts[second, cell_of(50_000)] = 0 if second != 4 else 900
    kept = [IntervalHistogram("service", float(at), 1.0, row) for at, row in enumerate(counts)]
    run = msgspec.structs.replace(
        run_of("orders_run"), interval_histograms=kept, histograms={"service": counts.sum(axis=0)}
    )
    told = json.loads(export.render("omb", run))

    assert [round(value, 1) for value in told["publishLatency99pct"]] == [50.0, 1.0, 1.0]


def test_omb_of_a_flat_out_mock_says_so():
    """A mock's file says MOCK as its driver, and what a closed loop does not have is zero as in theirs."""
    told = json.loads(export.render("omb", run_of("flat_out_mock")))

    assert told["driver"].startswith("MOCK")
    assert told["aggregatedPublishDelayLatencyMax"] == 0
    assert told["aggregatedPublishDelayLatencyQuantiles"] == {}


def test_pyperf_compares_two_runs(tmp_path):
    """pyperf reads our files and says that 1 µs a message more is slower."""
    pytest.importorskip("pyperf")
    run = run_of("orders_run")
    slower = [msgspec.structs.replace(row, length_s=row.length_s * 1.2) for row in run.intervals]
    (tmp_path / "a.json").write_bytes(export.render("pyperf", run))
    (tmp_path / "b.json").write_bytes(export.render("pyperf", msgspec.structs.replace(run, intervals=slower)))

    answer = subprocess.run(
        [sys.executable, "-m", "pyperf", "compare_to", "--table", str(tmp_path / "a.json"), str(tmp_path / "b.json")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert "1.20x slower" in answer.stdout
    assert "produce, CPU" in answer.stdout


def test_pyperf_values_are_seconds_per_message():
    """A second with n acknowledged is 1/n; the row that straddles the warm-up's end, warm-up and drain are left out."""
    run = run_of("orders_run")
    told = json.loads(export.render("pyperf", run))
    measured = [row for row in run.intervals if row.phase == "measured"]

    assert told["benchmarks"][0]["runs"][0]["values"] == pytest.approx([1 / row.acked for row in measured[1:]])
    assert (
        json.loads(export.render("pyperf", run_of("flat_out_mock")))["benchmarks"][0]["metadata"]["name"]
        == "MOCK produce"
    )
    with pytest.raises(UsageError, match="too short"):
        export.render("pyperf", msgspec.structs.replace(run, intervals=measured[:1]))


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("kind", export.KINDS)
def test_every_sample_can_be_exported(name, kind):
    """Nulls, failures, a mock and a flat-out run go through every format."""
    assert export.render(kind, run_of(name))


def test_parse():
    """KIND=PATH is split; a wrong kind is answered with the nearest right one, a missing path with how to write it."""
    kind, path = export.parse("omb=out/a=b.json")
    assert (kind, str(path)) == ("omb", "out/a=b.json")
    with pytest.raises(UsageError, match="did you mean pyperf"):
        export.parse("pyprf=x")
    for text in ("csv", "csv="):
        with pytest.raises(UsageError, match="csv=PATH"):
            export.parse(text)
