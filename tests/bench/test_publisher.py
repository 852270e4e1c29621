"""`python -m bench publisher` works and says what it measured; how fast it is, is not a test."""

import json
from pathlib import Path

import pytest

from bench import publisher


def test_a_small_run_writes_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every way of the figures that need no other library, once; orders acknowledged are orders sent."""
    arguments = ["cost", "in-flight", "tracing", "--start", "mock", "--orders", "300", "--rounds", "1"]
    assert publisher.main([*arguments, "--out", str(tmp_path)]) == 0

    record = json.loads((tmp_path / "publisher.json").read_text("utf-8"))
    assert [summary["figure"] for summary in record["summaries"]] == ["cost", "in-flight", "tracing"]
    assert set(record["summaries"][0]["ways"]) == set(publisher.FIGURES["cost"])
    assert all(row["acked"] == row["orders"] == 300 for row in record["rounds"]["cost"][0].values())
    assert record["versions"]["confluent_kafka"]
    assert "at most 5 µs of CPU an order" in capsys.readouterr().out


def test_an_unknown_figure_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 with those that there are."""
    with pytest.raises(SystemExit, match="2"):
        publisher.main(["costs"])
    assert "unknown figure costs; possible: cost, peers" in capsys.readouterr().err


def test_ratios_are_of_the_same_round() -> None:
    """A machine that was slow for a round was slow for all ways of it."""
    rounds = [
        {
            "publisher": {"orders": 100, "acked": 100, "wall_s": 1.0 * slow, "cpu_s": 0.5 * slow},
            "kafka-python": {"orders": 50, "acked": 50, "wall_s": 4.0 * slow, "cpu_s": 2.0 * slow},
        }
        for slow in (1, 3, 10)
    ]
    summary = publisher.summarize("peers", rounds)

    assert summary["ratios"]["publisher against kafka-python, throughput"]["median"] == pytest.approx(8.0)
    assert summary["ratios"]["publisher against kafka-python, cpu"]["low"] == pytest.approx(8.0)


def test_a_library_that_is_missing_is_named_and_left_out() -> None:
    """And the others are told."""
    rows = {
        "publisher": {"orders": 1, "acked": 1, "wall_s": 1.0, "cpu_s": 1.0},
        "kafka-python": {"missing": "No module named 'kafka'"},
    }
    summary = publisher.summarize("peers", [rows])

    assert summary["ways"]["kafka-python"] == {"missing": "No module named 'kafka'"}
    assert summary["ratios"] == {}
