"""The wheel as a user installs it: alone, in a clean environment, away from the sources."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git tracks, so that nothing left over in the checkout gets in."""
    source = tmp_path_factory.mktemp("source")
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, (file.decode() for file in files)):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "results/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    built = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(built),
            str(source),
        ],
        check=True,
    )
    (found,) = built.glob("*.whl")
    return found


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    """Profiles, page, typing marker and C sources are in it; tests and bench are not."""
    names = zipfile.ZipFile(wheel).namelist()

    for needed in ("loadgen/py.typed", "loadgen/profiles/balanced.toml", "loadgen/profiles/librdkafka.tsv"):
        assert needed in names
    assert any(name.startswith("loadgen/report/html/") for name in names)
    assert not [name for name in names if name.split("/")[0] not in {"loadgen"} and ".dist-info" not in name]


def test_a_clean_environment_runs_it(wheel: Path, tmp_path: Path) -> None:
    """Installed without extras beside its dependencies only, it makes a run and saves it, with the C instrument."""
    environment = tmp_path / "venv"
    # the dependencies come from this environment, loadgen from the wheel: what is tested is the package, not the network
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    (site,) = environment.glob("lib/python*/site-packages")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)], check=True
    )
    dependencies = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "dependencies.pth").write_text(dependencies + "\n")
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    answer = subprocess.run(
        [str(python), "-m", "loadgen", "run", "--start", "mock", "-d", "1s", "--warmup", "0", "-r", "500/s"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    where = subprocess.run(
        [str(python), "-c", "import loadgen; print(loadgen.__file__)"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
    )

    assert answer.returncode == 0, answer.stderr
    assert where.stdout.startswith(str(site))
    assert "500 acked" in answer.stdout
    assert list(tmp_path.glob("results/runs/*/result.json"))
    if os.environ.get("LOADGEN_REQUIRE_NATIVE") == "1":
        assert "timed in C" in answer.stdout
