"""A run in memory: a plan, the records it sends by partition, and what a reader would hand over of them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from loadgen.consumer.reader import Batch
from loadgen.recorder.outcomes import Outcomes
from loadgen.report.result import PlanRecord, Result
from loadgen.verify.checker import Checker
from loadgen.verify.remake import Remake
from loadgen.verify.verification import Example
from tests.report.samples import orders_run


class Row(NamedTuple):
    """A record in a log."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


def plan(*attempted: int, **changes: object) -> PlanRecord:
    """A flat-out run of stamped orders that attempted so many, by producer."""
    values = {
        "loop": "closed",
        "phases": [],
        "producers": len(attempted),
        "workers": 1,
        "attempted": list(attempted),
        "first_measured": [0] * len(attempted),
        "pool_size": 16,
        "partitions": 3,
    }
    return msgspec.structs.replace(orders_run().plan, **{**values, **changes})


def result(of: PlanRecord, **changes: object) -> Result:
    """The result of a run in which everything was acknowledged in the measured phase."""
    whole = orders_run()
    total = sum(of.attempted)
    ledger = {"attempted": total, "acked": total, "rejected": 0, "failed": 0, "unknown": 0, "open": 0}
    messages = msgspec.structs.replace(
        whole.messages,
        **ledger,
        warmup=msgspec.structs.replace(whole.messages.warmup, **dict.fromkeys(ledger, 0)),
    )
    return msgspec.structs.replace(whole, plan=of, messages=messages, **changes)


def log_of(of: PlanRecord) -> list[list[Row]]:
    """What each partition holds after a faultless run: producers interleaved, each in order, spread by sequence."""
    remake = Remake(of)
    partitions: list[list[Row]] = [[] for _ in range(of.partitions)]
    for sequence in range(max(of.attempted)):
        for producer, attempted in enumerate(of.attempted):
            if sequence < attempted:
                record, due = remake.source(producer)
                key, value = record(sequence, sequence if due is None else due.intended_ns(sequence) // 1000)
                into = partitions[(sequence * 7 + producer) % of.partitions]
                into.append(Row(len(into), len(into), key, value))
    return [
        [Row(partition, offset, row.key, row.value) for offset, row in enumerate(rows)]
        for partition, rows in enumerate(partitions)
    ]


def renumbered(rows: Sequence[Row]) -> list[Row]:
    """Rows with offsets as a log gives them: by place."""
    return [row._replace(offset=offset) for offset, row in enumerate(rows)]


def batches(log: Sequence[Sequence[Row]], size: int) -> Iterator[Batch]:
    """The log as a reader hands it over: runs of each partition in turn, `size` records a batch."""
    pending = [list(rows) for rows in log]
    while any(pending):
        together: list[Row] = []
        for rows in pending:
            together += rows[: size // len(pending) + 1]
            del rows[: size // len(pending) + 1]
        yield Batch(
            np.array([row.partition for row in together], np.int64),
            np.array([row.offset for row in together], np.int64),
            [row.key for row in together],
            [row.value for row in together],
        )


def check(
    of: PlanRecord, log: Sequence[Sequence[Row]], mode: str = "ids", *, size: int = 50, outcomes: Outcomes | None = None
):
    """(what was found by name without `read`, examples): only what is not zero."""
    checker = Checker(of, mode, len(log))
    for batch in batches(log, size):
        checker.feed(batch)
    settled = checker.settled(outcomes or Outcomes.all_acked(of.attempted))
    found = msgspec.structs.asdict(checker.verified(settled))
    assert found.pop("read") == sum(map(len, log))
    examples: list[Example] = checker.all_examples(settled)
    return {name: count for name, count in found.items() if count}, examples
