"""The judge of a single run: doubts, the verdict, the headline, the exit code. Pure: from the run's own numbers.

A doubt is a value with a remedy. Some make the run invalid (exit 5): its numbers do not say what was asked. The order
of exit codes is the contract's: 1 2 130 143 3 4 5 99 98 6, the first that applies.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from loadgen.recorder.histogram import Distribution
from loadgen.report.limit import KEPT_RATIO
from loadgen.report.result import Doubt, LimitedBy, Messages, RuleOutcome, Steady
from loadgen.slo import Rule, parse_rule, value_at

EXIT_ORDER = (1, 2, 130, 143, 3, 4, 5, 99, 98, 6, 0)
DRIFT_PCT = 10.0
STALL_US = 50_000
IMPLIED_RULES = ("messages.failed_ratio<0.0001",)
IMPLIED_WITH_RATE = ("throughput.achieved_ratio>=0.99",)


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the judgement rests on.

    Attributes:
        signal: 2 or 15 when the run was interrupted, else None.
        lost_workers: those that ended before they were done, as (index, exit).
        unsent: events that were due by the plan and never handed over.
        consumed_all: every consumer group read what was acknowledged; None without groups.
        bracket: (acked, growth of the log, acked + unknown), which must not fall; None when it could not be asked.
        unreachable: why the cluster was given up, or None.
        tls_verified: None where there was no TLS.
        ended: why the run was stopped before its plan's end, or None; invalid: a guard did it.
        circuit: that nothing was sent for a while because the cluster failed, or None.
    """

    kind: str
    loop: str
    warmup_s: float
    measured_s: float
    offered_per_s: float | None
    achieved_ratio: float | None
    messages: Messages
    warmup_messages: Messages
    worker_messages: Sequence[Messages]
    lost_workers: Sequence[tuple[int, int | None]]
    limited_by: LimitedBy
    limit_reason: str
    lateness: Distribution | None
    response: Distribution | None
    steady: Steady
    brokers: int
    replication_factor: int | None
    instrument: str
    instrument_note: str | None
    acks: str
    callback_errors: int
    fatal: str | None
    negative: int
    overflow: int
    consumed_all: bool | None
    unsent: int
    client_stall_us: int
    host_stall_us: int
    bracket: tuple[int, int, int] | None
    signal: int | None
    unreachable: str | None
    ended: Doubt | None = None
    circuit: Doubt | None = None
    tls_verified: bool | None = None


def doubts(facts: RunFacts) -> list[Doubt]:
    """Every reason not to take the numbers at their face, the worst first."""
    found = [
        *filter(None, [facts.ended, facts.circuit]),
        *_invalidating(facts),
        *_about_the_ground(facts),
        *_about_the_numbers(facts),
    ]
    return sorted(found, key=lambda doubt: not doubt.invalid)


def _invalidating(f: RunFacts) -> list[Doubt]:
    found: list[Doubt] = []

    def invalid(code: str, message: str, remedy: str) -> None:
        found.append(Doubt(code, message, remedy, invalid=True))

    for index, code in f.lost_workers:
        how = "was killed" if code is None or code < 0 else f"ended with exit {code}"
        invalid("worker_lost", f"worker {index} {how} before the end", "repeat; what it had counted is in the ledger")
    ledgers = [f.messages, f.warmup_messages, *f.worker_messages]
    if any(ledger.open for ledger in ledgers) and not f.lost_workers:
        worst = max(abs(ledger.open) for ledger in ledgers)
        invalid("ledger_open", f"{worst:,} records have no outcome", "report it: a bug of loadgen or its client")
    if f.callback_errors:
        invalid("callback_errors", f"{f.callback_errors:,} errors inside our own callbacks", "report it with log.jsonl")
    if f.fatal:
        invalid("fatal_error", f"the client gave up: {f.fatal}", "look at the broker's log; repeat")
    if f.bracket is not None and not f.bracket[0] <= f.bracket[1] <= f.bracket[2]:
        low, delta, high = f.bracket
        invalid(
            "log_disagrees",
            f"the log grew by {delta:,}; {low:,} to {high:,} were expected",
            "does somebody else write to this topic? else: loadgen run … --verify",
        )
    if (
        f.offered_per_s
        and f.achieved_ratio is not None
        and f.achieved_ratio < KEPT_RATIO
        and f.limited_by == "generator"
    ):
        invalid(
            "rate_missed_by_generator",
            f"{f.achieved_ratio:.1%} of the rate was offered and acknowledged; {f.limit_reason}",
            "a lower -r, more --workers, or more hosts; loadgen ceiling says what this host can send",
        )
    if not f.messages.attempted:
        invalid("nothing_measured", "no record was sent in the measured phase", "a longer -d or a higher -r")
    return found


def _about_the_ground(f: RunFacts) -> list[Doubt]:
    found: list[Doubt] = []
    if f.kind == "mock":
        found.append(
            Doubt(
                "mock_broker",
                "no Kafka was involved: this is what this machine's client can send",
                "--start kafka or -b",
            )
        )
    if f.brokers > 1 and f.replication_factor == 1:
        found.append(
            Doubt(
                "replication_1",
                f"{f.brokers} brokers, but the topic has one replica: acks=all waits for nobody",
                "--replication-factor 3",
            )
        )
    if f.acks == "0":
        found.append(
            Doubt(
                "acks_0", "acks=0: a report says that the socket took the record, so no latency is given", "-X acks=all"
            )
        )
    if f.tls_verified is False:
        found.append(
            Doubt(
                "tls_not_verified",
                "TLS without verification: whoever answered was taken for the broker",
                "ssl.ca.location, and no --allow-unsafe",
            )
        )
    if f.instrument_note:
        found.append(Doubt("instrument", f.instrument_note, "--instrument c needs the compiled extension"))
    return found


def _about_the_numbers(f: RunFacts) -> list[Doubt]:
    found: list[Doubt] = []
    if f.measured_s < f.warmup_s:
        found.append(
            Doubt("short_run", f"measured {f.measured_s:.1f} s after {f.warmup_s:g} s of warm-up", "a longer -d")
        )
    if (
        f.offered_per_s
        and f.achieved_ratio is not None
        and f.achieved_ratio < KEPT_RATIO
        and f.limited_by != "generator"
    ):
        found.append(
            Doubt("rate_missed", f"{f.achieved_ratio:.1%} of the rate was acknowledged: {f.limit_reason}", "a lower -r")
        )
    if f.unsent:
        found.append(
            Doubt("plan_unfinished", f"{f.unsent:,} events were due and never sent", "a lower -r or a longer -d")
        )
    if f.steady.drift_pct is not None and abs(f.steady.drift_pct) > DRIFT_PCT:
        found.append(
            Doubt(
                "drift",
                f"the rate drifted by {f.steady.drift_pct:+.0f} % from first to last third",
                "a longer --warmup and -d",
            )
        )
    if f.host_stall_us > STALL_US:
        found.append(
            Doubt("host_stall", f"this host stood still for {f.host_stall_us / 1000:.0f} ms", "a quieter host; repeat")
        )
    if f.client_stall_us > STALL_US and f.loop == "open":
        found.append(
            Doubt(
                "client_stall",
                f"a worker stood still for {f.client_stall_us / 1000:.0f} ms",
                "fewer workers or a quieter host",
            )
        )
    if f.negative:
        found.append(Doubt("negative_times", f"{f.negative:,} differences below zero, counted as 0", "report it"))
    if f.overflow:
        found.append(Doubt("overflow", f"{f.overflow:,} values above 71 minutes are in no percentile", "a shorter run"))
    if f.consumed_all is False:
        found.append(
            Doubt(
                "not_all_consumed",
                "a consumer group had not read all that was acknowledged: end to end misses the slowest records",
                "a longer --drain, or a lower -r",
            )
        )
    if f.messages.unknown:
        found.append(
            Doubt(
                "unknown_outcomes",
                f"{f.messages.unknown:,} records may or may not be in the log",
                "loadgen verify, or a longer --drain",
            )
        )
    return found


def outcomes(rules: Sequence[Rule], result: Mapping[str, Any], *, with_rate: bool) -> list[RuleOutcome]:
    """Every asked rule and the implied ones, with what was measured; a null value keeps no rule.

    Args:
        result: result.json as plain data.
    """
    asked = {rule.metric for rule in rules}
    implied = [parse_rule(text) for text in (*IMPLIED_RULES, *(IMPLIED_WITH_RATE if with_rate else ()))]
    told: list[RuleOutcome] = []
    for rule in [*rules, *(rule for rule in implied if rule.metric not in asked)]:
        value = value_at(result, rule.metric)
        told.append(RuleOutcome(rule.text, value, None if value is None else rule.holds(value)))
    return told


def exit_code(facts: RunFacts, found: Sequence[Doubt], slo: Sequence[RuleOutcome], *, data_wrong: bool = False) -> int:
    """The first that applies, in the contract's order."""
    codes = {0}
    if facts.signal is not None:
        codes.add(128 + facts.signal)
    if facts.ended is not None and facts.ended.invalid:
        codes.add(2)
    if facts.unreachable is not None:
        codes.add(3)
    if data_wrong:
        codes.add(4)
    if any(doubt.invalid for doubt in found):
        codes.add(5)
    if any(outcome.ok is not True for outcome in slo):
        codes.add(99)
    return next(code for code in EXIT_ORDER if code in codes)


def headline(facts: RunFacts, acked_per_s: float, slo: Sequence[RuleOutcome], *, valid: bool) -> str:
    """One line: the worst news, else the number."""
    if facts.ended is not None and facts.ended.invalid:
        return f"REFUSED  {facts.ended.message}"
    if facts.unreachable is not None:
        return f"GIVEN UP  {facts.unreachable}"
    if facts.signal is not None:
        return f"INTERRUPTED  {acked_per_s:,.0f} msg/s until then"
    if not valid:
        return "NOT VALID  the run's own numbers say that they cannot be used"
    for outcome in slo:
        if outcome.ok is not True:
            return f"{'SLO MISSED' if outcome.rule not in (*IMPLIED_RULES, *IMPLIED_WITH_RATE) else 'MISSED'}  {outcome.rule}"
    if facts.loop == "open":
        return f"{acked_per_s:,.0f} msg/s as asked"
    if facts.limited_by in {"generator", "unknown"}:
        return f"at least {acked_per_s:,.0f} msg/s; this host was the limit"
    return f"{acked_per_s:,.0f} msg/s; the limit was {facts.limited_by.replace('_', ' ')}"
