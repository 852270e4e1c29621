"""Payload that all runs of an experiment send together: how much that may be, and how much it was."""

from collections.abc import Mapping
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.experiments.run_door import Request, RunDoor, RunOutcome
from loadgen.report.wording import size
from loadgen.slo import value_at

GIB = 1 << 30
ELSEWHERE_BYTES = 50 * GIB  # as for one run
# A broker started for an experiment holds one run's topic at a time and goes with it: nothing piles up there, and a
# default gate on a fast host sends a hundred GiB.
OUR_OWN_BYTES = 500 * GIB


def default_max_bytes(flags: Mapping[str, Any]) -> int:
    """Of all runs with these flags together, where the user named no bound: by whose broker it is."""
    return OUR_OWN_BYTES if flags.get("start") else ELSEWHERE_BYTES


class ByteBudget:
    """Payload that all runs of an experiment may send together; the door of each is passed through `cap`.

    Attributes:
        sent: bytes so far, warm-up included.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.sent = max_bytes, 0.0

    def cap(self, door: RunDoor) -> RunDoor:
        """A door whose runs may send what is left; raises UsageError when a run came to its end, or none is left."""

        def capped(request: Request) -> RunOutcome:
            told = f"--max-bytes {size(self.max_bytes)} of payload for all runs together: {size(self.sent)} are sent"
            left = int(self.max_bytes - self.sent)
            if left <= 0:
                raise UsageError(f"{told}; raise it if it is meant")
            outcome = door(msgspec.structs.replace(request, flags={**request.flags, "max_bytes": str(left)}))
            self.sent += sent_bytes(outcome.result)
            if cut_by_cap(outcome.result):
                raise UsageError(
                    f"{told} before the run in {outcome.folder}, which the cap cut; raise it if it is meant"
                )
            return outcome

        return capped


def cut_by_cap(result: dict[str, Any]) -> bool:
    """Whether --max-bytes ended a run before its plan did."""
    return any(doubt.get("code") == "max_bytes" for doubt in result.get("verdict", {}).get("doubts", []))


def sent_bytes(result: dict[str, Any]) -> float:
    """Payload that a run handed over, warm-up included: its attempted records at the mean size of the acknowledged ones."""
    acked, payload, attempted, warmup = (
        value_at(result, path) or 0.0
        for path in ("messages.acked", "bytes.payload", "messages.attempted", "messages.warmup.attempted")
    )
    return (attempted + warmup) * payload / acked if acked else 0.0
