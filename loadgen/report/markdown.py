"""A run, or several, as markdown for a pull request or a CI's step summary. Everything from outside is escaped.

The caller writes it, or appends it to the file that GITHUB_STEP_SUMMARY names.
"""

import re
from collections.abc import Sequence

from loadgen.report import belief, ground, latency_table, page_view, wording
from loadgen.report.result import Result
from loadgen.report.stored import Run
from loadgen.report.wording import clean, milliseconds

_ACTIVE = re.compile(r"([\\`*_\[\]<>|~#@!&])")


def escape(text: str) -> str:
    """Text that stays as it is in markdown and inside a table cell: `|` and whatever could mark up is escaped."""
    return _ACTIVE.sub(r"\\\1", clean(text))


def markdown(runs: Sequence[Run]) -> str:
    """A section for each run; of several first a table of their numbers and of the settings that differ."""
    if len(runs) == 1:
        return one(runs[0].result)
    together = page_view.together(runs)
    parts = [f"{wording.MOCK_LINE}\n"] if all(run.result.broker.kind == "mock" for run in runs) else []
    parts += [f"## {len(runs)} runs of loadgen\n", _table(together["heads"], together["rows"])]
    if together["differences"]:
        parts += ["\n### What differs\n", _table(together["difference_heads"], together["differences"])]
    return "\n".join([*parts, *(f"\n# {escape(run.name)}\n\n{one(run.result)}" for run in runs)])


def one(result: Result) -> str:
    """One run: MOCK first when it is one, the headline, what it was measured on, latencies, rules, doubts."""
    verdict = result.verdict
    parts = [f"{wording.MOCK_LINE}\n"] if result.broker.kind == "mock" else []
    exit_code = f" (exit {verdict.exit_code})" if verdict.exit_code else ""
    parts.append(f"## {escape(wording.headline(result))}{exit_code}\n")
    parts += [f"- **{escape(wording.sentence(doubt))}**" for doubt in verdict.doubts if doubt.invalid]
    parts.append(f"{escape(ground.rate(result))}\n")
    rows = latency_table.rows(result)
    if rows:
        heads = ["latency, ms", *latency_table.HEADS, "n"]
        parts.append(_table(heads, [[row.label, *_quantiles(row), f"{row.told.n:,}"] for row in rows]) + "\n")
    if queue := latency_table.queue_arithmetic(result):
        parts.append(f"A record itself waits up to {escape(queue.in_words())} in this client's own queue.\n")
    if verdict.slo:
        words = {True: "kept", False: "**MISSED**", None: "**not measured**"}
        lines = [
            [escape(outcome.rule), escape(wording.rule_in_words(outcome)), words[outcome.ok]] for outcome in verdict.slo
        ]
        parts.append(_raw_table(["rule", "measured", ""], lines) + "\n")
    facts = [
        ("cluster", ground.cluster(result)),
        ("load", ground.load(result)),
        ("client", ground.client(result)),
        ("machine", ground.machine(result)),
        ("records", belief.records(result)),
        ("errors", belief.errors(result.messages)),
        ("read", belief.read_back(result)),
        ("limit", belief.limit(result)),
        ("steady", belief.steady(result)),
        ("batches", latency_table.batches(result)),
    ]
    parts.append(_table(["", ""], [[name, told] for name, told in facts if told]) + "\n")
    doubts = [doubt for doubt in verdict.doubts if not doubt.invalid]
    if doubts:
        parts.append("Doubts:\n")
        parts += [f"{at}. {escape(wording.sentence(doubt))}" for at, doubt in enumerate(doubts, start=1)]
    return "\n".join(parts).rstrip() + "\n"


def _quantiles(row: latency_table.Row) -> list[str]:
    told = row.told
    return [milliseconds(value) for value in (told.p50, told.p90, told.p99, told.p99_9, told.p99_99, told.max)]


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return _raw_table([escape(head) for head in heads], [[escape(str(cell)) for cell in row] for row in rows])


def _raw_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
