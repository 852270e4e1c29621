"""Rows while a run runs."""

import io
import re

import msgspec
import pytest

from loadgen.errors import UsageError
from loadgen.report import live
from tests.report.samples import intervals, orders_run


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


class Broken(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


ROWS = intervals(orders_run())


def told(mode, stream, rows=ROWS, environ=None):
    with live.progress(mode, stream, environ or {}) as shown:
        shown.say("probing\x1b[2J")
        for row in rows:
            shown.row(row)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("mode", "stream", "environ", "chosen"),
    [
        ("auto", Terminal(), {}, "live"),
        ("auto", Terminal(), {"TERM": "dumb"}, "plain"),
        ("auto", io.StringIO(), {}, "plain"),
        ("auto", io.StringIO(), {"FORCE_COLOR": "1", "CI": "true"}, "plain"),
        ("live", io.StringIO(), {}, "live"),
        ("plain", Terminal(), {}, "plain"),
        ("none", Terminal(), {}, "none"),
    ],
)
def test_a_terminal_alone_makes_it_live(mode, stream, environ, chosen):
    """auto is live on a terminal only; FORCE_COLOR, which CI systems set, does not put cursor movements in their logs."""
    assert live.choose(mode, stream, environ) == chosen


def test_an_unknown_mode_is_refused_before_the_run():
    """A typo is one line with the nearest right word."""
    with pytest.raises(UsageError, match="did you mean plain"), live.progress("plian", io.StringIO(), {}):
        pass


def test_plain_is_a_line_for_ten_seconds():
    """A run of 66 s is 9 lines: the note, warm-up, six of the measured phase, the drain; without a single escape sequence."""
    lines = told("plain", io.StringIO()).splitlines()

    assert lines[0] == "probing\\x1b[2J"
    assert len(lines) == 9
    assert lines[1].startswith("    5 s  (warm-up)")
    assert [line.split()[0] for line in lines[2:8]] == ["15", "25", "35", "45", "55", "65"]
    assert "(drain)" in lines[8]
    assert not any(re.search(r"[\x00-\x08\x0b-\x1f]", line) for line in lines)


def test_plain_rates_are_means_and_latencies_the_worst_second():
    """Ten seconds of 100/s and a slow one in them: the mean rate, and the latency of the second that was worst."""
    rows = [
        msgspec.structs.replace(ROWS[10], second=float(at), length_s=1.0, acked=100, p50_us=1000.0, p99_us=2000.0, failed=0)
        for at in range(1, 11)
    ]  # fmt: skip
    rows[4] = msgspec.structs.replace(rows[4], acked=0, p99_us=90_000.0, failed=3)

    (line,) = [line for line in told("plain", io.StringIO(), rows).splitlines() if "msg/s" in line]

    assert "90 msg/s" in line
    assert "worst second p50 1.0 p99 90.0 ms" in line
    assert line.endswith("not acked 3")


def test_none_is_silent():
    """none writes nothing at all."""
    assert told("none", Terminal()) == ""


def test_live_draws_the_last_seconds_and_takes_them_away():
    """A row each second is drawn on a terminal, and at the end the table is erased so that the summary stands alone."""
    text = told("live", Terminal())

    assert "msg/s" in text and "waiting" in text and "warm-up" in text
    assert "probing\\x1b[2J" in text
    assert text.rstrip().endswith("\x1b[2K") or "\x1b[2K" in text[-400:]


def test_no_color_is_kept_in_live():
    """With NO_COLOR the table moves the cursor but sets no colour."""
    text = told("live", Terminal(), environ={"NO_COLOR": "1"})

    assert not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", text)


@pytest.mark.parametrize("mode", ["plain", "live"])
def test_a_broken_stream_does_not_end_the_run(mode):
    """When the reader of standard error goes away the rows stop and the run goes on."""
    told(mode, Broken())


def test_color():
    """NO_COLOR wins over FORCE_COLOR, FORCE_COLOR over the terminal; set but empty is not set."""
    assert live.colored(Terminal(), {})
    assert not live.colored(io.StringIO(), {})
    assert not live.colored(Terminal(), {"TERM": "dumb"})
    assert live.colored(io.StringIO(), {"FORCE_COLOR": "1"})
    assert not live.colored(Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"})
    assert live.colored(Terminal(), {"NO_COLOR": ""})
