"""Markdown for pull requests and step summaries."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.report import wording
from loadgen.report.markdown import escape, markdown
from loadgen.report.result import Doubt
from tests.report.samples import SAMPLES, run_of


@pytest.mark.parametrize("name", SAMPLES)
def test_every_table_has_as_many_cells_as_heads(name):
    """Each row of each table has the width of its head, whatever is in the cells."""
    run = run_of(name)
    plan = msgspec.structs.replace(run.result.plan, topic="a|b\n|c|", keys="zipf|1")
    text = markdown([msgspec.structs.replace(run, result=msgspec.structs.replace(run.result, plan=plan))])
    width = None
    for line in text.splitlines():
        cells = len(re.split(r"(?<!\\)\|", line)) if line.startswith("|") else None
        assert cells is None or width is None or cells == width
        width = cells

    assert "a\\|b\\\\n\\|c\\|" in text


def test_mock_is_the_first_line():
    """The markdown of a mock run begins with it, of several mock runs too, of mixed runs in its own section."""
    assert markdown([run_of("flat_out_mock")]).split("\n")[0] == wording.MOCK_LINE
    assert markdown([run_of("flat_out_mock")] * 2).split("\n")[0] == wording.MOCK_LINE
    assert markdown([run_of("orders_run"), run_of("flat_out_mock")]).count(f"\n{wording.MOCK_LINE}\n") == 1


def test_the_worst_is_said_first():
    """Headline with exit code, the reasons that make it invalid, then the number."""
    lines = [line for line in markdown([run_of("not_valid")]).splitlines() if line]

    assert lines[0].startswith("## NOT VALID") and lines[0].endswith("(exit 5)")
    assert lines[1].startswith("- **worker 2 was killed")
    assert "| **MISSED** |" in "\n".join(lines)


def test_runs_are_compared_in_a_table():
    """Several runs have a line each with their numbers, and a table of the settings that differ."""
    text = markdown([run_of("orders_run"), run_of("flat_out_mock")])

    assert "| orders\\_run | 199,995 |" in text
    assert "| loop | open | closed |" in text


@given(st.text())
def test_escaped_text_marks_nothing_up(text):
    """Every character that markdown or HTML could act on has a backslash before it, and nothing else is changed."""
    told = escape(text)

    assert not re.search(r"(?<!\\)(\\\\)*[`*_\[\]<>|~#@!&]", told)
    assert re.sub(r"\\([\\`*_\[\]<>|~#@!&])", r"\1", told) == wording.clean(text)


def test_a_doubt_cannot_mention_or_link():
    """A text from outside cannot mention a person, open a link or end its table."""
    run = run_of("orders_run")
    verdict = msgspec.structs.replace(run.result.verdict, doubts=[Doubt("x", "@all [a](http://b) <b>", "|")])
    text = markdown([msgspec.structs.replace(run, result=msgspec.structs.replace(run.result, verdict=verdict))])

    assert "\\@all \\[a\\](http://b) \\<b\\>" in text
