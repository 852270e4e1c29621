"""Rounds in turn: every contestant once short and once long, in an order that moves on by one each round."""

from collections.abc import Callable, Iterator, Sequence
from statistics import median

import msgspec

from bench.peers.contestants import Contestant, Leg
from bench.peers.process import Spent

SHORT_SHARE = 0.25  # of the long run's messages
PACE = 0.7  # of the flat-out rate, for a contestant that keeps to a plan
TIMEOUT_S = 300.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One run; `error` in place of figures when it did not send what it was asked to."""

    round: int
    contestant: str
    messages: int
    wall_s: float
    cpu_s: float
    error: str | None = None


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A contestant's short and long run of one round, as marginal figures."""

    round: int
    contestant: str
    cpu_us_per_message: float
    messages_per_s: float


RunLeg = Callable[[Sequence[str]], Spent]
"""A command → what it took."""

NextTopic = Callable[[], str]
"""Makes a topic, removes the one before, and gives its name."""


def marginal(short: Row, long: Row) -> Pair:
    """(long − short) ÷ the difference in messages: what starting, connecting and reporting took is in both."""
    messages = long.messages - short.messages
    return Pair(
        round=long.round,
        contestant=long.contestant,
        cpu_us_per_message=(long.cpu_s - short.cpu_s) / messages * 1e6,
        messages_per_s=messages / (long.wall_s - short.wall_s) if long.wall_s > short.wall_s else float("nan"),
    )


def race(
    contestants: Sequence[Contestant],
    rounds: int,
    messages: int,
    bootstrap: str,
    next_topic: NextTopic,
    run: RunLeg,
) -> Iterator[Row]:
    """Every run of every round, as it ends.

    Args:
        messages: of a long run of a contestant that sends its whole share.
    """
    rates: dict[str, list[float]] = {}
    for number in range(rounds):
        for contestant in in_turn(contestants, number):
            rows: list[Row] = []
            pace = rates.get(contestant.paced_by or "")
            for share in (SHORT_SHARE, 1.0):
                count = round(messages * contestant.share * share)
                if contestant.paced_by and not pace:
                    row = _failed(number, contestant, count, f"{contestant.paced_by} gave no rate to keep to")
                else:
                    leg = Leg(bootstrap, next_topic(), count, PACE * median(pace) if pace else None)
                    row = _row(number, contestant, leg, run(contestant.command(leg)))
                rows.append(row)
                yield row
            if not any(row.error for row in rows):
                rates.setdefault(contestant.name, []).append(marginal(*rows).messages_per_s)


def in_turn(contestants: Sequence[Contestant], number: int) -> list[Contestant]:
    """This round's order: moved on by one a round, those that keep to somebody's rate after everybody else."""
    start = number % max(len(contestants), 1)
    moved = [*contestants[start:], *contestants[:start]]
    return sorted(moved, key=lambda contestant: contestant.paced_by is not None)


def pairs(rows: Sequence[Row]) -> list[Pair]:
    """Of every round in which both runs of a contestant went well."""
    found: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.round, row.contestant), []).append(row)
    complete = [both for both in found.values() if len(both) == 2 and not any(row.error for row in both)]
    return [marginal(*sorted(both, key=lambda row: row.messages)) for both in complete]


def _row(number: int, contestant: Contestant, leg: Leg, spent: Spent) -> Row:
    sent = contestant.sent(spent.output)
    if spent.code:
        return _failed(number, contestant, leg.messages, f"ended with code {spent.code}: {spent.last_words}", spent)
    if sent != leg.messages:
        why = f"{sent} of {leg.messages} messages were acknowledged"
        return _failed(number, contestant, leg.messages, why, spent)
    return Row(round=number, contestant=contestant.name, messages=leg.messages, wall_s=spent.wall_s, cpu_s=spent.cpu_s)


def _failed(number: int, contestant: Contestant, messages: int, why: str, spent: Spent | None = None) -> Row:
    wall_s, cpu_s = (spent.wall_s, spent.cpu_s) if spent else (0.0, 0.0)
    return Row(round=number, contestant=contestant.name, messages=messages, wall_s=wall_s, cpu_s=cpu_s, error=why)
