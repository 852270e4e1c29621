"""The terminal summary, whole against golden files and by its promises."""

import os
import re
import unicodedata
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.recorder.histogram import Distribution
from loadgen.report import wording
from loadgen.report.result import Consumed, Doubt, Result
from loadgen.report.text import summary
from tests.report.samples import SAMPLES, flat_out_mock, not_valid, orders_run, slo_missed, with_nulls

GOLDEN = Path(__file__).parent / "golden"
SAVED = Path("results/runs/20261123T203011Z-orders")


@pytest.mark.parametrize("name", SAMPLES)
def test_summary_is_the_golden_one(name):
    """Every sample reads exactly as its golden file; LOADGEN_GOLDEN=write makes them again."""
    told = summary(SAMPLES[name](), SAVED, color=False)
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("LOADGEN_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(told)

    assert told == file.read_text()


def test_mock_is_the_first_line():
    """Whoever reads one line of a mock run reads that no Kafka was involved, even when a rule was missed."""
    for code in (0, 99):
        run = msgspec.structs.replace(
            flat_out_mock(), verdict=msgspec.structs.replace(flat_out_mock().verdict, exit_code=code)
        )

        assert summary(run, None, color=False).split("\n")[0] == wording.MOCK_LINE


def test_flat_out_shows_no_latency_of_a_record():
    """Flat out there is neither response nor service in the table, but the request and the arithmetic of the queue."""
    told = summary(flat_out_mock(), None, color=False)

    assert "produce request" in told
    assert "from when due" not in told and "from send" not in told and "usual record" not in told
    assert "200,000 ÷ 612 k/s = 327 ms" in told
    assert "service" not in told


def test_flat_out_with_python_says_what_is_missing():
    """Without the C instrument a flat-out run has no latency, and says why instead of leaving a hole."""
    run = flat_out_mock()
    run = msgspec.structs.replace(run, latency_us=msgspec.structs.replace(run.latency_us, request_rtt=None))

    assert "not timed: only the C instrument sees requests" in summary(run, None, color=False)


def test_queue_ends_at_the_kilobytes_when_they_come_first():
    """512 B records in a queue of 1 MiB: 2,048 of them fit, not 100,000."""
    run = flat_out_mock()
    client = msgspec.structs.replace(
        run.client, properties=run.client.properties | {"queue.buffering.max.kbytes": "1024"}
    )

    assert "4,096 ÷ 612 k/s" in summary(msgspec.structs.replace(run, client=client), None, color=False)


def _beside(end_to_end_p50_us: float, *, complete: bool) -> Result:
    """A run with one consumer group beside it; requests took 3 ms."""
    run = orders_run()
    read = Consumed(read=[13_000_000], complete=complete, negative=0, fetch_wait_ms=500)
    way = Distribution(
        n=12_000_000, mean=1.0, p50=end_to_end_p50_us, p90=None, p99=None, p99_9=None, p99_99=None, max=9e5
    )
    request = msgspec.structs.replace(way, p50=3000.0)
    latency = msgspec.structs.replace(run.latency_us, end_to_end=way, request_rtt=request)
    return msgspec.structs.replace(run, consumed=read, latency_us=latency)


def test_end_to_end_is_held_against_its_arithmetic():
    """Round trip ≤ median ≤ round trip + linger + fetch wait, in numbers; what lies outside says so."""
    for p50_us, outside in ((3000.0, False), (6100.0, False), (508_000.0, False), (2900.0, True), (508_100.0, True)):
        told = summary(_beside(p50_us, complete=True), None, color=False)

        (line,) = [line for line in told.split("\n") if line.startswith("  end to end, a median")]
        assert line.endswith("; outside of it") == outside
        assert "3.0 (a request)" in line and "3.0 + 5 (linger) + 500 (fetch wait) = 508" in line


def test_end_to_end_is_marked_until_all_is_read():
    """A group that is behind makes the row incomplete: its slowest records are the ones that miss."""
    told = {complete: summary(_beside(6100.0, complete=complete), None, color=False) for complete in (True, False)}

    assert "INCOMPLETE" not in told[True] and "until a consumer had it" in told[True]
    assert "INCOMPLETE: not all was read" in told[False]


def test_worst_news_comes_first():
    """An invalid run begins with the reason, a missed rule with value and bound, both with the exit code."""
    invalid = summary(not_valid(), None, color=False).split("\n")
    missed = summary(slo_missed(), None, color=False).split("\n")

    assert invalid[0].startswith("NOT VALID") and invalid[0].endswith("exit 5")
    assert "worker 2 was killed" in invalid[1]
    assert re.fullmatch(r"SLO MISSED  response\.p99\.9 \d+ ms, asked < 25 ms +exit 99", missed[0])


def test_three_doubts_are_told_and_the_rest_counted():
    """A fourth doubt is counted, not told; an invalidating one is told at the top only."""
    told = summary(slo_missed(), None, color=False)

    assert told.count("Remedy") == 3
    assert "and 1 more in result.json" in told
    assert summary(not_valid(), None, color=False).count("worker 2") == 1


def test_nulls_leave_no_trace_of_none():
    """What could not be taken is a dash or a missing line, never the word None or nan."""
    told = summary(with_nulls(), None, color=False)

    assert "None" not in told and "nan" not in told
    assert "timed in Python, each up to 12.3 ms too long" in told


def test_color_adds_nothing_but_color():
    """Without its escape sequences the coloured summary is the plain one."""
    for make in SAMPLES.values():
        plain = re.sub(r"\x1b\[\d+m", "", summary(make(), SAVED, color=True))

        assert plain == summary(make(), SAVED, color=False)


HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n‮gniht\x9b31m"


def _hostile(run: Result) -> Result:
    """The run with every text that comes from outside replaced."""
    return msgspec.structs.replace(
        run,
        plan=msgspec.structs.replace(run.plan, topic=HOSTILE, keys=HOSTILE, profile=HOSTILE, events=HOSTILE),
        client=msgspec.structs.replace(
            run.client,
            librdkafka=HOSTILE,
            properties={"linger.ms": HOSTILE, "acks": HOSTILE, "compression.type": HOSTILE},
        ),
        broker=msgspec.structs.replace(run.broker, version=HOSTILE, cluster_id=HOSTILE),
        verdict=msgspec.structs.replace(
            run.verdict, headline=HOSTILE, limit_reason=HOSTILE, doubts=[Doubt("x", HOSTILE, HOSTILE)]
        ),
        messages=msgspec.structs.replace(run.messages, errors={HOSTILE: 1}),
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_from_outside_reaches_the_terminal(name):
    """A topic or broker that carries escape sequences is shown, not obeyed: only our own newlines get through."""
    told = summary(_hostile(SAMPLES[name]()), Path(HOSTILE), color=False)

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told)
    assert told.count("\n") <= summary(SAMPLES[name](), SAVED, color=False).count("\n") + 3


@given(st.text())
def test_clean_text_is_printable(text):
    """Whatever comes in, what goes out is printable, and plain words are left as they are."""
    told = wording.clean(text)

    assert all(character.isprintable() or unicodedata.category(character) == "Zs" for character in told)
    told.encode("utf-8")
    if text.isascii() and text.isprintable():
        assert told == text


@pytest.mark.parametrize(
    ("value_us", "told"),
    [
        (None, "–"),
        (0.0, "0.0"),
        (4.0, "0.004"),
        (421.0, "0.42"),
        (994.9, "0.99"),
        (995.0, "1.0"),
        (2_100.0, "2.1"),
        (99_940.0, "99.9"),
        (99_950.0, "100"),
        (331_400.0, "331"),
        (1_204_000.0, "1,204"),
    ],
)
def test_milliseconds(value_us, told):
    """Two digits below one millisecond, one below a hundred, none above; no value is rounded to nothing."""
    assert wording.milliseconds(value_us) == told


def test_next_step_is_a_command_that_may_be_typed():
    """A kept rate is followed by reading everything back, a mock by a real broker, an invalid run by nothing."""
    assert "next     loadgen run --start redpanda -r 200k/s --verify" in summary(orders_run(), None, color=False)
    assert "next     loadgen run --start kafka" in summary(flat_out_mock(), None, color=False)
    assert "next" not in summary(not_valid(), None, color=False)


def test_saved_names_the_page_only_when_there_is_one(tmp_path):
    """The last line names files that exist."""
    assert "report.html" not in summary(orders_run(), tmp_path, color=False)
    (tmp_path / "report.html").touch()

    assert "report.html result.json" in summary(orders_run(), tmp_path, color=False)
