"""A finding: what was looked at, what was found, and the line that mends it."""

from collections.abc import Sequence
from typing import Literal

import msgspec

Level = Literal["good", "warn", "bad", "unknown"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        level: "bad" stops a run, "warn" may spoil its figures, "unknown" could not be looked at.
        subject: one word.
        remedies: lines to run or to set, any of which mends it.
    """

    level: Level
    subject: str
    message: str
    remedies: Sequence[str] = ()


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of one look.

    Attributes:
        cluster: host:port,… that was asked; None: only this host was looked at.
    """

    schema: str = "loadgen.doctor/1"
    cluster: str | None
    findings: Sequence[Finding]

    @property
    def exit_code(self) -> int:
        """0 nothing stops a run; 3 it is not reached or not allowed."""
        return 3 if any(finding.level == "bad" for finding in self.findings) else 0
