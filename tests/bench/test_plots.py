"""Pictures: drawn from what is there, units on every axis, machine and versions below."""

import json
from pathlib import Path

import msgspec
import pytest

from bench import plots
from bench.interval import MedianInterval
from bench.produce_summary import Summary
from bench.serializer_rows import Row


def row(operation: str, shape: str, library: str, median_ns: float | None) -> Row:
    status = "ok" if median_ns else "error"
    return Row(
        f"{operation} {shape} {library}", operation, shape, library, status, "", 500.0,
        median_ns, median_ns and median_ns * 0.9, median_ns and median_ns * 1.1, 0.96, 12,
    )  # fmt: skip


def summary(target: str, phase: str, serializer: str) -> Summary:
    metrics = {name: MedianInterval(100.0, 90.0, 110.0, 0.95) for name in ("acked_per_s", "cpu_us_per_message")}
    if phase == "at_rate":
        metrics["response_p99_us"] = MedianInterval(4000.0, 3000.0, 5000.0, 0.95)
    return Summary(
        target=target, phase=phase, serializer=serializer, runs=8, rounds=8, offered_per_s=30_000.0, metrics=metrics,  # type: ignore[arg-type]
        ratio_to_msgspec={}, make_us=7.0, serialize_us=1.0, serialize_share=0.01,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What `serializers` and `produce` leave behind, in little."""
    rows = [
        row(operation, shape, library, base * int(shape.split("-")[0]))
        for operation in ("encode", "decode")
        for shape in ("3-items", "20-items")
        for library, base in (("msgspec", 200.0), ("json", 2000.0))
    ]
    rows.append(row("encode", "3-items", "broken", None))
    rows.append(row("harness", "0-items", "empty-call", 50.0))
    summaries = [
        summary(target, phase, serializer)
        for target in ("mock", "kafka")
        for phase in ("flat_out", "at_rate")
        for serializer in ("msgspec", "pydantic")
    ]
    (tmp_path / "serializers.json").write_bytes(msgspec.json.encode(rows))
    machine = {"cpu_model_name": "Z80", "cpu_count": 2, "python_version": "3.11.7", "versions": {"msgspec": "0.22.0"}}
    record = {"summaries": msgspec.to_builtins(summaries), "machine": machine}
    (tmp_path / "produce.json").write_text(json.dumps(record))
    (tmp_path / "machine.json").write_text(json.dumps(machine))
    return tmp_path


def test_every_picture_as_svg_and_png(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four pictures, each twice; every SVG names units, machine and versions."""
    assert plots.main([str(folder)]) == 0
    printed = capsys.readouterr().out.split()

    assert len(printed) == 8
    assert all(Path(path).stat().st_size > 5000 for path in printed)
    for name, unit in [
        ("serializer-throughput", "thousand orders/s"),
        ("serializer-ratios", "time ÷ the fastest's"),
        ("produce-path", "acknowledged, thousand messages/s"),
        ("produce-path", "p99 until acknowledged, ms"),
        ("produce-path", "MOCK (no Kafka)"),
        ("produce-path", "medians, 95 % intervals over rounds"),
        ("serializer-throughput", "medians, 96 % intervals over processes"),
        ("produce-cost", "CPU a message, µs"),
    ]:
        text = (folder / f"{name}.svg").read_text()
        assert unit in text
        assert "Z80, 2 CPUs, Python 3.11.7" in text
        assert "msgspec 0.22.0" in text


def test_the_same_input_is_the_same_file(folder: Path) -> None:
    """An SVG changes only when its figures do, so a diff of published results shows what changed."""
    first = {path.name: path.read_text() for path in plots.draw(folder) if path.suffix == ".svg"}
    second = {path.name: path.read_text() for path in plots.draw(folder) if path.suffix == ".svg"}

    assert first == second


def test_half_of_the_input_is_half_of_the_pictures(folder: Path) -> None:
    """Without a produce run its pictures are not drawn, and the machine may be missing."""
    (folder / "produce.json").unlink()
    (folder / "machine.json").unlink()

    assert {path.stem for path in plots.draw(folder)} == {"serializer-throughput", "serializer-ratios"}


def test_own_events_have_a_picture_of_their_own(folder: Path) -> None:
    """A user's events are compared among themselves; the pictures of orders stay as they are."""
    before = (folder / "serializers.json").read_bytes()
    rows = msgspec.json.decode(before, type=list[Row])
    own = [row("encode", "payments", "struct", 200.0), row("encode", "payments", "dict", 700.0)]
    (folder / "serializers.json").write_bytes(msgspec.json.encode([*rows, *own]))

    names = {path.stem for path in plots.draw(folder)}
    assert "serializer-ratios-payments" in names
    assert "3.5" in (folder / "serializer-ratios-payments.svg").read_text()
    assert "payments" not in (folder / "serializer-throughput.svg").read_text()


def test_every_size_has_its_panel(folder: Path) -> None:
    """Throughput is told for each library and number of items, one thousand million ÷ nanoseconds."""
    plots.draw(folder)
    text = (folder / "serializer-throughput.svg").read_text()

    assert "3 line items" in text
    assert "20 line items" in text
    assert f"{1e6 / 600:,.0f}" in text


def test_a_file_that_is_not_ours(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a file, or another one: one line and exit 2."""
    (folder / "serializers.json").write_text('[{"case": 1')

    assert plots.main([str(folder)]) == 2
    assert "cannot be drawn" in capsys.readouterr().err


def test_nothing_to_draw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder is exit 2 with the command that fills it."""
    assert plots.main([str(tmp_path)]) == 2
    assert "python -m bench serializers" in capsys.readouterr().out
