"""Variants that are another installation or another address: real runs."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import loadgen
from loadgen.brokers.target import Broker
from loadgen.cli.flags import RunFlags
from loadgen.cli.gate import gate
from loadgen.cli.gate_output import GateOutput
from loadgen.errors import NotValid
from loadgen.experiments import gate_runs
from loadgen.experiments.run_door import Request, RunHere, RunOutcome
from tests.experiments.test_gate_session import elsewhere

__all__ = ["elsewhere"]  # the fixture: a folder of its own, no CI around it

SHORT: dict[str, Any] = {"rate": "max", "duration": "200ms", "warmup": "0s"}


def another_installation(folder: Path, version: str) -> Path:
    """An environment with another version of this program installed: its own files, this environment's libraries."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    shutil.copytree(Path(loadgen.__file__).parent, site / "loadgen", ignore=shutil.ignore_patterns("__pycache__"))
    own = site / "loadgen" / "__init__.py"
    own.write_text(own.read_text().replace(f'"{loadgen.__version__}"', f'"{version}"'))
    return folder / "bin" / "python"


def test_an_installed_version_is_a_variant(tmp_path: Path) -> None:
    """`python=PATH`: that side's runs are made by the version installed there, though another lies in the working
    directory; both versions are in the results, listed as the difference.
    """
    python = another_installation(tmp_path / "released", "0.0.9")
    output = GateOutput(out=tmp_path / "gate", progress="none")

    code = gate(
        baseline=f"python={python}", candidate="", pairs=1, output=output, flags=RunFlags(start="mock", **SHORT)
    )
    record = json.loads((tmp_path / "gate" / "experiment.json").read_text())
    versions = {
        run["label"]: json.loads((tmp_path / "gate" / run["folder"] / "result.json").read_text())["environment"][
            "loadgen"
        ]
        for run in record["runs"]
    }

    assert code == 6  # one pair says nothing
    assert (versions["baseline"], versions["candidate"]) == ("0.0.9", loadgen.__version__)
    assert "environment.loadgen" in {each["condition"] for each in record["answer"]["changed"]}


@pytest.mark.kafka
def test_an_address_is_a_variant(tmp_path: Path, kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """`bootstrap=HOST:PORT` on one side, another name of the same cluster on the other: each side's runs go to its own."""
    asked: list[Request] = []

    class Listening(RunHere):
        def __call__(self, request: Request) -> RunOutcome:
            asked.append(request)
            return super().__call__(request)

    monkeypatch.setattr(gate_runs, "RunHere", Listening)
    port = kafka.bootstrap.rpartition(":")[2]
    output = GateOutput(out=tmp_path / "gate", progress="none")
    names = (f"127.0.0.1:{port}", f"localhost:{port}")

    code = gate(
        baseline=f"bootstrap={names[0]}",
        candidate=f"bootstrap={names[1]}",
        pairs=1,
        output=output,
        flags=RunFlags(**SHORT),
    )

    assert code == 6
    assert [request.flags["bootstrap_server"] for request in asked[:2]] == list(names)
    assert {request.flags["bootstrap_server"] for request in asked[2:]} == set(names)


def test_what_no_variant_names_is_found_in_real_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A side whose runs get another setting than they were asked for ends the gate with exit 5."""

    class Meddling(RunHere):
        def __call__(self, request: Request) -> RunOutcome:
            flags = (
                {**request.flags, "X": ["acks=1", *request.flags.get("X", [])]}
                if "events" in request.flags
                else request.flags
            )
            return super().__call__(Request(flags=flags, folder=request.folder, broker=request.broker))

    monkeypatch.setattr(gate_runs, "doors", lambda variants: lambda variant: Meddling())
    with pytest.raises(NotValid, match=r"not named by a variant, yet not equal: .*acks"):
        gate(
            baseline="",
            candidate="events=fresh",
            output=GateOutput(out=tmp_path / "gate", progress="none"),
            flags=RunFlags(start="mock", X=["enable.idempotence=false"], **SHORT),
        )
