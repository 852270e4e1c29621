"""What reading everything back found, as verify.json tells it. Nothing is judged here but `ok`."""

from typing import Literal

import msgspec

from loadgen.report.result import Verified

SCHEMA = "loadgen.verification/1"
EXAMPLES = 5  # of each finding; the counts are whole

Mode = Literal["ids", "full"]
Kind = Literal["lost", "duplicated", "reordered", "corrupted", "foreign"]


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One finding, so that it can be looked up.

    Attributes:
        partition, offset: where it was read; None for what was not.
        producer, sequence: which event it is, when that is known.
        why: a few words.
    """

    kind: Kind
    partition: int | None = None
    offset: int | None = None
    producer: int | None = None
    sequence: int | None = None
    why: str

    def text(self) -> str:
        """One line for people."""
        place = "" if self.partition is None else f" partition {self.partition} offset {self.offset}"
        event = "" if self.producer is None else f" producer {self.producer} sequence {self.sequence}"
        return f"{self.kind}{place}{event}: {self.why}"


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """A read-back, whole.

    Attributes:
        verified: the counts that result.json keeps. `lost` were acknowledged and never read; a duplicate is not counted
            as reordered too; a record whose bytes are wrong but whose event is known is corrupted, not lost as well.
        acked: records whose acknowledgement was noted, all phases.
        unknown_found, failed_found, rejected_found: read although the run could not tell, was told that they failed, or
            was refused them. The first settles an unknown; the others say that a client's error was no proof.
        offsets_without_record: offsets of the range that hold no record: transaction markers, compacted records.
        notes: what limits the answer, in words.
    """

    schema: str = SCHEMA
    run_id: str
    topic: str
    mode: Mode
    ok: bool
    verified: Verified
    acked: int
    unknown_found: int
    failed_found: int
    rejected_found: int
    offsets_without_record: int
    processes: int
    elapsed_s: float
    read_per_s: float
    notes: list[str]
    examples: list[Example]


def is_ok(verified: Verified) -> bool:
    """Whether the data is right. Foreign records are told, not held against it: a topic may be shared."""
    return not (verified.lost or verified.duplicated or verified.reordered or verified.corrupted)
