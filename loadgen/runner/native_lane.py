"""A lane whose records are built and sent in C: pooled and stamped events, raw records, a payload file's records.

Python decides once a batch; the loop over records runs without the GIL. One client for sending and timing.
"""

from array import array
from typing import Any

from loadgen import native
from loadgen.arrivals.plan import Schedule, Uniform
from loadgen.events.keys import alias_table, key_stream_start, parse_key_law
from loadgen.messages.event_plan import EventPlan
from loadgen.messages.source import EventSource
from loadgen.producer.errors import ClientFatal
from loadgen.producer.transport import Transport
from loadgen.runner.hot_loop import Sent

POLL_EVERY = 64  # rounds: only errors, throttling and failed records' reports come up in Python


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
        self.client, self.transport, self.schedule = client, transport, schedule
        self.accepted = 0
        self._fatal_error = native.load().FatalError
        self._rounds = 0
        client.set_topic(topic)
        give_records(client, source)
        pieces = linear_pieces(schedule)
        self._offsets_of = None if schedule is None or pieces else schedule.intended_ns
        if pieces:
            client.set_schedule(pieces)

    def send(self, first_sequence: int, count: int) -> Sent:
        """Hand over a batch; what the queue does not take stays.

        Raises:
            ClientFatal: librdkafka gave up for good; nothing of the batch was taken.
        """
        offsets_ns = None
        if self._offsets_of is not None:
            # a ramp or Poisson arrivals: the due times of this batch, 0.4 to 1.1 µs a record
            offsets_ns = array("q", map(self._offsets_of, range(first_sequence, first_sequence + count)))
        try:
            accepted, rejected = self.client.send(first_sequence, count, offsets_ns)
        except self._fatal_error as error:
            code, text = error.args
            raise ClientFatal(f"the Kafka client stopped for good: {text}", code=code) from None
        self.accepted += accepted
        return Sent(accepted, rejected)

    def poll(self) -> None:
        """Serve errors and failed reports, which hold queue slots until then; 1 µs, every 64th round."""
        self._rounds += 1
        if self._rounds % POLL_EVERY == 0:
            self.transport.poll(0.0)


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
