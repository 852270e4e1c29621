"""The picture draws what the file says."""

import json
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from bench.peers.plot import draw

STANDING = {"contestant": "loadgen raw", "cpu_us": 0.6, "per_s": 1.2e6}
SAVED = {
    "broker": "Apache Kafka",
    "command": "python -m bench peers",
    "versions": {"confluent-kafka": "2.16.1"},
    "environment": {"cpu_model": "EPYC", "cores": 2},
    "standings": [STANDING, {"contestant": "rdkafka_performance", "cpu_us": 0.7, "per_s": 1.1e6}],
    "rounds": [{"contestant": "loadgen raw", "cpu_us_per_message": 0.6, "messages_per_s": 1.2e6}],
}


def test_a_picture_is_drawn_with_every_name(tmp_path: Path) -> None:
    """As SVG, whose text can be read, and PNG."""
    (tmp_path / "peers.json").write_text(json.dumps(SAVED))

    paths = draw(tmp_path)

    assert [path.suffix for path in paths] == [".svg", ".png"]
    text = paths[0].read_text()
    for words in ("loadgen raw", "rdkafka_performance", "CPU a message", "EPYC"):
        assert words in text


def test_without_results_there_is_no_picture(tmp_path: Path) -> None:
    """An interruption before the first round."""
    (tmp_path / "peers.json").write_text(json.dumps({**SAVED, "standings": []}))

    assert draw(tmp_path) == []
