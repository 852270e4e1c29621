"""`loadgen dead-letters`: listed by cause, sent again once, nothing twice by accident."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadgen.brokers import admin, guard
from loadgen.brokers.admin import create_topic
from loadgen.brokers.target import Broker
from loadgen.cli.dead_letters import app
from loadgen.errors import DataWrong, Refused, UsageError
from loadgen.producer.dead_letter import DeadLetterFile, DeadLetterTopic
from loadgen.producer.kafka import KafkaTransport
from tests.producer.reading import read_topic
from tests.producer.test_dead_letter import letter


def run(*arguments: object) -> Any:
    """The command's exit code."""
    return app([str(one) for one in arguments], exit_on_error=False, print_error=False, result_action="return_value")


@pytest.fixture
def letters(tmp_path: Path, topic: str) -> Path:
    """Two definite letters and one that may have been written."""
    path = tmp_path / "dead.jsonl"
    file = DeadLetterFile(path)
    file.keep(letter("order-1", topic=topic))
    file.keep(letter("order-2\x1b[2J", topic=topic, outcome="unknown", code="_MSG_TIMED_OUT"))
    file.keep(letter("order-3", topic=topic))
    file.close()
    return path


@pytest.fixture
def mock(mock: Broker, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """The mock cluster, which knows no DescribeCluster, as one that answers what the guard asks."""
    monkeypatch.setattr(admin, "members", lambda broker, properties: ("mock", tuple(broker.bootstrap.split(","))))
    return mock


def test_a_list_says_which_and_why(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, a sum by cause, and nothing that moves a cursor."""
    assert run("list", letters) == 0
    lines = capsys.readouterr().out.splitlines()

    assert "order-1" in lines[0]
    assert "MSG_SIZE_TOO_LARGE" in lines[0]
    assert "2026-11-23T12:00:00+00:00" in lines[0]
    assert "order-2?[2J" in lines[1]
    assert lines[3] == "3 dead letters, 2 MSG_SIZE_TOO_LARGE (failed), 1 _MSG_TIMED_OUT (unknown)"


def test_a_list_as_json_is_the_letters(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line, and nothing else on stdout."""
    run("list", letters, "--json", "-")

    assert [json.loads(line)["order_id"] for line in capsys.readouterr().out.splitlines()] == [
        "order-1",
        "order-2\x1b[2J",
        "order-3",
    ]


def test_a_replay_sends_the_definite_ones_once(
    mock: Broker, letters: Path, topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """To their topic, with key, value and headers; a second replay sends nothing; the list marks them."""
    assert run("replay", letters, "-b", mock.bootstrap) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 of 3 dead letters sent again")
    assert "1 left out: they may be in their topic already; --also-unknown" in out
    assert run("replay", letters, "-b", mock.bootstrap, "--json", "-") == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": "loadgen.dead-letters/1",
        "letters": 3,
        "replayed_before": 2,
        "replayed": 0,
        "failed": {},
        "unknown_left_out": 1,
        "unanswered": 0,
    }
    assert run("replay", letters, "-b", mock.bootstrap, "--also-unknown") == 0
    run("list", letters)
    assert capsys.readouterr().out.count(" replayed ") == 3

    read = read_topic(mock.bootstrap, topic, 3)
    assert sorted(found.key or b"" for found in read) == [b"order-1", b"order-2\x1b[2J", b"order-3"]
    assert read[0].headers == {"content-type": b"application/json"}


@pytest.mark.kafka
def test_a_replay_asks_the_guard_as_a_run_does(
    kafka: Broker, topic: str, letters: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cluster elsewhere is refused with the id that would allow it, before a letter is sent; confirmed, it is sent to."""
    create_topic(kafka, topic, {}, partitions=1)
    monkeypatch.setattr(guard.decide, "__defaults__", (None, lambda host: ["203.0.113.7"]))
    with pytest.raises(Refused, match=r"203\.0\.113\.7") as refused:
        run("replay", letters, "-b", kafka.bootstrap)
    assert not letters.with_name("dead.jsonl.replayed").exists()

    flag, cluster_id = str(refused.value).rpartition("to allow it: ")[2].split()
    assert run("replay", letters, "-b", kafka.bootstrap, flag, cluster_id) == 0
    assert capsys.readouterr().out.startswith("2 of 3 dead letters sent again")
    assert admin.end_offsets(kafka, topic, {}) == [2]


def test_what_fails_again_stays_and_is_said(mock: Broker, letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3, by name and line; the next replay tries those again."""
    assert mock.mock is not None
    mock.mock.push_errors(0, [29] * 3)
    try:
        assert run("replay", letters, "-b", mock.bootstrap, "-X", "linger.ms=0") == 3
    finally:
        mock.mock.clear_errors(0)
    out = capsys.readouterr().out
    assert "failed again: TOPIC_AUTHORIZATION_FAILED" in out
    assert "line 1, order order-1" in out

    assert run("replay", letters, "-b", mock.bootstrap) == 0


def test_a_topic_of_letters_is_replayed_and_remembered(
    mock: Broker, topic: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Listed as often as wanted; what was sent again is committed, and not sent a second time."""
    dead = f"{topic}.dead"
    create_topic(mock, dead, {}, partitions=2)
    transport = KafkaTransport({"bootstrap.servers": mock.bootstrap})
    queue = DeadLetterTopic(dead, tmp_path / "fallback.jsonl")
    queue.use(transport)
    for number in range(5):
        queue.keep(letter(f"order-{number}", topic=topic))
    while queue.outstanding():
        transport.poll(0.1)
    transport.close(1)

    for _ in range(2):
        assert run("list", "-t", dead, "-b", mock.bootstrap) == 0
        assert "5 dead letters, 5 MSG_SIZE_TOO_LARGE (failed)" in capsys.readouterr().out
    assert run("replay", "-t", dead, "-b", mock.bootstrap) == 0
    assert "5 of 5 dead letters sent again" in capsys.readouterr().out
    assert run("replay", "-t", dead, "-b", mock.bootstrap) == 0
    assert "0 of 0 dead letters sent again" in capsys.readouterr().out

    read = read_topic(mock.bootstrap, topic, 5)
    assert sorted(found.key or b"" for found in read) == [f"order-{number}".encode() for number in range(5)]
    assert all(found.headers == {"content-type": b"application/json"} for found in read)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list"], "one of the two"),
        (["list", "FILE", "-t", "x"], "one of the two"),
        (["list", "no-such-file"], "cannot be read"),
        (["replay", "FILE"], "-b"),
        (["replay", "FILE", "-b", "x:1", "--json", "out"], "--json out"),
        (["replay", "FILE", "-b", "x:1", "--drain", "soon"], "soon"),
    ],
)
def test_wrong_flags_are_named(letters: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str) -> None:
    """One line, before any socket."""
    for name in ("LOADGEN_BOOTSTRAP_SERVERS", "LOADGEN_BOOTSTRAP_SERVER", "RPK_BROKERS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match=says):
        run(*(letters if one == "FILE" else one for one in arguments))


def test_a_damaged_file_is_not_guessed_at(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 4 by its error; what was read before is shown."""
    letters.write_bytes(letters.read_bytes()[:-20])
    with pytest.raises(DataWrong, match="line 3: cut short"):
        run("list", letters)
    assert "order-1" in capsys.readouterr().out
