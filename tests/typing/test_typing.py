"""The package is typed for its users: py.typed is shipped, and mypy --strict agrees with api.py line by line."""

import subprocess
import sys
from pathlib import Path

import pytest

import loadgen

ROOT = Path(loadgen.__file__).parent.parent


def test_the_package_says_that_it_is_typed() -> None:
    """PEP 561's marker is beside the sources, and goes into the wheel."""
    assert (Path(loadgen.__file__).parent / "py.typed").exists()
    assert "py.typed" in (ROOT / "pyproject.toml").read_text("utf-8")


def test_mypy_agrees_with_every_line(tmp_path: Path) -> None:
    """Right uses pass, wrong ones are errors: an unused `type: ignore` fails as an error that is not ignored does."""
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--follow-imports", "silent", "--cache-dir", str(tmp_path), str(Path(__file__).parent / "api.py")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=110)

    assert answer.stdout.startswith("Success"), answer.stdout + answer.stderr
