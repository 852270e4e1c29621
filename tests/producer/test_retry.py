"""What is sent again, when, and in which order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.producer.backoff import RetrySettings
from loadgen.producer.retry import FULL_QUEUE_WAIT_NS, Outgoing, Retries
from tests.producer.samples import MS, SECOND

NOT_ENOUGH_REPLICAS, TOO_LARGE, TIMED_OUT = 19, 10, -192
RULES = RetrySettings(tries=4, total_s=10.0, wait_s=1.0, wait_s_max=3.0)


def record(key: bytes = b"a", value: bytes = b"1", tries: int = 1, first_at: float = 0.0) -> Outgoing:
    return Outgoing("orders", key, value, (), tries, first_at, first_at)


def always(share: float) -> Retries:
    """Retries whose jitter is always that share of the ceiling."""
    return Retries(RULES, lambda: share)


@pytest.mark.parametrize(("attempt", "ceiling_s"), [(2, 1.0), (3, 2.0), (4, 3.0), (5, 3.0), (2000, 3.0)])
def test_the_wait_doubles_up_to_its_cap(attempt: int, ceiling_s: float) -> None:
    """Exponential, capped, and no overflow at the two thousandth try."""
    assert RULES.wait_before(attempt, lambda: 1.0) == ceiling_s


@given(st.integers(2, 100))
def test_jitter_is_full(attempt: int) -> None:
    """Every wait between nothing and the ceiling is possible."""
    ceiling_s = RULES.wait_before(attempt, lambda: 1.0)

    assert RULES.wait_before(attempt, lambda: 0.0) == 0.0
    assert 0.0 <= RULES.wait_before(attempt) <= ceiling_s


@pytest.mark.parametrize(
    ("code", "tries", "age_s", "taken"),
    [
        (NOT_ENOUGH_REPLICAS, 1, 0.0, True),
        (TOO_LARGE, 1, 0.0, False),  # permanent
        (TIMED_OUT, 1, 0.0, False),  # may be written already
        (NOT_ENOUGH_REPLICAS, 4, 0.0, False),  # tried often enough
        (NOT_ENOUGH_REPLICAS, 1, 9.4, True),
        (NOT_ENOUGH_REPLICAS, 1, 9.6, False),  # the next try would begin too late
    ],
)
def test_what_is_tried_again(code: int, tries: int, age_s: float, taken: bool) -> None:
    """Definite and transient, within tries and time."""
    assert always(0.5).take_failed(record(tries=tries), code, 0, age_s, 0) is taken


def test_it_goes_when_its_wait_is_over_and_everything_before_it_is_answered() -> None:
    """Both: the backoff, and the generation that it failed in."""
    retries = always(1.0)
    retries.take_failed(record(), NOT_ENOUGH_REPLICAS, 0, 0.0, generation=3)

    assert retries.due(999 * MS, oldest_open_generation=4) == []
    assert retries.due(1 * SECOND, oldest_open_generation=3) == []
    assert retries.due(1 * SECOND, oldest_open_generation=4) == [record()]
    assert retries.due(9 * SECOND, oldest_open_generation=4) == []  # it is on its way


def test_later_records_of_the_key_wait_behind_and_go_one_by_one() -> None:
    """1 failed, 2 and 3 came after: 1, then 2, then 3, each when the one before has arrived."""
    retries = always(0.0)
    retries.take_failed(record(value=b"1"), NOT_ENOUGH_REPLICAS, 0, 0.0, 0)
    for value in (b"2", b"3"):
        assert retries.blocks("orders", b"a")
        retries.take_behind(record(value=value, tries=0))
    sent = []
    while due := retries.due(0, 1):
        assert len(due) == 1
        sent.append(due[0].value)
        retries.delivered(due[0])

    assert sent == [b"1", b"2", b"3"]
    assert not retries.blocks("orders", b"a")
    assert not retries


def test_other_keys_go_on() -> None:
    """A key that waits holds up no other."""
    retries = always(1.0)
    retries.take_failed(record(b"a"), NOT_ENOUGH_REPLICAS, 0, 0.0, 0)

    assert not retries.blocks("orders", b"b")
    assert not retries.blocks("returns", b"a")


def test_failures_of_one_key_keep_their_order_through_another_failure() -> None:
    """1 and 2 failed; 1 fails again: still 1 before 2."""
    retries = always(0.0)
    for value in (b"1", b"2"):
        retries.take_failed(record(value=value), NOT_ENOUGH_REPLICAS, 0, 0.0, 0)
    (first,) = retries.due(0, 1)
    assert retries.take_failed(first._replace(tries=2), NOT_ENOUGH_REPLICAS, 0, 0.0, 5)

    (head,) = retries.due(0, 9)
    assert (head.value, head.tries) == (b"1", 2)
    retries.delivered(head)
    assert [due.value for due in retries.due(0, 9)] == [b"2"]


def test_one_that_is_given_up_lets_the_next_go() -> None:
    """The end of the first one's tries is not the end of the line."""
    retries = always(1.0)
    retries.take_failed(record(value=b"1", tries=3), NOT_ENOUGH_REPLICAS, 0, 0.0, 0)
    retries.take_behind(record(value=b"2", tries=0))
    (first,) = retries.due(3 * SECOND, 1)

    assert not retries.take_failed(first._replace(tries=4), NOT_ENOUGH_REPLICAS, 3 * SECOND, 3.0, 0)
    assert [due.value for due in retries.due(3 * SECOND, 1)] == [b"2"]


def test_one_that_was_overtaken_is_given_up() -> None:
    """A later record of the key arrived: sending the older one now would put the past after the present."""
    retries = always(1.0)
    retries.take_failed(record(value=b"1"), NOT_ENOUGH_REPLICAS, 0, 0.0, 0)
    retries.take_behind(record(value=b"3", tries=0))

    assert [(lost.value, code) for lost, code in retries.overtaken("orders", b"a")] == [(b"1", NOT_ENOUGH_REPLICAS)]
    assert retries.overtaken("orders", b"b") == []
    assert [due.value for due in retries.due(0, 1)] == [b"3"]  # newer than what arrived, so it goes


def test_a_full_queue_puts_it_back_to_the_front() -> None:
    """Nothing is lost or turned around when the client has no room."""
    retries = always(0.0)
    for value in (b"1", b"2"):
        retries.take_failed(record(value=value), NOT_ENOUGH_REPLICAS, 0, 0.0, 0)
    for value in (b"3", b"4"):
        retries.take_behind(record(value=value, tries=0))
    sent = []
    for turn in range(4):
        now_ns = 2 * turn * FULL_QUEUE_WAIT_NS
        (head,) = retries.due(now_ns, 1)
        retries.put_back(head, now_ns)
        assert retries.due(now_ns, 1) == []
        (again_head,) = retries.due(now_ns + FULL_QUEUE_WAIT_NS, 1)
        assert again_head == head
        sent.append(head.value)
        retries.delivered(head)

    assert sent == [b"1", b"2", b"3", b"4"]


def test_giving_up_returns_everything_in_order() -> None:
    """Failed ones with their code, waiting ones without: what a closing publisher lays down."""
    retries = always(1.0)
    retries.take_failed(record(value=b"1"), NOT_ENOUGH_REPLICAS, 0, 0.0, 0)
    retries.take_behind(record(value=b"2", tries=0))
    retries.take_failed(record(b"b", b"3"), NOT_ENOUGH_REPLICAS, 0, 0.0, 0)

    left = [(given_up.value, code) for given_up, code in retries.give_up()]
    assert left == [(b"1", NOT_ENOUGH_REPLICAS), (b"2", None), (b"3", NOT_ENOUGH_REPLICAS)]
    assert not retries


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=40), st.data())
def test_the_order_of_each_key_survives_any_failures(plan: list[tuple[str, bool]], data: st.DataObject) -> None:
    """Whatever fails again or comes between, what is delivered of a key is in the order it was made."""
    retries = Retries(RetrySettings(tries=3, total_s=1e9, wait_s=1.0), lambda: 0.0)
    delivered: list[Outgoing] = []
    for number, (key, fails) in enumerate(plan):
        one = record(key.encode(), number.to_bytes(2, "big"), tries=0)
        if retries.blocks("orders", one.key):
            retries.take_behind(one)
        elif not fails or not retries.take_failed(one._replace(tries=1), NOT_ENOUGH_REPLICAS, 0, 0.0, 0):
            delivered.append(one)
        for due in retries.due(0, 1) if data.draw(st.booleans()) else ():
            sent = due._replace(tries=due.tries + 1)
            if data.draw(st.booleans()):
                retries.delivered(sent)
                delivered.append(sent)
            else:
                retries.take_failed(sent, NOT_ENOUGH_REPLICAS, 0, 0.0, 0)

    for key in (b"a", b"b", b"c"):
        values = [one.value for one in delivered if one.key == key]
        assert values == sorted(values)
