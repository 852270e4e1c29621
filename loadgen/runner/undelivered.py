"""dead-letters.jsonl of a run: every record that was not acknowledged, whole, with its cause, made again from the plan.

The rings hold sequence and code; key and value come from the same `EventSource` that made them. `loadgen dead-letters`
lists and replays the file. At most 4,096 a producer are kept; how many more there were is in the ledger.
"""

from datetime import UTC, datetime

import msgspec

from loadgen.messages.source import EventSource
from loadgen.producer.dead_letter import DeadLetter
from loadgen.producer.errors import meaning_of, outcome_of
from loadgen.recorder.ring import Ring
from loadgen.runner.plan import RunPlan
from loadgen.runner.team import Member

FILE = "dead-letters.jsonl"


def dead_letters(plan: RunPlan, members: list[Member]) -> bytes:
    """The file's bytes; empty when everything was acknowledged."""
    lines: list[bytes] = []
    for member in members:
        for slot in range(member.producers):
            held = Ring(member.slab, slot).read()
            if held:
                lines += _letters(plan, member.first_producer + slot, held)
    return b"".join(line + b"\n" for line in lines)


def _letters(plan: RunPlan, producer: int, held: list[tuple[int, int]]) -> list[bytes]:
    events = msgspec.structs.replace(plan.events, producer=producer, producers=plan.producers)
    source, schedule = EventSource(events), plan.schedule_of(producer)
    now = datetime.now(UTC)
    letters = []
    for sequence, code in held:
        offset_us = plan.offset_us_of(schedule, sequence)
        key, value = source.record(sequence, offset_us)
        letter = DeadLetter(
            topic=plan.topic,
            key=key,
            value=value,
            headers=[(name, text.encode()) for name, text in plan.headers],
            code=meaning_of(code).name,
            cause=f"sequence {sequence} of producer {producer}",
            outcome=outcome_of(code),
            tries=1,
            first_at=datetime.fromtimestamp((events.start_epoch_us + offset_us) / 1e6, UTC),
            last_at=now,
        )
        letters.append(msgspec.json.encode(letter))
    return letters
