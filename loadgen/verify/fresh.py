"""Fresh orders made again a batch at a time, straight from their numbers to their bytes.

Goal: every event of `--events fresh` once more, at a tenth of what it costs to build, translate and encode an order.
Non-goal: the domain's rules. `events.generator`, the translator and the serializer say what an event is; this is the same
function of (seed, number) written a second time, in columns, and tests hold the two together. Where it disagrees with what
was read, `remake` asks the first way before anybody is accused.
Place: `remake` compares with it.

A line of an order is one of 8192, and its bytes follow from its number but for its id: each is encoded once, by msgspec,
whose bytes are those of every serializer here.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loadgen.events.generator import ORDER_STREAM, customers, lines
from loadgen.events.identity import order_id_prefix, second_text
from loadgen.events.keys import key_function
from loadgen.events.splitmix import GAMMA, MASK64, MIX_1, MIX_2, stream_seed
from loadgen.messages.event_plan import EventPlan
from loadgen.messages.order_events import LineItemEventMessage
from loadgen.messages.pool import BEFORE_ID, BEFORE_TIME
from loadgen.messages.source import Record

Integers = npt.NDArray[np.int64]
Draws = npt.NDArray[np.uint64]

LINES_A_DRAW = 4
_LINE_BITS, _LINE_MASK = np.uint64(13), np.uint64(8191)
_encode = msgspec.json.Encoder().encode
_BEFORE_LINE_ID = b'{"line_item_id":"'


def mixed(states: Draws) -> Draws:
    """`splitmix.mix64` of many states; arrays of 64 bits wrap as C does. 10 ns each."""
    states = (states ^ (states >> np.uint64(30))) * np.uint64(MIX_1)
    states = (states ^ (states >> np.uint64(27))) * np.uint64(MIX_2)
    return states ^ (states >> np.uint64(31))


class Encoded:
    """What a shop's words come to as JSON, made once a process.

    Attributes:
        lines: of each line what follows its id, closing brace included.
        line_cents: what it comes to.
        customers: each name, quoted.
    """

    def __init__(self) -> None:
        texts = [
            _encode(LineItemEventMessage("", product.value, title.value, quantity, float(price.amount)))
            for product, title, quantity, price, _ in lines()
        ]
        self.lines = np.array([text[len(_BEFORE_LINE_ID) :] for text in texts], object)
        self.line_cents = np.array([cents for *_, cents in lines()], np.int64)
        self.customers = np.array([_encode(name) for name in customers()], object)


encoded = cache(Encoded)


@cache
def template(prefix: bytes, count: int) -> bytes:
    """A format for orders of `count` lines: sequence, second, microsecond, customer, then id and line by line, total."""
    items = b",".join(_BEFORE_LINE_ID + b"%%d%03d%%b" % index for index in range(count))
    beginning = b"%b%b%%012d%b%%b.%%06d+00:00" % (BEFORE_ID, prefix, BEFORE_TIME)
    return b'%b","customer_name":%%b,"line_items":[%b],"total_price":%%b}' % (beginning, items)


class FreshOrders:
    """The events of one producer, as `messages.source` makes them for `--events fresh`.

    Args:
        plan: of the producer; `plan.function` must be None.
    """

    def __init__(self, plan: EventPlan) -> None:
        self.plan = plan
        self.prefix = order_id_prefix(plan.run_token, plan.producer)
        self.start = np.uint64((stream_seed(plan.seed, ORDER_STREAM) + GAMMA) & MASK64)
        self.choose_key = key_function(plan.keys, plan.seed)

    def records(self, sequences: Sequence[int], offsets_us: Sequence[int]) -> Iterator[Record]:
        """Key and value of each event, in their order. 2 µs each of 3 lines, 24 by the domain.

        Args:
            sequences: in any order.
            offsets_us: of each since the run's start.
        """
        prefix = self.prefix
        numbers = np.array(sequences, np.int64) * self.plan.producers + self.plan.producer
        keys = list(map(self.choose_key, numbers.tolist(), [b"%b%012d" % (prefix, one) for one in sequences]))
        return zip(
            keys, self._values(numbers, np.array(sequences, np.int64), np.array(offsets_us, np.int64)), strict=True
        )

    def _values(self, numbers: Integers, sequences: Integers, offsets_us: Integers) -> list[bytes]:
        """Orders of one length go through one format together."""
        draws = mixed(self.start + numbers.astype(np.uint64) * np.uint64(GAMMA))
        least, most = self.plan.line_items
        drawn = (draws >> np.uint64(12) & np.uint64(0xFFFFF)).astype(np.int64)
        counts = least + drawn * (most - least + 1) // 0x100000
        instants_us = self.plan.start_epoch_us + offsets_us
        values = [b""] * len(numbers)
        for count in np.unique(counts).tolist():
            at = np.flatnonzero(counts == count)
            made = self._of_one_length(count, draws[at], sequences[at], instants_us[at])
            for place, value in zip(at.tolist(), made, strict=True):
                values[place] = value
        return values

    def _of_one_length(self, count: int, draws: Draws, sequences: Integers, instants_us: Integers) -> list[bytes]:
        words = encoded()
        seconds, microseconds = np.divmod(instants_us, 1_000_000)
        texts = {second: second_text(second) for second in np.unique(seconds).tolist()}
        customer = words.customers[(draws & np.uint64(4095)).astype(np.int64)].tolist()
        line_id = (10**9 + (draws >> np.uint64(32)).astype(np.int64)).tolist()
        chosen = drawn_lines(draws, count)
        columns: list[list[Any]] = [
            sequences.tolist(),
            [texts[second] for second in seconds.tolist()],
            microseconds.tolist(),
            customer,
        ]
        for lines_there in chosen:
            columns += [line_id, words.lines[lines_there].tolist()]
        total_cents = np.sum([words.line_cents[lines_there] for lines_there in chosen], axis=0)
        columns.append([_encode(cents / 100) for cents in total_cents.tolist()])
        return list(map(template(self.prefix, count).__mod__, zip(*columns, strict=True)))


def drawn_lines(draws: Draws, count: int) -> list[Integers]:
    """Which of the 8192 lines each order has, by place in the order: `count` columns."""
    columns: list[Integers] = []
    for place in range(count):
        turn, within = divmod(place, LINES_A_DRAW)
        if not within:
            bits = mixed(draws + np.uint64((turn + 1) * GAMMA & MASK64)) >> np.uint64(12)
        columns.append((bits >> (_LINE_BITS * np.uint64(within)) & _LINE_MASK).astype(np.int64))
    return columns
