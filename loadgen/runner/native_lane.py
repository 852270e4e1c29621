"""A lane whose records are built and sent in C: pooled and stamped events, raw records, a payload file's records.

Flat out Python decides once a batch, by a plan once in 20 ms: the loop over records, and the waits between events, run in C
without the GIL. One client for sending and timing.
"""

from array import array
from collections.abc import Callable
from typing import Any

from loadgen import native
from loadgen.arrivals.plan import Schedule, Uniform
from loadgen.events.keys import alias_table, key_stream_start, parse_key_law
from loadgen.messages.event_plan import EventPlan
from loadgen.messages.source import EventSource
from loadgen.producer.errors import ClientFatal
from loadgen.producer.transport import Transport
from loadgen.runner.hot_loop import Sent, SentDue

POLL_EVERY = 64  # rounds: only errors, throttling and failed records' reports come up in Python
# A ramp's or Poisson's due times are made in Python just before they are needed; what their making takes is lateness.
LOOK_AHEAD_NS = 2_000_000


class NativeLane:
    """One producer, sent to from C.

    Args:
        client: a `native.Client` of mode "native", bound to the transport's producer.
        transport: the same producer, for what only polling tells.
        topic: where to.
        source: what to send; its pool goes to C.
        schedule: when events are due; None flat out.
    """

    poll_gap_ns_max = 0  # nothing is timed in a poll

    def __init__(
        self, client: Any, transport: Transport, topic: str, source: EventSource, schedule: Schedule | None
    ) -> None:
        self.client, self.transport = client, transport
        self.accepted = 0
        self._fatal_error = native.load().FatalError
        self._rounds = 0
        client.set_topic(topic)
        give_records(client, source)
        pieces = linear_pieces(schedule)
        self._in_python = None if pieces else schedule  # gives the due times that C cannot compute
        if pieces:
            client.set_schedule(pieces)

    def send(self, first_sequence: int, count: int) -> Sent:
        """Hand over a batch; what the queue does not take stays.

        Raises:
            ClientFatal: librdkafka gave up for good; nothing of the batch was taken.
        """
        offsets_ns = None
        if self._in_python is not None:
            offsets_ns = array("q", self._in_python.offsets_ns(first_sequence, count))
        accepted, rejected = self._in_c(self.client.send, first_sequence, count, offsets_ns)
        self.accepted += accepted
        return Sent(accepted, rejected)

    def send_due(self, first_sequence: int, count: int, until_ns: int, shortest_wait_ns: int) -> SentDue:
        """Send events as they fall due, until an offset from the start; the waiting is done in C.

        Raises:
            ClientFatal: as `send`.
        """
        offsets_ns = None
        if self._in_python is not None:
            until_ns = min(until_ns, self._in_python.intended_ns(first_sequence) + LOOK_AHEAD_NS)
            count = min(count, max(self._in_python.due(until_ns) - first_sequence, 1))
            offsets_ns = array("q", self._in_python.offsets_ns(first_sequence, count))
        accepted, rejected, full = self._in_c(
            self.client.send_due, first_sequence, count, until_ns, shortest_wait_ns, offsets_ns
        )
        self.accepted += accepted
        self._rounds = 0  # a round as long as POLL_EVERY short ones
        return SentDue(accepted, rejected, full)

    def _in_c(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except self._fatal_error as error:
            code, text = error.args
            raise ClientFatal(f"the Kafka client stopped for good: {text}", code=code) from None

    def poll(self) -> None:
        """Serve errors and failed reports, which hold queue slots until then; 1 µs, every 64th round."""
        if self._rounds % POLL_EVERY == 0:
            self.transport.poll(0.0)
        self._rounds += 1


def linear_pieces(schedule: Schedule | None) -> list[tuple[int, int, int, int]]:
    """A schedule of constant pieces as C takes it; empty where a ramp or Poisson needs the due times themselves."""
    if not isinstance(schedule, Uniform):
        return []
    pieces = schedule.linear_pieces()
    return [(piece.first, piece.numerator, piece.step, piece.denominator) for piece in pieces] if pieces else []


def give_records(client: Any, source: EventSource) -> None:
    """Hand a source's pool and keys to C."""
    plan, pool = source.plan, source.pool
    if pool is None:
        raise ValueError(f"{plan.kind} events are made one by one: they cannot be sent from C")
    stamped = plan.kind == "stamped"
    client.set_records(
        pool.blob,
        pool.offsets,
        pool.lengths,
        plan.run_token,
        plan.producer,
        plan.producers,
        stamped=stamped,
        id_offset=-1 if pool.id_offset is None else pool.id_offset,
        time_offset=-1 if pool.time_offset is None else pool.time_offset,
        start_epoch_us=plan.start_epoch_us if stamped else 0,
    )
    give_keys(client, plan)


def give_keys(client: Any, plan: EventPlan) -> None:
    """The key law in C's terms, byte for byte what `events.keys` makes."""
    law, start = parse_key_law(plan.keys), key_stream_start(plan.seed)
    if law.form == "uniform":
        client.set_keys("uniform", start=start, keys=law.keys)
    elif law.form == "zipf":
        stay, other = alias_table([rank**-law.exponent for rank in range(1, law.keys + 1)])
        client.set_keys("zipf", start=start, keys=law.keys, stay=stay, other=other)
    elif law.form == "hot":
        client.set_keys("hot", start=start, threshold=round(law.share * 2**64))
    else:
        client.set_keys(law.form)
