"""The suite's own rule: real Kafka is skipped with a reason, or fails where it must run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("require", "code", "said"),
    [
        ("", 0, "SKIPPED [1] tests/brokers/test_release.py"),
        ("1", 1, "real Kafka did not run: java and mvn not found, and LOADGEN_REQUIRE_KAFKA=1"),
    ],
)
def test_without_java_real_kafka_is_skipped_aloud_or_fails(tmp_path: Path, require: str, code: int, said: str) -> None:
    """The reason is printed at the end; LOADGEN_REQUIRE_KAFKA=1 makes it a failure."""
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/brokers/test_release.py",
            "-k",
            "a_real_kafka",
        ],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "LOADGEN_REQUIRE_KAFKA": require},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == code, run.stdout
    assert said in run.stdout
    assert "java and mvn not found" in run.stdout
