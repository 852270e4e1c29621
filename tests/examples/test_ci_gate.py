"""The workflow that users copy: it is one, and its commands do what they say, on a mock with short runs."""

import json
import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadgen.experiments.gate_request import request_of

ROOT = Path(__file__).parents[2]
CI = ROOT / "examples" / "ci"


Steps = list[dict[str, Any]]


@pytest.fixture(scope="module")
def jobs() -> dict[str, Steps]:
    """The steps of each job, as GitHub reads them (`on` is a truth value to YAML 1.1)."""
    workflow = yaml.safe_load((CI / "gate.yml").read_text("utf-8"))
    assert set(workflow[True]) == {"pull_request", "schedule"}
    assert all(job["timeout-minutes"] <= 20 for job in workflow["jobs"].values())
    return {name: job["steps"] for name, job in workflow["jobs"].items()}


@pytest.mark.parametrize("job", ["gate", "can-it-fire"])
def test_every_step_is_an_action_or_a_command(jobs: dict[str, Steps], job: str) -> None:
    """One of both; actions are pinned to a version; what is installed is the project of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["name"]

    for step in jobs[job]:
        assert ("uses" in step) is not ("run" in step)
        assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
    assert f"pip install {project}" in [step.get("run") for step in jobs[job]]


def test_the_target_branch_is_fetched(jobs: dict[str, Steps]) -> None:
    """Its file is read from git, which a shallow checkout does not have."""
    assert jobs["gate"][0]["with"]["fetch-depth"] == 0


def test_the_gate_file_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As it is, it makes a gate on a Kafka of its own: 16 pairs, one worker, the built-in limits."""
    (tmp_path / "producer.toml").write_text('[properties]\n"linger.ms" = 5\n')
    monkeypatch.chdir(tmp_path)

    request = request_of({}, candidate="profile=producer.toml", file=CI / "gate.toml")

    assert (request.flags["start"], request.plan.looks.pairs, request.inconclusive) == ("kafka", (12, 16), "pass")


def repository(folder: Path, *, pairs: int) -> None:
    """A clone as the action leaves it: the pull request checked out, the target branch as origin/main; its gate.toml on
    a mock, with a few short pairs.
    """
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q", "-b", "main", str(folder)], check=True)
    (folder / "producer.toml").write_text('[properties]\n"linger.ms" = 5\n')
    short = 'start = "mock"\nduration = "200ms"\nwarmup = "0s"'
    gate_file = (CI / "gate.toml").read_text().replace("pairs = 16", f"pairs = {pairs}\nrate = 'max'")
    (folder / "gate.toml").write_text(re.sub(r'start = "kafka".*', short, gate_file))
    for command in (["add", "."], ["commit", "-qm", "target"], ["update-ref", "refs/remotes/origin/main", "HEAD"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    (folder / "producer.toml").write_text('[properties]\n"linger.ms" = 20\n')


def run_commands(steps: Steps, folder: Path) -> str:
    """Each `run` but the installation, in turn by bash, as a runner does it; the step summary."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "GITHUB_BASE_REF": "main",
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    for step in steps:
        if "run" in step and step["name"] != "Install":
            command = ["bash", "-eo", "pipefail", "-c", step["run"]]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
    return (folder / "summary.md").read_text()


def test_the_commands_of_the_gate_run(jobs: dict[str, Steps], tmp_path: Path) -> None:
    """The two files are compared, and JUnit and step summary say how: two pairs say nothing, which gate.toml lets pass."""
    repository(tmp_path, pairs=2)

    summary = run_commands(jobs["gate"], tmp_path)
    record = json.loads((tmp_path / "gate" / "experiment.json").read_text())

    assert record["answer"]["verdict"] == "inconclusive" and "INCONCLUSIVE" in summary
    assert "client.properties.linger.ms" in {each["condition"] for each in record["answer"]["changed"]}
    assert ET.fromstring((tmp_path / "gate.xml").read_bytes())[0].get("skipped") == "2"


@pytest.mark.faults
def test_the_weekly_self_test_fires(jobs: dict[str, Steps], tmp_path: Path) -> None:
    """A real loss in real runs: eight pairs are enough for it."""
    repository(tmp_path, pairs=8)

    assert "self-test passed" in run_commands(jobs["can-it-fire"], tmp_path)
