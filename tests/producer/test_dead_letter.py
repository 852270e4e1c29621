"""Dead letters: kept whole, read back whole, sent again once."""

import errno
import json
import os
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.errors import DataWrong, UsageError
from loadgen.producer.dead_letter import DeadLetter, DeadLetterFile, DeadLetterTopic, letter_of_record
from loadgen.producer.memory import Answer, MemoryTransport
from loadgen.producer.replay import Filed, FileLetters, hand_over, read_dead_letters

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def letter(order_id: str = "order-1", **changes: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "topic": "orders",
        "key": order_id.encode(),
        "value": b'{"order_id":"%s"}' % order_id.encode(),
        "headers": [("content-type", b"application/json")],
        "code": "MSG_SIZE_TOO_LARGE",
        "cause": "Broker: Message size too large",
        "outcome": "failed",
        "tries": 1,
        "first_at": NOON,
        "last_at": NOON,
        "order_id": order_id,
    }
    return DeadLetter(**(fields | changes))


letters = st.builds(
    letter,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=50),
    headers=st.lists(st.tuples(st.text("abc-", min_size=1), st.none() | st.binary(max_size=9)), max_size=3),
    outcome=st.sampled_from(["failed", "unknown"]),
    tries=st.integers(0, 99),
    first_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(letters, max_size=5))
def test_what_is_read_back_is_what_was_kept(tmp_path_factory: pytest.TempPathFactory, kept: list[DeadLetter]) -> None:
    """Every byte of key, value and headers, and everything that is said of them; one line each."""
    path = tmp_path_factory.mktemp("letters") / "dead.jsonl"
    path.touch()
    file = DeadLetterFile(path)
    for one in kept:
        file.keep(one)
    file.close()

    assert [filed.letter for filed in read_dead_letters(path)] == kept
    assert path.read_bytes().count(b"\n") == len(kept)


def test_a_line_is_json_that_other_programs_read(tmp_path: Path) -> None:
    """Documented keys, base64 bytes, ISO 8601 times."""
    file = DeadLetterFile(tmp_path / "dead.jsonl")
    file.keep(letter())
    file.close()

    assert json.loads((tmp_path / "dead.jsonl").read_text()) == {
        "topic": "orders",
        "key": "b3JkZXItMQ==",
        "value": "eyJvcmRlcl9pZCI6Im9yZGVyLTEifQ==",
        "headers": [["content-type", "YXBwbGljYXRpb24vanNvbg=="]],
        "code": "MSG_SIZE_TOO_LARGE",
        "cause": "Broker: Message size too large",
        "outcome": "failed",
        "tries": 1,
        "first_at": "2026-11-23T12:00:00Z",
        "last_at": "2026-11-23T12:00:00Z",
        "order_id": "order-1",
    }
    assert (tmp_path / "dead.jsonl").stat().st_mode & 0o777 == 0o600  # orders are nobody else's business


def test_no_file_is_made_before_the_first_letter(tmp_path: Path) -> None:
    """An empty queue leaves nothing behind."""
    DeadLetterFile(tmp_path / "dead.jsonl").close()

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_known_at_the_start(tmp_path: Path) -> None:
    """Not when the first letter comes."""
    with pytest.raises(UsageError, match="does not exist"):
        DeadLetterFile(tmp_path / "no" / "dead.jsonl")


def _keep_many(path: str, name: str) -> None:
    file = DeadLetterFile(path)
    for number in range(200):
        file.keep(letter(f"{name}-{number}", value=bytes([number]) * 5000))
    file.close()


def test_several_processes_share_a_file(tmp_path: Path) -> None:
    """Lines longer than a pipe's atomic write stay whole."""
    path = tmp_path / "dead.jsonl"
    processes = [get_context("spawn").Process(target=_keep_many, args=(str(path), name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    ids = [filed.letter.order_id for filed in read_dead_letters(path)]
    assert sorted(ids) == sorted(f"{name}-{number}" for name in "ab" for number in range(200))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"topic": 5}\n', "line 2: no dead letter"),
        (b"\x80\x04\x95pickle\n", "line 2: no dead letter"),
        (b'{"topic":"or', "line 2: cut short"),
        (b"[" * 100_000 + b"\n", "line 2: no dead letter"),
    ],
)
def test_a_file_that_is_not_ours_is_named_by_line(tmp_path: Path, content: bytes, says: str) -> None:
    """What comes before the bad line is read; the rest is an error with the line's number."""
    file = DeadLetterFile(tmp_path / "dead.jsonl")
    file.keep(letter())
    file.close()
    with (tmp_path / "dead.jsonl").open("ab") as more:
        more.write(content)
    found = read_dead_letters(tmp_path / "dead.jsonl")

    assert next(found).letter == letter()
    with pytest.raises(DataWrong, match=says):
        next(found)


@given(letters)
def test_a_letter_in_a_topic_says_the_same(one: DeadLetter) -> None:
    """Original bytes, key and headers, and the reason in headers of its own."""
    transport = MemoryTransport()
    queue = DeadLetterTopic("orders.dead", Path("/dev/null"))
    queue.use(transport)
    queue.keep(one)
    transport.poll(0)

    (message,) = transport.log
    assert (message.topic(), message.value(), message.key()) == ("orders.dead", one.value, one.key)
    headers: Any = message.headers()
    back = letter_of_record(message.key(), message.value(), headers, message.topic())
    named = one.key.decode(errors="replace") if one.key is not None else None
    assert back == DeadLetter(**{field: getattr(one, field) for field in one.__struct_fields__} | {"order_id": named})
    assert (queue.outstanding(), queue.kept) == (0, 1)


@pytest.mark.parametrize("code", [3, 29, -192, -152])
def test_what_the_topic_does_not_take_falls_back_to_the_file(tmp_path: Path, code: int) -> None:
    """A topic that is missing, forbidden or unreachable loses no letter."""
    transport = MemoryTransport(lambda _: Answer(0, code))
    queue = DeadLetterTopic("orders.dead", tmp_path / "dead.jsonl")
    queue.use(transport)
    queue.keep(letter())
    assert queue.outstanding() == 1
    transport.poll(0)
    assert queue.outstanding() == 1  # reported within poll(), written after
    queue.serve()

    assert queue.outstanding() == 0
    assert [filed.letter for filed in read_dead_letters(tmp_path / "dead.jsonl")] == [letter()]


def test_a_letter_that_the_client_refuses_falls_back_at_once(tmp_path: Path) -> None:
    """Too large for the topic it came from is too large for the topic of the dead."""
    queue = DeadLetterTopic("orders.dead", tmp_path / "dead.jsonl")
    queue.use(MemoryTransport(largest_bytes=10))
    queue.keep(letter())

    assert [filed.letter for filed in read_dead_letters(tmp_path / "dead.jsonl")] == [letter()]


def test_a_dead_letter_of_the_dead_letter_topic_goes_to_the_file(tmp_path: Path) -> None:
    """What came from that topic is not sent there again and again."""
    transport = MemoryTransport()
    queue = DeadLetterTopic("orders.dead", tmp_path / "dead.jsonl")
    queue.use(transport)
    queue.keep(letter(topic="orders.dead"))

    assert (transport.accepted, queue.fallback.kept) == (0, 1)


def test_after_settle_nobody_is_waited_for(tmp_path: Path) -> None:
    """At the end letters go to the ground without asking the broker."""
    transport = MemoryTransport()
    queue = DeadLetterTopic("orders.dead", tmp_path / "dead.jsonl")
    queue.use(transport)
    queue.settle()
    queue.keep(letter())

    assert transport.accepted == 0
    assert queue.fallback.kept == 1


def test_a_full_disk_loses_nothing_that_came_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written stays outstanding, and is written when there is room again."""
    transport = MemoryTransport(lambda _: Answer(0, -192))
    queue = DeadLetterTopic("orders.dead", tmp_path / "dead.jsonl")
    queue.use(transport)
    queue.keep(letter())
    transport.poll(0)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            queue.serve()
    assert queue.outstanding() == 1
    queue.serve()
    assert queue.outstanding() == 0


def test_a_replay_sends_in_order_to_where_each_was_meant_to_go() -> None:
    """Topic, key, value and headers are the original ones."""
    filed = [letter("a"), letter("b", topic="returns"), letter("c", headers=[])]
    transport = MemoryTransport()
    results: list[tuple[int, Any]] = []
    numbered = enumerate(filed, 1)
    count = hand_over(
        (Filed(line, one) for line, one in numbered), transport, lambda one, error: results.append((one.line, error))
    )
    transport.poll(0)

    assert count == 3
    assert results == [(1, None), (2, None), (3, None)]
    assert [(sent.topic(), sent.key(), sent.headers()) for sent in transport.log] == [
        ("orders", b"a", [("content-type", b"application/json")]),
        ("returns", b"b", [("content-type", b"application/json")]),
        ("orders", b"c", None),
    ]


def test_a_replay_waits_for_room_and_reports_refusals() -> None:
    """A full queue is waited for; a record that is refused is a result, and the next goes on."""
    transport = MemoryTransport(capacity=1, largest_bytes=100)
    results: list[tuple[int, Any]] = []
    many = [Filed(1, letter("a")), Filed(2, letter("b", value=b"x" * 200)), Filed(3, letter("c"))]
    hand_over(many, transport, lambda one, error: results.append((one.line, error and error.name)))
    transport.poll(0)

    assert results == [(1, None), (2, "MSG_SIZE_TOO_LARGE"), (3, None)]


def test_the_note_of_what_was_sent_again_survives(tmp_path: Path) -> None:
    """It is beside the file, one number a line, and another process reads it."""
    first = FileLetters(tmp_path / "dead.jsonl")
    assert first.replayed == frozenset()
    first.note_replayed(1)
    first.note_replayed(3)

    assert FileLetters(tmp_path / "dead.jsonl").replayed == {1, 3}
    (tmp_path / "dead.jsonl.replayed").write_text("1\nx\n")
    with pytest.raises(DataWrong, match="else than line numbers"):
        FileLetters(tmp_path / "dead.jsonl")
