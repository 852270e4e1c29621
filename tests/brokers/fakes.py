"""Programs that stand in for docker, mvn and java on a PATH of the test's own."""

import sys
from pathlib import Path

import pytest

from loadgen.brokers import engine


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, **programs: str) -> None:
    """Make PATH hold these programs, given as Python source, and the shell's own, but nothing else of the machine.

    Args:
        folder: empty; becomes the PATH.
    """
    folder.mkdir(exist_ok=True)
    for name, source in programs.items():
        program = folder / name
        program.write_text(f"#!{sys.executable}\nimport os, sys\n{source}\n", "utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    engine.answering.cache_clear()
