"""README's commands and its program are run as they stand there, so that it cannot rot."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands_marked_run() -> list[str]:
    """The lines of the block behind `<!-- run -->`, without their comments."""
    block = README.split("<!-- run -->")[1].split("```sh\n")[1].split("```")[0]
    return [shlex.join(shlex.split(line, comments=True)) for line in block.splitlines() if line.strip()]


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LOADGEN_", "RPK_"))}
    return {**clean, "PYTHONPATH": str(ROOT)}


def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    """Each line of the first example works in an empty folder, in order, with exit 0."""
    commands = commands_marked_run()
    assert len(commands) >= 4
    for command in commands:
        arguments = shlex.split(command)
        assert arguments[0] == "loadgen"
        answer = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"


def test_the_program_of_the_readme_runs(tmp_path: Path) -> None:
    """The Python example prints a rate, a p99 and the doubts."""
    (program,) = (block for block in blocks("python") if "loadgen.run(" in block)
    script = tmp_path / "example.py"
    script.write_text(program)
    answer = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )

    rate, p99, _ = answer.stdout.split(maxsplit=2)
    assert float(rate) == pytest.approx(5000, rel=0.1)
    assert float(p99) > 0


def test_make_targets_of_the_readme_exist() -> None:
    """Every `make x` that README names is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        target
        for line in README.splitlines()
        if (match := re.search(r"(?:^|`)make ((?:[a-z-]+ ?)+)", line))
        for target in match[1].split()
    }

    assert named
    assert named - {"and"} <= targets


def test_files_that_the_readme_names_are_there() -> None:
    """METHODOLOGY.md, docker-compose.redpanda.yml and the like exist."""
    for name in set(re.findall(r"\b[\w.-]+\.(?:md|yml)\b", README)):
        assert (ROOT / name).exists() or list(ROOT.glob(f"docs/{name}")), name
