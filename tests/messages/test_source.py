"""The event source: one producer's events, the same again for whoever asks."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.errors import UsageError
from loadgen.events.generator import VERSION, OrderGenerator
from loadgen.events.identity import created_at, order_id, parse_order_id
from loadgen.events.raw import raw_record
from loadgen.messages.event_plan import RAW_POOL_BYTES, EventPlan
from loadgen.messages.order_events import decode_order_event, encode_order_event
from loadgen.messages.source import EventSource
from loadgen.messages.translator import OrderEventTranslator

START_US = 1_795_000_000_000_000
SEED = 11
POOL_SIZE = 50


def plan(kind: str, **changes: Any) -> EventPlan:
    fields: dict[str, Any] = {
        "kind": kind,
        "seed": SEED,
        "run_token": "7f3a9c21",
        "producer": 1,
        "producers": 3,
        "start_epoch_us": START_US,
        "pool_size": POOL_SIZE,
    }
    return EventPlan(**(fields | changes))


def encoded_order(content: int, sequence: int, offset_us: int) -> bytes:
    """The event as domain, translator and msgspec make it, with nothing of the source in between."""
    identity = order_id("7f3a9c21", 1, sequence).decode()
    order = OrderGenerator(SEED).order(content, identity, created_at(START_US, offset_us))
    return encode_order_event(OrderEventTranslator.to_event_message(order))


STAMPED = EventSource(plan("stamped"))
FRESH = EventSource(plan("fresh"))
sequences = st.integers(0, 10**11)
offsets_us = st.integers(0, 10**13)


@given(st.lists(st.tuples(sequences, offsets_us), min_size=1, max_size=5))
def test_stamped_events_are_the_encoded_orders(asked: list[tuple[int, int]]) -> None:
    """Stamped: content of order g mod pool_size, id and time of the sequence, in any order of asking."""
    for sequence, offset_us in asked:
        expected = encoded_order((sequence * 3 + 1) % POOL_SIZE, sequence, offset_us)

        assert (order_id("7f3a9c21", 1, sequence), expected) == STAMPED.record(sequence, offset_us)


@given(sequences, offsets_us)
def test_fresh_events_are_the_encoded_orders(sequence: int, offset_us: int) -> None:
    """Fresh: order g itself under the id and time of the sequence."""
    expected = encoded_order(sequence * 3 + 1, sequence, offset_us)

    assert (order_id("7f3a9c21", 1, sequence), expected) == FRESH.record(sequence, offset_us)


@given(sequences, offsets_us)
def test_the_pool_stamps_what_the_source_writes(sequence: int, offset_us: int) -> None:
    """The source's hand-made stamp and the pool's own are the same bytes."""
    assert STAMPED.pool is not None
    _, value = STAMPED.record(sequence, offset_us)
    stamped = STAMPED.pool.stamped(  # type: ignore[attr-defined]
        (sequence * 3 + 1) % POOL_SIZE, order_id("7f3a9c21", 1, sequence), value[55:87]
    )

    assert value == stamped


def test_pooled_events_are_sent_as_they_are() -> None:
    """Pool: no stamp; the event of number g mod pool_size, its own id as key, comes round again."""
    source = EventSource(plan("pool"))
    key, value = source.record(0, 0)

    assert key == decode_order_event(value).order_id.encode() == order_id("7f3a9c21", 1, 1)
    assert (key, value) == source.record(POOL_SIZE, 999)
    assert (key, value) != source.record(1, 0)


def test_serializers_change_no_byte() -> None:
    """Fresh events are the same bytes whichever serializer makes them."""
    records = {
        tuple(EventSource(plan("fresh", serializer=name)).record(n, n) for n in range(100))
        for name in ("msgspec", "orjson", "pydantic")
    }

    assert len(records) == 1


def test_raw_records_in_number_order() -> None:
    """Raw: record g of the seed while the pool lasts, then again; the size and entropy asked for."""
    source = EventSource(plan("raw", record_size=100, entropy=0.3))

    assert [(order_id("7f3a9c21", 1, n), raw_record(SEED, n * 3 + 1, 100, 0.3)) for n in range(16)] == [
        source.record(n, 0) for n in range(16)
    ]
    assert source.record(0, 0)[1] == source.record(POOL_SIZE, 0)[1]
    assert source.mean_bytes == 100


def test_large_raw_records_do_not_fill_the_memory() -> None:
    """The raw pool stops at its bound of bytes, and holds one record at least."""
    large = EventSource(plan("raw", record_size=RAW_POOL_BYTES // 4 + 1, pool_size=2048)).pool
    huge = EventSource(plan("raw", record_size=RAW_POOL_BYTES + 1, entropy=0.0)).pool

    assert large is not None
    assert huge is not None
    assert (len(large), len(huge)) == (3, 1)


def test_payload_files_in_their_order(tmp_path: Path) -> None:
    """Payload file: the producers together send the file's records in its order, round and round."""
    file = tmp_path / "records"
    file.write_bytes(b"a\nbb\nccc\ndddd\n")
    sources = [EventSource(plan("payload_file", payload_file=str(file), producer=p, keys="none")) for p in range(3)]

    assert [(None, value) for value in (b"a", b"bb", b"ccc", b"dddd", b"a", b"bb", b"ccc")] == [
        sources[number % 3].record(number // 3, 0) for number in range(7)
    ]
    assert sources[0].mean_bytes == 2.5


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module `own_events_for_test` whose function counts its calls."""
    (tmp_path / "own_events_for_test.py").write_text(
        "calls = []\ndef make(number):\n    calls.append(number)\n    return b'k', b'%d' % number\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_events_for_test", None)


def test_own_functions(own_module: None) -> None:
    """fresh:MODULE:FUNCTION is asked for every event by number; pool:… is asked pool_size times, then no more."""
    fresh = EventSource(plan("fresh", function="own_events_for_test:make"))
    assert fresh.record(10, 0) == (b"k", b"31")

    pooled = EventSource(plan("pool", function="own_events_for_test:make"))
    calls = sys.modules["own_events_for_test"].calls
    made = len(calls)
    assert pooled.record(10, 0) == (b"k", b"31")
    assert pooled.record(100, 0) == (b"k", b"%d" % (301 % POOL_SIZE))
    assert made == len(calls)


@pytest.mark.parametrize("kind", ["stamped", "fresh", "pool", "raw"])
@pytest.mark.parametrize("keys", ["order", "none", "uniform:7", "zipf:1.1:7", "hot:0.5"])
def test_the_same_plan_is_the_same_bytes(kind: str, keys: str) -> None:
    """A plan that went through JSON gives every event again, whatever was asked before."""
    original = plan(kind, keys=keys, record_size=64)
    again = msgspec.json.decode(msgspec.json.encode(original), type=EventPlan)
    first, second = EventSource(original), EventSource(again)
    places = [(0, 0), (1, 1), (999_999, 1_000_000), (5, 5), (10**9, 10**12)]

    assert original == again
    assert [first.record(*place) for place in places] == [second.record(*place) for place in reversed(places)][::-1]


def test_seed_and_token_are_what_differs() -> None:
    """Another run token changes ids only; another seed changes contents only."""
    one, other_run = EventSource(plan("stamped")), EventSource(plan("stamped", run_token="00000000"))
    other_seed = EventSource(plan("stamped", seed=12))

    def parts(source: EventSource) -> list[tuple[bytes, bytes]]:
        values = [source.record(n, n)[1] for n in range(40)]
        return [(value[13:39], value[39:]) for value in values]

    ids, rests = zip(*parts(one), strict=True)
    run_ids, run_rests = zip(*parts(other_run), strict=True)
    seed_ids, seed_rests = zip(*parts(other_seed), strict=True)
    assert (ids, rests) == (seed_ids, run_rests)
    assert set(ids).isdisjoint(run_ids)
    assert set(rests).isdisjoint(seed_rests)


def test_producers_share_no_event() -> None:
    """Each event number belongs to one producer: no id twice, all of them ours."""
    sources = [EventSource(plan("stamped", producer=p)) for p in range(3)]
    keys = [source.record(n, n)[0] for source in sources for n in range(50)]

    assert len(set(keys)) == 150
    assert all(key is not None and parse_order_id(key) for key in keys)


def test_contents_are_these_for_ever() -> None:
    """The first thousand events of seed 11: whoever changes an order raises `generator.VERSION` and this digest."""
    digest = hashlib.sha256(b"".join(FRESH.record(n, n)[1] for n in range(1000))).hexdigest()

    assert (VERSION, digest) == (
        "1",
        "f4831457b78524023ef6c6d8a8ce4ea6797890377609230685a116494d1a3617",
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"producer": 3}, "producer 3 of 3"),
        ({"pool_size": 0}, "pool_size 0"),
        ({"kind": "raw"}, "--record-size None"),
        ({"kind": "raw", "record_size": -1}, "--record-size -1"),
        ({"entropy": 1.5}, "--entropy 1.5"),
        ({"kind": "payload_file"}, "--payload-file: a path"),
        ({"kind": "raw", "record_size": 1, "function": "a:b"}, "raw:a:b"),
        ({"keys": "zip:1"}, "--keys zip:1"),
        ({"line_items": (5, 1)}, "--line-items 5-1"),
        ({"run_token": "xyz"}, "run token 'xyz'"),
        ({"kind": "stmped"}, "--events stmped"),
    ],
)
def test_impossible_plans_are_refused(changes: dict[str, Any], named: str) -> None:
    """What cannot be carried out is a usage error that names the flag and the value."""
    with pytest.raises(UsageError, match=named):
        EventSource(plan(**({"kind": "stamped"} | changes)))


def test_all_problems_at_once() -> None:
    """Two wrong things are told together."""
    with pytest.raises(UsageError) as caught:
        EventSource(plan("raw", entropy=2.0, pool_size=0))

    assert len(caught.value.problems) == 3
