"""The table of the twenty faults in this package's docstring names tests that are there, and the record's own arithmetic."""

import importlib
import re

import pytest

import tests.faults
from tests.faults import record
from tests.faults.record import Row

NAMED = re.findall(r"^    (\d+) .*? ([.\w]+)\.(test_\w+)$", tests.faults.__doc__ or "", flags=re.MULTILINE)


def test_each_of_the_twenty_has_its_test() -> None:
    """Numbered from 1 to 20, none left out."""
    assert [int(number) for number, _, _ in NAMED] == list(range(1, 21))


@pytest.mark.parametrize(("number", "module", "test"), NAMED)
def test_a_named_test_is_there(number: str, module: str, test: str) -> None:
    """A test that was renamed takes its row with it."""
    found = importlib.import_module(f"tests{module[1:]}" if module.startswith("..") else f"tests.faults.{module}")
    assert callable(getattr(found, test))


def test_rows_of_one_fault_are_summed() -> None:
    """Runs and records add up; what no run could read back stays unknown, what one could is told."""
    first = Row(anchor="R6", fault="x", test="t", attempted=10, acked=9, unknown=1, lost=None, found="old")
    second = Row(anchor="R6", fault="x", test="t", attempted=5, acked=5, lost=0, residual=2, found="new")
    other = Row(anchor="R4", fault="y", test="t")

    one, two = record.summed([first, second, other])

    assert (one.fault, one.lost) == ("y", None)
    assert (two.runs, two.attempted, two.acked, two.unknown, two.lost, two.residual) == (2, 15, 14, 1, 0, 2)
    assert two.found == "new"


def test_the_table_replaces_what_is_between_its_marks() -> None:
    """And nothing else; a document without marks is not written to."""
    document = f"before\n{record.BEGIN}\nold\n{record.END}\nafter\n"
    told = record.replaced(document, record.table([Row(anchor="R4", fault="y", test="t", attempted=1200)]))

    assert told.startswith("before\n")
    assert told.endswith("\nafter\n")
    assert "| R4 | y | 1 | 1,200 | 0 | 0 | 0 | – | – | 0 |  |" in told
    assert "old" not in told
    with pytest.raises(ValueError, match="faults"):
        record.replaced("nothing", "table")
