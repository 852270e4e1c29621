"""A comparison as text in benchstat's manner, and as markdown. Pure."""

from loadgen.judge.compare import Comparison, Row
from loadgen.judge.gate_text import change, p_value, short_name, value
from loadgen.report.markdown import escape
from loadgen.report.wording import MOCK_LINE, clean

MARK = "†"
MAX_DIFFERENCES = 12


def _heads(comparison: Comparison) -> tuple[str, ...]:
    runs = ("1 run" if n == 1 else f"{n} runs" for n in (comparison.runs_a, comparison.runs_b))
    return ("metric", *(f"{side} ({n})" for side, n in zip("AB", runs, strict=True)), "B vs A", "95 % interval", "p")


def _cells(row: Row, marked: bool) -> tuple[str, ...]:
    low = "−∞" if row.low is None else change(row.low)
    high = "∞" if row.high is None else change(row.high)
    name = f"{short_name(row.name)}{f' {MARK}' if marked else ''}"
    told = change(row.ratio) if row.differs else "~"
    return (name, value(row.name, row.a), value(row.name, row.b), told, f"{low} … {high}", p_value(row.p))


def _stamps(comparison: Comparison) -> list[str]:
    stamps = [MOCK_LINE] if comparison.on_mock else []
    if comparison.forced:
        stamps.append("FORCED  these runs are not comparable; the numbers answer different questions")
    return stamps


def text(comparison: Comparison) -> str:
    """For a terminal; ends with one newline."""
    marked = comparison.grade != "same"
    rows = [_heads(comparison), *(_cells(row, marked) for row in comparison.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [*_stamps(comparison), f"{comparison.grade}"]
    lines += [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    if comparison.differences:
        lines.append("")
        shown = comparison.differences[:MAX_DIFFERENCES]
        lines += [f"{MARK} {clean(str(each))}{_graded(each.grade)}" for each in shown]
        if len(comparison.differences) > len(shown):
            lines.append(f"{MARK} {len(comparison.differences) - len(shown)} more, with --json -")
    lines += [f"doubt  {clean(doubt.message)}. {clean(doubt.remedy)}" for doubt in comparison.doubts]
    return "\n".join(lines) + "\n"


def _graded(grade: str) -> str:
    return "  (not comparable)" if grade == "not comparable" else ""


def markdown(comparison: Comparison) -> str:
    """For a pull request; whatever came from outside is escaped."""
    marked = comparison.grade != "same"
    heads = _heads(comparison)
    lines = [f"{stamp}\n" for stamp in _stamps(comparison)]
    lines.append(f"## Comparison: {comparison.grade}\n")
    table = [
        list(heads),
        ["---"] * len(heads),
        *([escape(cell) for cell in _cells(row, marked)] for row in comparison.rows),
    ]
    lines.append("\n".join(f"| {' | '.join(row)} |" for row in table) + "\n")
    lines += [f"- {MARK} {escape(str(each))}{_graded(each.grade)}" for each in comparison.differences]
    lines += [f"- {escape(doubt.message)}. {escape(doubt.remedy)}" for doubt in comparison.doubts]
    return "\n".join(lines).rstrip() + "\n"
