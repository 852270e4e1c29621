"""What every search reads from its flags: the SLO, the length of its runs, the cap on bytes; all that is wrong said at once."""

from collections.abc import Callable
from typing import Any

from loadgen.errors import UsageError
from loadgen.experiments.byte_budget import default_max_bytes
from loadgen.quantities import parse_bytes, parse_duration_s
from loadgen.slo import Rule, parse_rule

DEFAULT_SLO = ("response.p99<50ms",)


class SearchFlags:
    """Takes flags out of those given, one after the other.

    Args:
        given: flags by name; what is taken here is no longer in it, and the rest goes to every run.

    Attributes:
        problems: what is wrong so far, in the words for the user.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.problems: list[str] = []

    def parsed(self, flag: str, text: str | None, parse: Callable[[str], Any]) -> Any:
        """A value, or None where there is none or it is wrong."""
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            self.problems.append(f"{flag} {error}")
            return None

    def refuse(self, names: tuple[str, ...], why: str) -> None:
        """Flags that a search sets by itself.

        Raises:
            UsageError: one of them was given.
        """
        for name in names:
            if self.given.pop(name, None):
                raise UsageError(f"--{name} is {why}")

    def rules(self) -> list[Rule]:
        """The SLO; without one that could be read, `problems` says so."""
        texts = self.given.pop("slo", None) or DEFAULT_SLO
        found = [self.parsed("--slo", text, parse_rule) for text in texts]
        return [rule for rule in found if rule is not None]

    def duration_s(self, default_s: float) -> float:
        """Of a run's measured phase."""
        found: float | None = self.parsed("-d", self.given.pop("duration", None), parse_duration_s)
        return default_s if found is None else found

    def warmup_s(self, default_s: float) -> float:
        """Of a run; none at all is possible."""
        text = self.given.pop("warmup", None)
        found: float | None = self.parsed("--warmup", text, lambda text: parse_duration_s(text, zero=True))
        return default_s if found is None else found

    def max_bytes(self) -> int:
        """Of payload, all runs together."""
        text = self.given.pop("max_bytes", None)
        found: int | None = self.parsed("--max-bytes", text, parse_bytes)
        return found or default_max_bytes(self.given)

    def check(self, *more: str) -> None:
        """All flags were read.

        Raises:
            UsageError: everything that is wrong with them.
        """
        if problems := [*self.problems, *more]:
            raise UsageError(*problems)
