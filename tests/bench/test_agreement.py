"""Two runs side by side: the shares are counted right, and a run that differs is told."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from bench import serializers
from bench.agreement import agreement
from bench.serializer_rows import Row


def rows(medians: Sequence[float | None]) -> list[Row]:
    return [Row(f"case {n}", "encode", "3-items", "x", "ok", "", median_ns=median) for n, median in enumerate(medians)]


def test_shares() -> None:
    """8 of 10 within 5 %, 9 of 10 within 10 %: the second bound is missed; untimed cases do not count."""
    first = rows([100.0] * 10 + [None])
    second = rows([104.0] * 4 + [97.0] * 4 + [108.0, 150.0, 100.0])
    found = agreement(first, second)

    assert found.shares == [0.8, 0.9]
    assert not found.holds
    assert found.apart["case 9"] == pytest.approx(0.5)
    assert agreement(first, first).holds
    assert found.shares == agreement(second, first).shares


def test_nothing_in_common() -> None:
    """Runs of different cases cannot agree."""
    with pytest.raises(ValueError, match="no case was timed in both"):
        agreement(rows([None]), rows([1.0]))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0 for a run beside itself, 5 beside one that is half as fast."""
    for name, factor in (("a", 1.0), ("b", 2.0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "serializers.json").write_bytes(msgspec.json.encode(rows([100.0 * factor] * 5)))
    one, other = str(tmp_path / "a"), str(tmp_path / "b")

    assert serializers.main(["--agree", one, one]) == 0
    assert serializers.main(["--agree", one, other]) == 5
    assert "100.0% apart" in capsys.readouterr().out


def test_a_folder_without_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, exit 2."""
    with pytest.raises(SystemExit, match="2"):
        serializers.main(["--agree", str(tmp_path), str(tmp_path)])
    assert str(tmp_path / "serializers.json") in capsys.readouterr().err
