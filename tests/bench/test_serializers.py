"""The command: real pyperf worker processes, on few cases and little time."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pyperf
import pytest

from bench import measure, serializers
from bench.cases import HARNESS, Case
from bench.libraries import LIBRARIES, Codec, Library
from bench.samples import Shape

QUICK = measure.Effort(passes=2, processes=2, values=2, min_time_s=0.001)
ENCODE = Case("encode", Shape(3), "msgspec")
ORJSON = Case("encode", Shape(3), "orjson-dict")
REPOSITORY = Path(__file__).parents[2]


def test_a_run_leaves_rows_and_a_pyperf_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each case has a row with time, interval and bytes; pyperf reads the file, both passes in it, no path in it."""
    code = serializers.run([HARNESS, ENCODE, ORJSON], QUICK, tmp_path)
    rows = {row["case"]: row for row in json.loads((tmp_path / "serializers.json").read_text())}
    suite = pyperf.BenchmarkSuite.load(str(tmp_path / "serializers.pyperf.json"))
    row = rows[ENCODE.name]

    assert code == 0
    assert set(rows) == {HARNESS.name, ENCODE.name, ORJSON.name} == set(suite.get_benchmark_names())
    assert 0 < row["low_ns"] <= row["median_ns"] <= row["high_ns"]
    assert (row["status"], row["processes"]) == ("ok", 4)
    assert row["payload_bytes"] == rows[ORJSON.name]["payload_bytes"] > 100
    assert row["peak_bytes"] > 0
    assert set(row["compressed_bytes"]) == {"none", "lz4", "snappy", "zstd"}
    assert suite.get_benchmark(ENCODE.name).get_metadata()["msgspec_version"]
    assert sys.base_prefix not in (tmp_path / "serializers.pyperf.json").read_text()
    assert json.loads((tmp_path / "machine.json").read_text())["versions"]["msgspec"]
    assert "in every figure:" in capsys.readouterr().out


def test_wrong_bytes_are_a_row_and_exit_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A case whose bytes differ is told and not timed; the others are; the exit code says so."""

    def spaced() -> Codec:
        right = LIBRARIES["json"].codec()
        return Codec(right.build, lambda event: json.dumps(event).encode(), right.decode, right.read)

    monkeypatch.setitem(LIBRARIES, "spaced", Library("spaced", ("json",), "", "json", False, spaced))
    wrong = Case("encode", Shape(3), "spaced")
    code = serializers.run([ENCODE, wrong], QUICK, tmp_path)
    rows = {row["case"]: row for row in json.loads((tmp_path / "serializers.json").read_text())}

    assert code == 4
    assert (rows[wrong.name]["status"], rows[wrong.name]["median_ns"]) == ("error", None)
    assert rows[ENCODE.name]["median_ns"] > 0
    assert "bytes differ at 12: " in capsys.readouterr().out


def test_a_missing_library_is_a_row_and_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with what to install; what is there is timed; exit code 0."""
    monkeypatch.setitem(sys.modules, "orjson", None)
    code = serializers.run([ENCODE, ORJSON], QUICK, tmp_path)
    rows = {row["case"]: row for row in json.loads((tmp_path / "serializers.json").read_text())}

    assert code == 0
    assert (rows[ORJSON.name]["status"], rows[ORJSON.name]["median_ns"]) == ("skipped", None)
    assert "orjson is not installed; pip install" in rows[ORJSON.name]["detail"]
    assert rows[ENCODE.name]["median_ns"] > 0


@pytest.mark.parametrize("command", ["serializers", "plot"])
def test_a_missing_tool_is_one_line(command: str) -> None:
    """Without pyperf or matplotlib: exit 2, and how to get it."""
    code = (
        "import sys; sys.modules.update({'pyperf': None, 'matplotlib': None}); sys.argv = ['bench', *sys.argv[1:]];"
        "from bench.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "is not installed; make install" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_worker_that_fails_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case whose worker process dies is an error row; the cases after it are still timed."""
    monkeypatch.setattr(measure, "WORKER_COMMAND", ("-c", "import sys; sys.exit(3)"))
    measurement = measure.Measurement(tmp_path / "out.json", QUICK, {})

    assert set(measurement.run([ENCODE, ORJSON], lambda *_: None)) == {ENCODE.name, ORJSON.name}
    assert not (tmp_path / "out.json").exists()


def test_a_hundred_measurements_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyperf refuses a second Runner of a class that has the address of an earlier one: none of ours ever has."""
    monkeypatch.setattr(pyperf.Runner, "bench_time_func", lambda *_: 1 / 0)
    for _ in range(100):
        with pytest.raises(ZeroDivisionError):
            measure.Measurement(tmp_path / "out.json", QUICK, {}).run([ENCODE], lambda *_: None)


def test_an_interruption_within_pyperf_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyperf answers Ctrl-C with sys.exit(1): that ends the measurement, and is no failure of the case."""

    def interrupted(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)

    monkeypatch.setattr(pyperf.Runner, "bench_time_func", interrupted)

    with pytest.raises(KeyboardInterrupt):
        measure.Measurement(tmp_path / "out.json", QUICK, {}).run([ENCODE], lambda *_: None)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_what_ends_a_run_leaves_what_is_finished(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """After the second case, Ctrl-C (exit 130) or worse: finished cases are in both files, the others are not timed."""
    command = [sys.executable, "-m", "bench", "serializers", "--fast", "--out", str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        for _ in range(2):
            assert process.stderr.readline().startswith(b"pass 1")
        process.send_signal(number)
        process.stderr.read()
    timed = pyperf.BenchmarkSuite.load(str(tmp_path / "serializers.pyperf.json")).get_benchmark_names()
    rows = json.loads((tmp_path / "serializers.json").read_text())

    assert process.returncode == code
    assert 2 <= len(timed) < 13
    assert len(rows) == 13
    assert {row["case"] for row in rows if row["median_ns"]} == set(timed[: len(timed)])
    assert json.loads((tmp_path / "machine.json").read_text())["cpu_count"]


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["serializers", "--only", "no-such-word"], 2, "no such case"),
        (["serializers", "--frobnicate"], 2, "unknown: --frobnicate"),
        (["serializers", "--paired", ENCODE.name, "nothing"], 2, "no case 'nothing'"),
        (["serializers", "--paired", ENCODE.name, ENCODE.name, "--rounds", "7"], 2, "8 … 1000"),
        (["serialisers"], 2, "serializers, produce, plot, peers"),
        ([], 2, "a command is needed"),
        (["--help"], 0, "python -m bench COMMAND"),
        (["serializers", "--list"], 0, "encode 100-items msgspec-msgpack"),
    ],
)
def test_what_is_asked_wrongly(arguments: list[str], code: int, named: str) -> None:
    """A typo is one line with what is possible, before anything is measured."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert (done.returncode, named in done.stdout + done.stderr) == (code, True)
    assert "Traceback" not in done.stderr
