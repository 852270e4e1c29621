"""The command line as a person or a script meets it: one line for what is wrong, the right exit code, nothing half-written."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loadgen.cli.app import COMMANDS

ROOT = Path(__file__).parent.parent.parent


def loadgen(
    *arguments: str, cwd: Path, environ: dict[str, str] | None = None, timeout_s: float = 90
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with a clean environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LOADGEN_", "RPK_"))}
    return subprocess.run(
        [sys.executable, "-m", "loadgen", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=timeout_s,
        check=False,
        env={**clean, "PYTHONPATH": str(ROOT), **(environ or {})},
    )


def test_every_command_can_be_imported_and_tells_its_help(tmp_path: Path) -> None:
    """No command of the tree is missing or broken."""
    for name, *_ in COMMANDS:
        answer = loadgen(name, "--help", cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        assert name in answer.stdout


BAD = [
    (["run"], {}, "--start mock"),
    (["run"], {"LOADGEN_BOOTSTRAP_SERVERS": ""}, "is set but empty"),
    (["run", "--start", "mock", "-w", "0"], {}, "outside 1"),
    (["run", "--start", "mock", "-r", "200q/s"], {}, "not a rate"),
    (["run", "--start", "mock", "-r", "-5"], {}, "not a rate"),
    (["run", "--start", "mock", "-t", "a/b"], {}, "no topic name"),
    (["run", "--start", "mock", "-X", "lingr.ms=5"], {}, "did you mean linger.ms?"),
    (["run", "--start", "mock", "-X", "acks=7"], {}, "must be all (-1), 0 or 1"),
    (["run", "--start", "mock", "-X", "message.max.bytes=4294969296"], {}, "1000 .. 1000000000"),
    (["run", "--start", "mock", "-X", "acks=1"], {}, "enable.idempotence=false"),
    (["run", "--start", "mock", "--slo", "nonsense<5ms"], {}, "unknown metric"),
    (["run", "--start", "mock", "--slo", "response.p99<5ms"], {}, "-r 70%"),
    (["run", "--start", "mock", "--lingr", "5"], {}, "--lingr"),
    (["rnu"], {}, "run"),
    (["run", "--broker", "h:1"], {}, "-b HOST:PORT names a cluster, --start KIND starts one"),
]


@pytest.mark.parametrize(
    ("arguments", "environ", "complaint"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else None
)
def test_bad_input_is_one_line_and_exit_2(
    arguments: list[str], environ: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    """What is wrong is said on standard error without a traceback, nothing is printed or written elsewhere."""
    answer = loadgen(*arguments, cwd=tmp_path, environ=environ)

    assert answer.returncode == 2, answer.stderr
    assert complaint in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_broker_is_exit_3_within_ten_seconds(tmp_path: Path) -> None:
    """A closed port: said with the address, exit 3, nothing written."""
    answer = loadgen("run", "-b", "127.0.0.1:1", "-d", "1s", cwd=tmp_path, timeout_s=30)

    assert answer.returncode == 3, answer.stderr
    assert "127.0.0.1:1" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not list(tmp_path.rglob("result.json"))


def test_a_results_folder_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    """A file where the folder should be: exit 2 before anything is sent."""
    (tmp_path / "results").write_text("in the way")
    answer = loadgen("run", "--start", "mock", "-d", "1s", cwd=tmp_path)

    assert answer.returncode == 2
    assert "results" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_json_on_stdout_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    """A script can read standard output as it is; the exit code is the verdict's."""
    answer = loadgen("run", "--start", "mock", "-d", "1s", "--warmup", "0", "-r", "500/s", "--json", "-", cwd=tmp_path)
    result = json.loads(answer.stdout)

    assert answer.returncode == result["verdict"]["exit_code"] == 0
    assert result["schema"] == "loadgen.result/1"
    assert result["messages"]["acked"] == 500


def test_a_missed_rule_is_exit_99_and_the_first_line(tmp_path: Path) -> None:
    """An SLO that cannot hold: exit 99, told first, and the run is saved."""
    answer = loadgen(
        "run", "--start", "mock", "-d", "1s", "--warmup", "0", "-r", "500/s", "--slo", "response.p50<1us", cwd=tmp_path
    )

    assert answer.returncode == 99, answer.stderr
    assert "SLO MISSED  response.p50" in "\n".join(answer.stdout.splitlines()[:2])
    assert list(tmp_path.glob("results/runs/*/result.json"))


def test_a_dry_run_opens_nothing_and_writes_nothing(tmp_path: Path) -> None:
    """The plan is printed, even for a cluster that is not there."""
    answer = loadgen("run", "-b", "127.0.0.1:1", "-r", "5k/s", "--dry-run", cwd=tmp_path)

    assert answer.returncode == 0
    assert "5,000 msg/s" in answer.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_what_the_guard_would(tmp_path: Path) -> None:
    """This host needs nothing; an address elsewhere is told as refused, with the flag; a password in the clear as well."""
    here = loadgen("run", "-b", "127.0.0.1:1", "-r", "5k/s", "--dry-run", cwd=tmp_path)
    clear = ("-X", "security.protocol=sasl_plaintext", "-X", "sasl.mechanism=PLAIN", "-X", "sasl.username=alice")
    there = loadgen(
        "run",
        "-b",
        "203.0.113.7:9092",
        "-r",
        "5k/s",
        *clear,
        "--dry-run",
        cwd=tmp_path,
        environ={"LOADGEN_X_SASL_PASSWORD": "canary"},
    )

    assert "guard          on this host or a private network" in here.stdout
    assert there.returncode == 0, there.stderr
    assert "guard          refused: 203.0.113.7:9092 (given)" in there.stdout
    assert "to allow it: --confirm CLUSTER_ID" in there.stdout
    assert "refused: security.protocol is sasl_plaintext" in there.stdout
    assert "canary" not in there.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_drains_saves_and_says_so(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """SIGINT or SIGTERM mid-run: no record is left without an outcome, the partial result is saved, the code says which."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "loadgen",
            "run",
            "--start",
            "mock",
            "-d",
            "60s",
            "--warmup",
            "0",
            "-r",
            "500/s",
            "--progress",
            "live",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stderr is not None
    process.stderr.readline()  # the first row: it is sending
    process.send_signal(number)
    process.communicate(timeout=30)
    (stored,) = tmp_path.glob("results/runs/*/result.json")
    result = json.loads(stored.read_text())

    assert process.returncode == code
    assert result["verdict"]["exit_code"] == code
    assert result["messages"]["open"] == 0
    assert result["messages"]["acked"] == result["messages"]["attempted"] > 0


def test_config_tells_where_each_value_came_from(tmp_path: Path) -> None:
    """`config show` names flag, environment, profile and built-in."""
    answer = loadgen("config", "show", "--start", "mock", "-r", "5k/s", cwd=tmp_path, environ={"LOADGEN_WORKERS": "3"})
    rows = {line.split()[0]: line for line in answer.stdout.splitlines()}

    assert "--rate" in rows["rate"]
    assert "LOADGEN_WORKERS" in rows["workers"]
    assert "profile balanced" in rows["linger.ms"]
    assert "built-in" in rows["drain"]
