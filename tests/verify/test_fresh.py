"""Fresh orders in columns are the orders of the domain, byte for byte, and never the last word against a record."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.events.splitmix import MASK64, mix64
from loadgen.messages.event_plan import EventPlan
from loadgen.messages.source import EventSource
from loadgen.verify.fresh import FreshOrders, mixed
from loadgen.verify.remake import Remake
from tests.verify.sent import check, log_of, plan

SEQUENCES = st.integers(0, 10**12 - 1)


@given(st.lists(st.integers(0, MASK64), min_size=1))
def test_states_are_mixed_as_one_by_one(states: list[int]) -> None:
    """Over all of 64 bits."""
    assert mixed(np.array(states, np.uint64)).tolist() == [mix64(state) for state in states]


@given(
    seed=st.integers(-(2**70), 2**70),
    of=st.integers(1, 50).flatmap(lambda count: st.tuples(st.integers(0, count - 1), st.just(count))),
    lines=st.sampled_from([(1, 5), (1, 1), (4, 4), (3, 9), (1, 60)]),
    keys=st.sampled_from(["order", "none", "uniform:9", "zipf:1.1:30", "hot:0.3"]),
    serializer=st.sampled_from(["msgspec", "orjson", "pydantic"]),
    start_epoch_us=st.integers(0, 4 * 10**15),
    events=st.lists(st.tuples(SEQUENCES, st.integers(0, 10**12)), min_size=1, max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_every_event_is_what_the_domain_makes(
    seed: int,
    of: tuple[int, int],
    lines: tuple[int, int],
    keys: str,
    serializer: str,
    start_epoch_us: int,
    events: list[tuple[int, int]],
) -> None:
    """Whatever the seed, the producers, the lines, the keys, the serializer and the instants; in any order."""
    asked = EventPlan(
        kind="fresh",
        seed=seed,
        run_token="7f3a9c21",
        producer=of[0],
        producers=of[1],
        start_epoch_us=start_epoch_us,
        line_items=lines,
        keys=keys,
        serializer=serializer,  # type: ignore[arg-type]
    )
    record = EventSource(asked).record

    made = FreshOrders(asked).records(*zip(*events, strict=True))

    assert list(made) == [record(*event) for event in events]


def test_a_thousand_lines_are_made_again() -> None:
    """The longest order that there is."""
    asked = EventPlan(
        kind="fresh",
        seed=3,
        run_token="7f3a9c21",
        producer=0,
        producers=1,
        start_epoch_us=1,
        line_items=(1000, 1000),
    )
    assert list(FreshOrders(asked).records([5], [7])) == [EventSource(asked).record(5, 7)]


def test_columns_alone_accuse_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should they ever disagree with the domain, the domain decides: a faultless log stays faultless."""
    of = plan(60, events="fresh")
    log = log_of(of)
    monkeypatch.setattr(FreshOrders, "records", lambda self, sequences, offsets_us: [(b"x", b"y")] * len(sequences))

    assert check(of, log, "full") == ({}, [])


def test_plain_fresh_events_go_through_columns() -> None:
    """And nothing else does: what a FUNCTION gives only itself can give again."""
    fresh, stamped = Remake(plan(3, events="fresh")), Remake(plan(3))
    fresh.source(0)
    stamped.source(0)

    assert list(fresh._fresh) == [0]
    assert not stamped._fresh
