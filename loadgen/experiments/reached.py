"""What a run reached without a rate, or at a bound: the rate that an experiment plans its next runs by."""

import msgspec

from loadgen.experiments.run_door import RunOutcome
from loadgen.slo import value_at


class Reached(msgspec.Struct, frozen=True):
    """A rate and the size of what it was made of.

    Attributes:
        bytes_per_record: mean payload.
        of_measured: from the measured phase's own records, so that its other figures are there too.
    """

    acked_per_s: float
    bytes_per_record: float
    of_measured: bool


def reached_by(outcome: RunOutcome) -> Reached | None:
    """What a run got acknowledged a second; None: nothing.

    A slow cluster spends a short run on what the client had queued in the warm-up: then no measured record is answered, and
    the rows, which count every acknowledgement in their second, say what it takes.
    """
    acked, rate = value_at(outcome.result, "messages.acked"), value_at(outcome.result, "throughput.acked_per_s")
    if acked and rate:
        return Reached(rate, (value_at(outcome.result, "bytes.payload") or 0.0) / acked, of_measured=True)
    rows = [row for row in outcome.intervals if row.get("phase") == "measured" and row.get("acked")]
    answered = sum(float(row["acked"]) for row in rows)
    if not answered:
        return None
    sent = sum(float(row["payload_mib_per_s"]) * float(row["length_s"]) * (1 << 20) for row in rows)
    return Reached(answered / sum(float(row["length_s"]) for row in rows), sent / answered, of_measured=False)
