"""`python -m bench publisher` works and says what it measured; how fast it is, is not a test."""

import json
from pathlib import Path

import pytest

from bench import publisher
from loadgen.brokers.target import Broker


def test_a_small_run_writes_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every way of the figures that need no other library, once; orders acknowledged are orders sent."""
    arguments = ["cost", "tracing", "--start", "mock", "--orders", "300", "--rounds", "1"]
    assert publisher.main([*arguments, "--out", str(tmp_path)]) == 0

    record = json.loads((tmp_path / "publisher.json").read_text("utf-8"))
    assert [summary["figure"] for summary in record["summaries"]] == ["cost", "tracing"]
    assert set(record["summaries"][0]["ways"]) == set(publisher.FIGURES["cost"].ways)
    assert all(row["acked"] == row["orders"] == 300 for row in record["rounds"]["cost"][0].values())
    assert set(record["summaries"][0]["ratios"]) == {
        f"{ours} against document, {kind}"
        for ours in ("publisher", "publisher, no validation")
        for kind in ("throughput", "CPU")
    }
    assert record["summaries"][1]["look_ns"] > 0
    assert record["versions"]["confluent_kafka"]
    assert "at most 5 µs of CPU an order" in capsys.readouterr().out


@pytest.mark.kafka
def test_the_race_against_kafka_python_delivers_every_order(kafka: Broker, tmp_path: Path) -> None:
    """Both of its ways and both of ours on a real Kafka, small; every order of each is acknowledged."""
    pytest.importorskip("kafka")
    arguments = ["peers", "-b", kafka.bootstrap, "--orders", "500", "--rounds", "1", "--out", str(tmp_path)]
    assert publisher.main(arguments) == 0

    (found,) = json.loads((tmp_path / "publisher.json").read_text("utf-8"))["rounds"]["peers"]
    assert {name: row["acked"] for name, row in found.items()} == {
        "publisher": 500,
        "publisher, uncompressed": 500,
        "kafka-python": 100,
        "kafka-python as installed": 100,
    }


def test_an_unknown_figure_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 with those that there are."""
    with pytest.raises(SystemExit, match="2"):
        publisher.main(["costs"])
    assert "unknown figure costs; possible: cost, peers" in capsys.readouterr().err


def test_ratios_are_of_the_same_round() -> None:
    """A machine that was slow for a round was slow for all ways of it."""
    rounds = [
        {
            name: {"orders": orders, "acked": orders, "wall_s": wall_s * slow, "cpu_s": wall_s * slow / 2}
            for name, orders, wall_s in (
                ("publisher", 100, 1.0),
                ("kafka-python", 50, 4.0),
                ("publisher, uncompressed", 100, 2.0),
                ("kafka-python as installed", 50, 12.0),
            )
        }
        for slow in (1, 3, 10)
    ]
    summary = publisher.summarize("peers", rounds)

    assert summary["ratios"]["publisher against kafka-python, throughput"]["median"] == pytest.approx(8.0)
    assert summary["ratios"]["publisher against kafka-python, CPU"]["low"] == pytest.approx(8.0)
    installed = summary["ratios"]["publisher, uncompressed against kafka-python as installed, throughput"]
    assert installed["high"] == pytest.approx(12.0)


def test_a_library_that_is_missing_is_named_and_left_out() -> None:
    """And the others are told."""
    measured = {"orders": 1, "acked": 1, "wall_s": 1.0, "cpu_s": 1.0}
    absent = {"missing": "No module named 'kafka'"}
    rows = {name: absent if "kafka" in name else measured for name in publisher.FIGURES["peers"].ways}
    summary = publisher.summarize("peers", [rows])

    assert summary["ways"]["kafka-python"] == absent
    assert summary["ways"]["publisher"]["orders_per_s"]["median"] == 1.0
    assert summary["ratios"] == {}
