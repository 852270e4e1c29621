"""The C sender's bytes are those of `messages.source`, for every kind of pool and key."""

from array import array

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadgen.events.keys import alias_table, parse_key_law
from loadgen.events.splitmix import GAMMA, stream_seed
from loadgen.messages.source import EventPlan, EventSource
from loadgen.native._native import Client

KEY_STREAM = 4
KEY_SPECS = [
    "none",
    "order",
    "uniform:1000",
    "uniform:1000000",
    "zipf:1.1:500",
    "zipf:0:7",
    "hot:0.3",
    "hot:0",
    "hot:1",
]
SEED = 20261123


def plan_of(kind: str, keys: str, producer: int = 3, producers: int = 5) -> EventPlan:
    return EventPlan(
        kind=kind,  # type: ignore[arg-type]
        seed=SEED,
        run_token="7f3a9c21",
        producer=producer,
        producers=producers,
        start_epoch_us=1_795_470_000_123_456,
        keys=keys,
        record_size=100 if kind == "raw" else None,
        pool_size=64,
    )


def hand_over(client: Client, source: EventSource) -> None:
    """Give the client a source's pool and keys, as a native lane does."""
    plan, pool = source.plan, source.pool
    assert pool is not None
    client.set_records(
        pool.blob,
        pool.offsets,
        pool.lengths,
        plan.run_token,
        plan.producer,
        plan.producers,
        stamped=plan.kind == "stamped",
        id_offset=-1 if pool.id_offset is None else pool.id_offset,
        time_offset=-1 if pool.time_offset is None else pool.time_offset,
        start_epoch_us=plan.start_epoch_us,
    )
    law = parse_key_law(plan.keys)
    start = stream_seed(plan.seed, KEY_STREAM) + GAMMA
    match law.form:
        case "zipf":
            stay, other = alias_table([rank**-law.exponent for rank in range(1, law.keys + 1)])
            client.set_keys("zipf", start=start, keys=law.keys, stay=stay, other=other)
        case "hot":
            client.set_keys("hot", start=start, threshold=round(law.share * 2**64))
        case form:
            client.set_keys(form, start=start, keys=law.keys)


@pytest.mark.parametrize("keys", KEY_SPECS)
@pytest.mark.parametrize("kind", ["stamped", "pool", "raw"])
def test_records_are_byte_for_byte_those_of_the_source(client: Client, kind: str, keys: str) -> None:
    """In order as the loop sends them, and in any order as verify asks for them."""
    source = EventSource(plan_of(kind, keys))
    hand_over(client, source)

    for sequence in [*range(200), 7, 7, 10**12 - 1, 0, 123_456_789_012]:
        assert source.record(sequence, sequence) == client.record(sequence, sequence)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(sequence=st.integers(0, 10**12 - 1), offset_us=st.integers(0, 10**15))
def test_stamps_are_right_at_any_sequence_and_instant(client: Client, sequence: int, offset_us: int) -> None:
    """Leap days, turns of years and of seconds included: up to 30 years after the start."""
    source = STAMPED.get("source") or STAMPED.setdefault("source", EventSource(plan_of("stamped", "zipf:1.2:9")))
    hand_over(client, source)

    assert source.record(sequence, offset_us) == client.record(sequence, offset_us)


STAMPED: dict[str, EventSource] = {}  # made once: hypothesis calls the test 200 times


def test_a_table_gives_each_pooled_record_its_own_key_or_none(client: Client) -> None:
    """What a user's function returned before the run: keys of any length, the empty one, and none."""
    values, keys = [b"one", b"", b"three"], [b"k", None, b""]
    client.set_records(
        b"".join(values), array("Q", [0, 3, 3]), array("I", [len(value) for value in values]), "7f3a9c21", 1, 2
    )
    client.set_keys("table", blob=b"k", offsets=array("Q", [0, 0, 1]), lengths=array("i", [1, -1, 0]))

    for sequence in range(20):
        number = sequence * 2 + 1
        assert (keys[number % 3], values[number % 3]) == client.record(sequence, 0)


@pytest.mark.parametrize(
    ("offsets", "lengths", "options", "reason"),
    [
        ([0, 90], [50, 11], {}, "record 1 does not lie inside the blob"),
        ([0, 1 << 63], [50, 1], {}, "record 1 does not lie inside"),
        ([0], [50, 50], {}, "as many"),
        ([], [], {}, "at least one"),
        ([0, 50], [50, 50], {"stamped": True}, "need id_offset"),
        ([0, 13], [87, 86], {"stamped": True, "id_offset": 13, "time_offset": 55}, "record 1 of 86 bytes has no room"),
        ([0], [38], {"id_offset": 13}, "no room for an id"),
    ],
)
def test_a_pool_that_would_be_read_or_patched_outside_is_refused(
    client: Client, offsets: list[int], lengths: list[int], options: dict[str, int], reason: str
) -> None:
    """Checked once, so that the loop need not."""
    with pytest.raises(ValueError, match=reason):
        client.set_records(bytes(100), array("Q", offsets), array("I", lengths), "7f3a9c21", 0, 1, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("form", "options", "reason"),
    [
        ("uniform", {"keys": 0}, "0 keys"),
        ("uniform", {"keys": 10_000_001}, "10000001 keys"),
        ("zipf", {"keys": 2, "stay": array("d", [1.0]), "other": array("I", [0, 1])}, "one a key"),
        ("zipf", {"keys": 1, "stay": array("d", [1.0]), "other": array("I", [1])}, "beyond the keys"),
        ("table", {"blob": b"k", "offsets": array("Q", [0]), "lengths": array("i", [2])}, "inside its blob"),
        ("hot", {}, "with threshold"),
        ("some", {}, "keys 'some'"),
    ],
)
def test_keys_that_would_be_read_outside_are_refused(
    client: Client, form: str, options: dict[str, object], reason: str
) -> None:
    """As above, for keys."""
    client.set_records(bytes(100), array("Q", [0]), array("I", [100]), "7f3a9c21", 0, 1)

    with pytest.raises(ValueError, match=reason):
        client.set_keys(form, **options)  # type: ignore[arg-type]
