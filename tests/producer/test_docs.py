"""The two pages that the document refers to: their code runs, and their table is the table."""

import re
from pathlib import Path

import pytest

from loadgen.brokers.target import Broker
from loadgen.producer.errors import TABLE

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = ["error-handling.md", "detailed-implementation.md"]
MARKS = re.compile(r"(<!-- table of codes[^>]*-->\n)(.*?)(<!-- end -->)", re.DOTALL)


def table_of_codes() -> str:
    """The table of errors as markdown, definite ones first."""
    rows = ["| code | name | the record | trying again |", "| --- | --- | --- | --- |"]
    for code, meaning in sorted(TABLE.items(), key=lambda row: (not row[1].definite, row[1].fatal, row[0])):
        record = "not in the log" if meaning.definite else "perhaps in the log"
        again = "the client has stopped" if meaning.fatal else "can help" if meaning.transient else "cannot help"
        rows.append(f"| {code} | {meaning.name} | {record} | {again} |")
    return "\n".join(rows) + "\n"


def test_the_table_in_the_manual_is_the_table() -> None:
    """Changing errors.py without docs/error-handling.md fails here; the text to put there is in the message."""
    found = MARKS.search((DOCS / "error-handling.md").read_text("utf-8"))

    assert found is not None
    assert found[2] == table_of_codes()


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_the_manual_runs(
    page: str, mock: Broker, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every python block, one after the other, as a reader would try them."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 5
    names = {"brokers": [mock.bootstrap], "topic": topic, "__name__": "manual"}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{page}, block {number}", "exec"), names)


@pytest.mark.parametrize("page", PAGES)
def test_what_the_manual_names_is_there(page: str) -> None:
    """Files in backquotes with a folder exist."""
    root = DOCS.parent
    named = re.findall(r"`((?:loadgen|tests|docs|bench)/[\w/.-]+\.\w+)`", (DOCS / page).read_text("utf-8"))

    assert [name for name in named if not (root / name).exists()] == []
