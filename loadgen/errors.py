"""What can end a command early, each with its exit code (contract: README, "Exit codes").

An error's text is one line that says what happened, which value, where it came from and what to do next.
Only `cli/` prints it and exits.
"""

from collections.abc import Sequence


class LoadgenError(Exception):
    """Base of everything this program raises on purpose."""

    exit_code = 1


class UsageError(LoadgenError):
    """Not started: a flag, file or property is wrong. Holds every problem found, not only the first.

    Args:
        problems: one line each: key, value, bound, where it came from, what to do.
    """

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: Sequence[str] = problems


class Refused(UsageError):
    """Not started: a guard said no. The line begins `refused:` and ends with the flag that allows it."""

    def __init__(self, reason: str, allow_with: str) -> None:
        super().__init__(f"refused: {reason}; to allow it: {allow_with}")


class Unreachable(LoadgenError):
    """No answer from the cluster, or it said no: connection, authentication, authorisation."""

    exit_code = 3


class DataWrong(LoadgenError):
    """Records were lost, duplicated, reordered or changed."""

    exit_code = 4


class NotValid(LoadgenError):
    """The measurement cannot stand: its own numbers say so, or its inputs cannot be compared."""

    exit_code = 5
