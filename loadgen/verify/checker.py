"""The judge of a log: fed with every record once, it says what is missing, twice, out of order, changed or not ours.

Goal: a verdict on hundreds of millions of records in a few bits each, in columns rather than record by record.
Non-goal: reading (consumer/reader.py), outcomes' origin, printing.
Place: `against` feeds it from the cluster; tests feed it lists.

What a record is called:
    foreign      it carries no id of this run, neither in its place nor as its key
    corrupted    it is this run's by its id, its key or its frame, but the id cannot be read, names an event that was
                 never attempted, or (mode full) its bytes are not that event's
    duplicated   its event was read before
    reordered    a higher sequence of its producer came before it in its partition
    lost         its event was acknowledged and no record carries it
"""

import numpy as np
import numpy.typing as npt

from loadgen.consumer.identity import IdentityColumns
from loadgen.consumer.reader import Batch
from loadgen.events.identity import Identity, parse_order_id
from loadgen.messages.pool import BEFORE_ID, ID_OFFSET
from loadgen.recorder.outcomes import Outcomes
from loadgen.report.result import PlanRecord, Verified
from loadgen.verify.remake import Remake, id_is_in_key
from loadgen.verify.rising import Rising
from loadgen.verify.seen import Seen, Settled
from loadgen.verify.verification import EXAMPLES, Example, Kind, Mode

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Checker:
    """Feed it every batch of a topic, each partition in order; then ask for `settled` and `verified`.

    Args:
        plan: of the run.
        mode: "ids" looks at ids alone; "full" makes every event again and compares key and value.
        partitions: highest partition number + 1.

    Raises:
        UsageError: the run's records have no id, or cannot be made again.
    """

    def __init__(self, plan: PlanRecord, mode: Mode, partitions: int) -> None:
        self.plan = plan
        self.columns = IdentityColumns(plan.run_token, in_key=id_is_in_key(plan))
        self.remake = Remake(plan) if mode == "full" else None
        self.seen = Seen(plan.attempted)
        self.claimed: Seen | None = None  # events that a corrupted record stands for: not lost as well
        self.rising = Rising(plan.producers, partitions)
        self.attempted = np.asarray(plan.attempted, np.int64)
        self.read = self.duplicated = self.reordered = self.corrupted = self.foreign = 0
        self.examples: dict[Kind, list[Example]] = {}

    def feed(self, batch: Batch) -> None:
        """Take records into account."""
        self.read += len(batch)
        good, producers, sequences = self.columns.parse(batch.keys if self.columns.in_key else batch.values)
        good &= producers < len(self.attempted)
        good &= sequences < self.attempted[np.where(good, producers, 0)]
        if good.all():
            at = np.arange(len(batch))
        else:
            for index in np.flatnonzero(~good).tolist():
                self._irregular(batch, index)
            at = np.flatnonzero(good)
            producers, sequences = producers[at], sequences[at]
        if self.remake is not None:
            right = self._compared(self.remake, batch, at, producers, sequences)
            at, producers, sequences = at[right], producers[right], sequences[right]
        self._place(batch, at, producers, sequences)

    def claims(self) -> Seen:
        """The events that corrupted records stand for; made when the first is found."""
        if self.claimed is None:
            self.claimed = Seen(self.attempted.tolist())
        return self.claimed

    def settled(self, outcomes: Outcomes) -> Settled:
        """After the last batch: what became of each acknowledged event."""
        return Settled(self.seen, self.claimed, outcomes, examples=EXAMPLES)

    def verified(self, settled: Settled) -> Verified:
        """The counts."""
        return Verified(
            read=self.read,
            lost=settled.lost,
            duplicated=self.duplicated,
            reordered=self.reordered,
            corrupted=self.corrupted,
            foreign=self.foreign,
        )

    def all_examples(self, settled: Settled) -> list[Example]:
        """The first few findings of each kind."""
        lost = [
            Example(kind="lost", producer=producer, sequence=sequence, why="acknowledged, and no record carries its id")
            for producer, sequence in settled.first_lost
        ]
        return lost + [example for kind in self.examples.values() for example in kind]

    def _place(self, batch: Batch, at: Integers, producers: Integers, sequences: Integers) -> None:
        """Note events as read, and whether they are new and in order."""
        repeated = self.seen.mark(self.seen.places(producers, sequences))
        fallen = self.rising.check(producers, batch.partitions[at], sequences) & ~repeated
        self.duplicated += self._found(
            batch, at, producers, sequences, repeated, "duplicated", "its event was read before"
        )
        why = "a higher sequence of its producer stands before it"
        self.reordered += self._found(batch, at, producers, sequences, fallen, "reordered", why)

    def _found(
        self, batch: Batch, at: Integers, producers: Integers, sequences: Integers, flags: Flags, kind: Kind, why: str
    ) -> int:
        """How many records are flagged; the first few become examples."""
        found = np.flatnonzero(flags)
        for index in found[:EXAMPLES].tolist():
            self._example(kind, batch, int(at[index]), why, int(producers[index]), int(sequences[index]))
        return len(found)

    def _compared(self, remake: Remake, batch: Batch, at: Integers, producers: Integers, sequences: Integers) -> Flags:
        """Which records are byte for byte the event they say they are; the others are corrupted."""
        right = np.ones(len(at), np.bool_)
        order = np.lexsort((sequences, producers))
        ends = np.flatnonzero(np.diff(producers[order], append=-1))
        start = 0
        for end in (ends + 1).tolist():
            part = order[start:end]
            start = end
            if not len(part):
                continue
            producer = int(producers[part[0]])
            places = at[part].tolist()
            keys, values = batch.keys, batch.values
            wrong = remake.differing(
                producer,
                sequences[part].tolist(),
                [keys[place] for place in places],
                [values[place] for place in places],
            )
            for position in wrong:
                right[part[position]] = False
                self._differs(batch, places[position], producer, int(sequences[part[position]]))
        return right

    def _irregular(self, batch: Batch, index: int) -> None:
        """A record that is not plainly ours. 2 µs: in a shared topic these may be most."""
        value, key = batch.values[index] or b"", batch.keys[index] or b""
        in_value = None if self.columns.in_key else parse_order_id(value[ID_OFFSET : self.columns.width])
        said = [one for one in (in_value, parse_order_id(key)) if one and one.run_token == self.plan.run_token]
        known = next((one for one in said if self._was_sent(one)), None)
        if known is not None:
            why = (
                "what stands around its id is changed" if known is in_value else "its key names an event, its value not"
            )
            self._corrupted(batch, index, why, known.producer, known.sequence)
        elif said:
            why = f"it names event {said[0].sequence} of producer {said[0].producer}, which was never sent"
            self._corrupted(batch, index, why)
        elif in_value is None and not self.columns.in_key and value.startswith(BEFORE_ID):
            self._corrupted(batch, index, f"its id cannot be read: {value[ID_OFFSET : self.columns.width]!r}")
        else:
            self.foreign += 1
            self._example("foreign", batch, index, "it carries no id of this run")

    def _was_sent(self, identity: Identity) -> bool:
        return identity.producer < len(self.attempted) and identity.sequence < int(self.attempted[identity.producer])

    def _differs(self, batch: Batch, index: int, producer: int, sequence: int) -> None:
        """A record whose bytes are wrong; when only its id is, its key still tells which event it stands for."""
        key = None if self.plan.keys != "order" else parse_order_id(batch.keys[index] or b"")
        if key is not None and key.run_token == self.plan.run_token and self._was_sent(key):
            producer, sequence = key.producer, key.sequence
        self._corrupted(batch, index, "its bytes are not those of the event that its id names", producer, sequence)

    def _corrupted(
        self, batch: Batch, index: int, why: str, producer: int | None = None, sequence: int | None = None
    ) -> None:
        self.corrupted += 1
        if producer is not None and sequence is not None:
            claimed = self.claims()
            claimed.mark(claimed.places(np.array([producer]), np.array([sequence])))
        self._example("corrupted", batch, index, why, producer, sequence)

    def _example(
        self, kind: Kind, batch: Batch, index: int, why: str, producer: int | None = None, sequence: int | None = None
    ) -> None:
        kept = self.examples.setdefault(kind, [])
        if len(kept) < EXAMPLES:
            kept.append(
                Example(
                    kind=kind,
                    partition=int(batch.partitions[index]),
                    offset=int(batch.offsets[index]),
                    producer=producer,
                    sequence=sequence,
                    why=why,
                )
            )
