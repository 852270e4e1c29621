"""The terminal summary: worst news first, the number, what it was measured on, why to believe it, the next command.

Pure: a result in, text out; `cli` prints it. Whatever came from outside is cleaned of control characters first.
"""

from pathlib import Path

from loadgen.report import wording
from loadgen.report.belief import belief
from loadgen.report.ground import ground
from loadgen.report.latency_table import latency_table
from loadgen.report.next_step import next_step
from loadgen.report.result import Result
from loadgen.report.wording import clean, labelled

EXIT_COLUMN = 92
_BOLD, _RED, _YELLOW, _GREEN, _DIM, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[2m", "\x1b[0m"


def summary(result: Result, saved: Path | None, color: bool) -> str:
    """A run for a person at a terminal; ends with one newline.

    Args:
        saved: the run's folder; None when it was not saved.
        color: with ANSI colours for the headline and the labels.
    """
    head = _head(result)
    body = [*ground(result), "", *latency_table(result), "", *belief(result)]
    tail = [*labelled("next", next_step(result)), *_saved(saved)]
    lines = [f"  {line}" if line else "" for line in [*body, *tail]]
    if color:
        head, lines = _painted_head(head, result), [_painted_label(line) for line in lines]
    return "\n".join([*head, *lines]) + "\n"


def _head(result: Result) -> list[str]:
    """MOCK first, then the headline with the exit code, then why it is not valid and every other rule missed."""
    first = wording.headline(result)
    lines = [wording.MOCK_LINE] if result.broker.kind == "mock" else []
    code = result.verdict.exit_code
    lines.append(f"{first:<{EXIT_COLUMN - 1}} exit {code}" if code else first)
    lines += [f"  why      {wording.sentence(doubt)}" for doubt in result.verdict.doubts if doubt.invalid]
    missed = [wording.rule_in_words(outcome) for outcome in result.verdict.slo if outcome.ok is not True]
    return lines + [f"  missed   {rule}" for rule in missed if rule not in first]


def _saved(saved: Path | None) -> list[str]:
    if saved is None:
        return []
    page = "report.html " if (saved / "report.html").exists() else ""
    return labelled("saved", f"{clean(str(saved))}  {page}result.json;  loadgen report last")


def _painted_head(head: list[str], result: Result) -> list[str]:
    tone = _RED if result.verdict.exit_code else _YELLOW if result.broker.kind == "mock" else _GREEN
    return [f"{_BOLD}{tone}{head[0]}{_PLAIN}", *(f"{_BOLD}{line}{_PLAIN}" for line in head[1:])]


def _painted_label(line: str) -> str:
    """The label of a line dimmed, which is its first eleven columns when they hold one word."""
    label, told = line[:11], line[11:]
    return f"{_DIM}{label}{_PLAIN}{told}" if told and label.strip().isalpha() and label.endswith(" ") else line
