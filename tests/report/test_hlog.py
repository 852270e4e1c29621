"""latency.hlog: what is written can be read, by us and by what HdrHistogram's users have."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.errors import UsageError
from loadgen.recorder.histogram import CELLS, MAX_VALUE_US, cell_of
from loadgen.report import hlog
from loadgen.report.hlog import IntervalHistogram
from tests.report.samples import HISTOGRAMS, HISTOGRAMS_FLAT_OUT, listed

VALUES = st.lists(st.tuples(st.integers(0, MAX_VALUE_US), st.integers(1, 2**40)), max_size=30)


def counts_of(values):
    counts = [0] * CELLS
    for value, count in values:
        counts[cell_of(value)] += count
    return counts


@given(response=VALUES, service=VALUES)
@settings(max_examples=40, deadline=None)
def test_counts_survive_the_log(tmp_path_factory, response, service):
    """Every count of every cell, up to the largest value and to counts above 2³², comes back; empty metrics do not."""
    path = tmp_path_factory.mktemp("log") / "latency.hlog"
    histograms = {"response": counts_of(response), "service": counts_of(service)}
    path.write_bytes(hlog.whole_run(1_795_470_000.123, 60.0, histograms))

    read = hlog.read(path)

    assert read.start_epoch_s == 1_795_470_000.123
    assert listed(read.sums()) == {metric: counts for metric, counts in histograms.items() if any(counts)}


def test_an_independent_recorder_agrees():
    """The package's own histogram, fed value by value, encodes to the very same bytes."""
    values = [(1, 3), (2047, 1), (2048, 2), (350_123, 1), (MAX_VALUE_US, 1)]
    theirs = HdrHistogram(1, MAX_VALUE_US, 3)
    for value, count in values:
        assert theirs.record_value(value, count)

    text = hlog.line(IntervalHistogram("service", 0.0, 1.0, counts_of(values)), "service")

    assert text.split(",")[3].strip() == theirs.encode().decode("ascii")


def test_the_main_metric_has_no_tag():
    """Response is untagged, or service flat out: Java's processor stops at a log that has tagged lines only."""
    open_loop = hlog.whole_run(0.0, 60.0, HISTOGRAMS).decode().splitlines()[4:]
    flat_out = hlog.whole_run(0.0, 60.0, HISTOGRAMS_FLAT_OUT).decode().splitlines()[4:]

    assert [line.split(",")[0] for line in open_loop] == ["0.000", "Tag=service", "Tag=lateness", "Tag=request_rtt"]
    assert [line.split(",")[0] for line in flat_out] == ["0.000", "Tag=request_rtt"]


def test_intervals_add_up(tmp_path):
    """A log with one line a second reads as the sum of its seconds."""
    path = tmp_path / "latency.hlog"
    seconds = [counts_of([(100 * second + 1, second + 1)]) for second in range(5)]
    lines = [hlog.line(IntervalHistogram("response", at, 1.0, counts), "response") for at, counts in enumerate(seconds)]
    path.write_text(hlog.header(1.0, "response") + "".join(lines))

    read = hlog.read(path)
    assert [interval.start_s for interval in read.intervals] == [0, 1, 2, 3, 4]
    assert listed(read.sums()) == {"response": [sum(column) for column in zip(*seconds, strict=True)]}


def test_a_wrong_number_of_cells_is_refused():
    """Counts of another layout are an error, not a shorter histogram."""
    with pytest.raises(ValueError, match="cells"):
        hlog.line(IntervalHistogram("response", 0.0, 1.0, [1, 2, 3]), "response")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-40],
        lambda text: text.replace("HISTF", "HISTE"),
        lambda text: text + "1,2\n",
        lambda text: text + "0.000,1.000,1.0,????\n",
        lambda text: text + "0.000,1.000,1.0,\n",
        lambda text: text.replace("seconds", "sécondes"),
    ],
)
def test_a_damaged_log_is_a_usage_error(tmp_path, damage):
    """A log that was cut or changed is refused in one line, not read as something else and not a traceback."""
    path = tmp_path / "latency.hlog"
    path.write_text(damage(hlog.whole_run(0.0, 1.0, {"response": HISTOGRAMS["response"]}).decode()))
    with pytest.raises(UsageError, match=r"latency\.hlog"):
        hlog.read(path)
    with pytest.raises(UsageError, match="cannot be read"):
        hlog.read(tmp_path / "absent")


def test_a_line_that_unpacks_to_too_much_is_refused(tmp_path):
    """A few kilobytes that would unpack to a gigabyte are refused before they do."""
    import base64
    import zlib

    path = tmp_path / "latency.hlog"
    bomb = base64.b64encode(b"\x1c\x84\x93\x14\x00\x00\x00\x10" + zlib.compress(b"\0" * (8 << 20))).decode()
    path.write_text(hlog.header(0.0, "response") + f"0.000,1.000,1.000,{bomb}\n")
    with pytest.raises(UsageError, match=r"line 5.*more than"):
        hlog.read(path)


def _hdrhistogram_jar() -> Path | None:
    roots = [Path.home() / ".m2" / "repository" / "org" / "hdrhistogram"]
    return next((jar for root in roots if root.is_dir() for jar in root.rglob("HdrHistogram-*.jar")), None)


def test_java_reads_the_log(tmp_path):
    """Java's HistogramLogProcessor finds the same number of values, with and without a tag."""
    jar, java = _hdrhistogram_jar(), shutil.which("java")
    if jar is None or java is None:
        pytest.skip("needs Java and org.hdrhistogram:HdrHistogram in ~/.m2 (it is among Kafka's jars)")
    path = tmp_path / "latency.hlog"
    path.write_bytes(hlog.whole_run(1_795_470_000.0, 60.0, HISTOGRAMS))
    for tag, metric in (([], "response"), (["-tag", "service"], "service")):
        answer = subprocess.run(
            [java, "-cp", str(jar), "org.HdrHistogram.HistogramLogProcessor", "-i", str(path), *tag],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip

        assert f"Total count    = {sum(HISTOGRAMS[metric]):>12}" in answer.stdout
