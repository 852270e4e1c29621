"""Pictures: drawn from what is there, units on every axis, machine and versions below."""

import json
from pathlib import Path

import msgspec
import pytest

from bench import plots
from bench.interval import MedianInterval
from bench.plot_serializers import order_shapes, own_shapes, plot_ratios
from bench.produce_summary import Summary
from bench.serializer_rows import Row


def row(operation: str, shape: str, library: str, median_ns: float | None) -> Row:
    status = "ok" if median_ns else "error"
    return Row(
        f"{operation} {shape} {library}", operation, shape, library, status, "", library != "json", 500.0,
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


def orders() -> list[Row]:
    """Two libraries, one broken, and the harness."""
    rows = [
        row(operation, shape, library, base * int(shape.split("-")[0]))
        for operation in ("encode", "decode")
        for shape in ("3-items", "20-items")
        for library, base in (("msgspec", 200.0), ("json", 2000.0))
    ]
    return [*rows, row("encode", "3-items", "broken", None), row("harness", "0-items", "empty-call", 50.0)]


def fill(folder: Path) -> Path:
    """What `serializers` and `produce` leave behind, in little."""
    summaries = [
        summary(target, phase, serializer)
        for target in ("mock", "kafka")
        for phase in ("flat_out", "at_rate")
        for serializer in ("msgspec", "pydantic")
    ]
    (folder / "serializers.json").write_bytes(msgspec.json.encode(orders()))
    machine = {"cpu_model_name": "Z80", "cpu_count": 2, "python_version": "3.11.7", "versions": {"msgspec": "0.22.0"}}
    record = {"summaries": msgspec.to_builtins(summaries), "machine": machine}
    (folder / "produce.json").write_text(json.dumps(record))
    (folder / "machine.json").write_text(json.dumps(machine))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with its pictures: they are drawn once for all tests that only look."""
    folder = fill(tmp_path_factory.mktemp("drawn"))
    assert plots.main([str(folder)]) == 0
    return folder


def test_every_picture_as_svg_and_png(drawn: Path) -> None:
    """Four pictures, each twice; every SVG names units, machine and versions."""
    pictures = [path for path in drawn.iterdir() if path.suffix in (".svg", ".png")]

    assert len(pictures) == 8
    assert all(path.stat().st_size > 5000 for path in pictures)
    for name, unit in [
        ("serializer-throughput", "thousand orders/s"),
        ("serializer-throughput", "medians, 96 % intervals over processes"),
        ("serializer-ratios", "time ÷ the fastest's"),
        ("serializer-ratios", ">json †<"),
        ("produce-path", "acknowledged, thousand messages/s"),
        ("produce-path", "p99 until acknowledged, ms"),
        ("produce-path", "MOCK (no Kafka)"),
        ("produce-path", "medians, 95 % intervals over rounds"),
        ("produce-cost", "CPU a message, µs"),
    ]:
        text = (drawn / f"{name}.svg").read_text()
        assert unit in text
        assert "Z80, 2 CPUs, Python 3.11.7" in text
        assert "msgspec 0.22.0" in text


def test_the_same_input_is_the_same_file(drawn: Path, folder: Path) -> None:
    """An SVG changes only when its figures do, so a diff of published results shows what changed."""
    again = {path.name: path.read_text() for path in plots.draw(folder) if path.suffix == ".svg"}

    assert again == {path.name: path.read_text() for path in drawn.glob("*.svg")}


def test_every_size_has_its_panel(drawn: Path) -> None:
    """Throughput is told for each library and number of items, one thousand million ÷ nanoseconds."""
    text = (drawn / "serializer-throughput.svg").read_text()

    assert "3 line items" in text
    assert "20 line items" in text
    assert f"{1e6 / 600:,.0f}" in text


def test_own_events_are_compared_among_themselves() -> None:
    """A user's events are found, and told from orders."""
    own = [row("encode", "payments", "struct", 200.0), row("encode", "payments", "dict", 700.0)]
    figure = plot_ratios([*orders(), *own], own_shapes([*orders(), *own]))
    (axes,) = figure.axes

    assert order_shapes(own) == []
    assert {label.get_text() for label in axes.get_yticklabels()} == {"struct", "dict"}
    assert sorted(text.get_text() for text in axes.texts) == ["1.0", "3.5"]


def test_half_of_the_input_is_half_of_the_pictures(folder: Path) -> None:
    """Without a produce run its pictures are not drawn, and the machine may be missing."""
    (folder / "produce.json").unlink()
    (folder / "machine.json").unlink()

    assert {path.stem for path in plots.draw(folder)} == {"serializer-throughput", "serializer-ratios"}


def test_a_file_that_is_not_ours(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a file, or another one: one line and exit 2."""
    (folder / "serializers.json").write_text('[{"case": 1')

    assert plots.main([str(folder)]) == 2
    assert "cannot be drawn" in capsys.readouterr().err


def test_nothing_to_draw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder is exit 2 with the command that fills it."""
    assert plots.main([str(tmp_path)]) == 2
    assert "python -m bench serializers" in capsys.readouterr().out
