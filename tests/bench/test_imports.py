"""What the serializer benchmark may import: loadgen's public names, and what it measures and judges with."""

import re
from pathlib import Path

import pytest

import loadgen
from tests.test_architecture import imported

BENCH = Path(__file__).parents[2] / "bench"
COMMANDS = ("serializers", "produce_path", "plots")

PUBLIC = {f"loadgen.{name}" for name in loadgen.__all__}
OPEN = ("loadgen.errors", "loadgen.judge.", "loadgen.report.")
MEASURED = ("loadgen.events.generator", "loadgen.messages.")
DOORS = {"pyperf": "measure.py", "cramjam": "sizes.py", "pydantic": "libraries.py"}


def modules() -> list[Path]:
    """The three commands' own files and every one of the benchmarks' that they import."""
    found: list[Path] = []
    waiting = [BENCH / f"{command}.py" for command in COMMANDS]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.append(path)
            for module, names in re.findall(
                r"^\s*from bench(?:\.(\w+))? import ([\w, ]*)", path.read_text(), re.MULTILINE
            ):
                waiting += [BENCH / f"{name.strip()}.py" for name in ([module] if module else names.split(","))]
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.name)
def test_only_what_is_public_or_measured(path: Path) -> None:
    """Nothing of runner, brokers, producer or recorder: `loadgen run` is started as a user starts it."""
    for name in imported(path):
        if name.startswith("loadgen."):
            assert name in PUBLIC or name.startswith(OPEN + MEASURED), f"{path.name} imports {name}"


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_one_door(library: str) -> None:
    """pyperf and the like are imported in one file each."""
    doors = {path.name for path in modules() if any(name.split(".")[0] == library for name in imported(path))}

    assert doors == {DOORS[library]}
