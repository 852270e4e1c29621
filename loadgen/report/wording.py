"""Numbers and foreign words as people read them: units said, digits that mean something, nothing a terminal would obey.

Shared by the terminal summary, the markdown, the page and the pictures, so that one value reads alike everywhere.
"""

import unicodedata

from loadgen.report.result import Doubt, Result, RuleOutcome
from loadgen.slo import Rule, parse_rule

MOCK_LINE = "MOCK  no Kafka was involved: this is what this machine's client can send"
ABSENT = "–"
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str) -> str:
    """Text from outside (a topic, a label, a broker's version) with control and formatting characters spelled out.

    A terminal would obey an escape sequence, a log viewer a bidirectional override: both become `\\x1b`, `\\u202e`.
    """
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _UNSAFE_CATEGORIES
        else character
        for character in text
    )


def milliseconds(value_us: float | None) -> str:
    """µs as ms without the unit: `0.004`, `0.42`, `41.3`, `331`, `1,204`; a dash when there is none."""
    if value_us is None:
        return ABSENT
    value_ms = value_us / 1000
    if 0 < value_ms < 0.01:
        return f"{value_ms:.3f}"
    if 0 < value_ms < 0.995:
        return f"{value_ms:.2f}"
    return f"{value_ms:.1f}" if value_ms < 99.95 else f"{value_ms:,.0f}"


def seconds(value_s: float) -> str:
    """`60 s`, `9.98 s`, `3,600 s`: three digits, all of them from a thousand on."""
    return f"{value_s:.3g} s" if value_s < 999.5 else f"{value_s:,.0f} s"


def per_second(value: float) -> str:
    """`200,000`; below ten with a digit behind the point: `0.5`."""
    return f"{value:,.0f}" if value >= 9.95 or value == 0 else f"{value:.2g}"


def short_rate(value: float) -> str:
    """`618 k/s`, `1.2 M/s`, `950 /s`: for a remark, three digits."""
    for factor, unit in ((1e6, "M/s"), (1e3, "k/s")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.3g} /s"


def mebibytes(value: float | None) -> str:
    """MiB or MiB/s without the unit: `97.7`, `0.049`, `1,204`."""
    if value is None:
        return ABSENT
    if value >= 999.5:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.95 else f"{value:.2g}"


def size(count: float) -> str:
    """Bytes with a binary unit: `512 B`, `20 KiB`, `1.5 MiB`."""
    for factor, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} B"


def number(value: float) -> str:
    """Any other number: whole ones in full, others with four digits."""
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def counted(word: str, count: int) -> str:
    """`1 worker`, `1,000 workers`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def labelled(label: str, text: str | None) -> list[str]:
    """A line of the summary: its label in nine columns, its text; no line when there is no text."""
    return [f"{label:<9}{text}"] if text else []


def sentence(doubt: Doubt) -> str:
    """What is doubted and what would remove it."""
    return f"{clean(doubt.message)}. Remedy: {clean(doubt.remedy)}"


def rule_of(outcome: RuleOutcome) -> Rule | None:
    """The rule as it was parsed before the run; None when a stored text is no rule of this program."""
    try:
        return parse_rule(outcome.rule)
    except ValueError:
        return None


def rule_in_words(outcome: RuleOutcome) -> str:
    """`response.p99 41.3 ms, asked < 25 ms`."""
    rule = rule_of(outcome)
    if rule is None:
        return clean(outcome.rule)
    name = rule.metric.removeprefix("latency_us.").replace("p99_9", "p99.9")
    if rule.is_latency:
        value = "not measured" if outcome.value is None else f"{milliseconds(outcome.value)} ms"
        return f"{name} {value}, asked {rule.comparison} {number(rule.bound / 1000)} ms"
    value = "not measured" if outcome.value is None else number(outcome.value)
    return f"{name} {value}, asked {rule.comparison} {number(rule.bound)}"


def headline(result: Result) -> str:
    """The verdict's headline; of a missed rule, with the value that was measured."""
    verdict = result.verdict
    word, _, rule = verdict.headline.partition("  ")
    for outcome in verdict.slo:
        if outcome.rule == rule and word in {"SLO MISSED", "MISSED"}:
            return f"{word}  {rule_in_words(outcome)}"
    return clean(verdict.headline)
