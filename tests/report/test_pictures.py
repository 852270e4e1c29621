"""The pictures: what must be in them, and that the same numbers give the same bytes."""

import functools
import subprocess
import sys
import xml.etree.ElementTree as ET

import msgspec
import pytest

from loadgen.errors import UsageError
from loadgen.report import plot, wording
from loadgen.report.percentiles import percentiles
from loadgen.report.pictures import pictures
from loadgen.report.result import Latency, Recovery
from loadgen.report.stored import Run
from loadgen.report.timeline import timeline
from tests.report.samples import SAMPLES, run_of

pytest.importorskip("matplotlib")

from matplotlib.colors import to_rgb


def words_of(svg):
    """The texts of a picture, in order."""
    return [(element.text or "").strip() for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@functools.cache
def drawn(name):
    return {picture.name: picture for picture in pictures(run_of(name))}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_axis_has_its_unit_and_every_picture_its_ground(name):
    """Each picture says in words what its axes count in, what it was measured on and with which versions."""
    run = run_of(name)
    for picture in drawn(name).values():
        words = " ".join(words_of(picture.svg))
        units = {
            "timeline": ("records per second", "latency, ms", "seconds from the start"),
            "percentiles": ("latency, ms", "percentile"),
            "breakdown": ("ms, mean",),
        }[picture.name]

        assert all(unit in words for unit in units)
        assert "librdkafka 2.16.0" in words and run.result.run_id in words and run.result.plan.topic in words
        assert picture.png().startswith(b"\x89PNG")


def test_flat_out_shows_requests_only():
    """Flat out no picture shows a record's latency or where its time went; both show the request's round trip."""
    told = drawn("flat_out_mock")

    assert set(told) == {"timeline", "percentiles"}
    assert [line.name for line in told["percentiles"].panels[0].series] == ["produce request"]
    assert any("produce request, round trip" in word for word in words_of(told["timeline"].svg))
    assert not any("response" in word for picture in told.values() for word in words_of(picture.svg))


def test_mock_is_stamped_on_every_picture():
    """A mock's picture cannot be mistaken for Kafka's, not even cut out: headline, stamp in the axes, alternative text."""
    kept = run_of("orders_run")
    on_mock = msgspec.structs.replace(kept.result.broker, kind="mock")
    kept = msgspec.structs.replace(kept, result=msgspec.structs.replace(kept.result, broker=on_mock))
    for picture in [*drawn("flat_out_mock").values(), *pictures(kept)]:
        words = words_of(picture.svg)

        assert any(word.startswith("MOCK") and "no Kafka was involved" in word for word in words)
        assert "MOCK" in words
        assert picture.alt.startswith(wording.MOCK_LINE)
    assert not any("MOCK" in word for picture in drawn("orders_run").values() for word in words_of(picture.svg))


def test_warmup_is_shown_as_not_counted():
    """The warm-up is in the timeline, shaded and marked; a run without one has no such mark."""
    with_warmup, without = drawn("orders_run")["timeline"], drawn("with_nulls")["timeline"]

    assert {"warm-up,", "not", "counted"} <= set(words_of(with_warmup.svg))
    assert b"#e9ecef" in with_warmup.svg
    assert not any("warm-up" in word for word in words_of(without.svg))
    assert with_warmup.panels[0].labels[0] == "second 1, warm-up, not counted"


def test_a_disturbance_is_a_band_in_both_panels():
    """What a run found of itself is drawn where it was, in the rate and in the latency, and said; else nothing is."""
    kept = run_of("orders_run")
    gap = Recovery(longest_ack_gap_s=12.0, at_s=20.0, regained_after_s=14.0)
    disturbed = msgspec.structs.replace(kept, result=msgspec.structs.replace(kept.result, recovery=gap))
    drawn_with, drawn_without = timeline(disturbed), timeline(kept)

    assert {"no acknowledgement", "for 12 s"} <= set(words_of(drawn_with.svg))
    assert not any("no acknowledgement" in word for word in words_of(drawn_without.svg))
    bands = [bands_of(picture) for picture in (drawn_with, drawn_without)]
    assert bands == [[[(20.0, 34.0), (20.0, 32.0)]] * 2, [[]] * 2]


def bands_of(picture):
    """(from, to) of the vermilion bands of each axes."""
    return [
        [
            (patch.get_x(), patch.get_x() + patch.get_width())
            for patch in axes.patches
            if hasattr(patch, "get_x") and patch.get_facecolor()[:3] == to_rgb(plot.VERMILION)
        ]
        for axes in picture.figure.axes
    ]


def test_the_same_numbers_give_the_same_bytes():
    """SVG and PNG carry no date and no random id, so a picture in git changes only when its numbers do."""
    for again in pictures(run_of("slo_missed")):
        before = drawn("slo_missed")[again.name]

        assert again.svg == before.svg
        assert again.png() == before.png()


def test_the_hover_tells_the_numbers_that_are_drawn():
    """The timeline's panels hold the rows' own values, in the units that they are told in."""
    run = run_of("orders_run")
    above, below = timeline(run).panels

    assert above.series[0].values == [row.acked_per_s for row in run.intervals]
    assert above.series[1].values[10] == 200_000
    assert below.series[1].values[3] == pytest.approx(run.intervals[3].p99_us / 1000)
    assert below.series[1].values[-1] is None
    assert 0 < above.box[0] < above.box[2] <= 1 and above.box[3] < below.box[1]


def test_names_are_drawn_as_they_are(monkeypatch):
    """Dollars, tags and escape sequences in a topic are text: no mathematics, no markup, no warning about glyphs."""
    run = run_of("orders_run")
    plan = msgspec.structs.replace(run.result.plan, topic="$\\frac{1}{0}$<script>&\x1b[2J")
    hostile = msgspec.structs.replace(run, result=msgspec.structs.replace(run.result, plan=plan))

    assert any("$\\frac{1}{0}$<script>&\\x1b[2J" in word for word in words_of(timeline(hostile).svg))


def test_runs_are_drawn_over_each_other():
    """Of several runs each has one line, of the latency that it may show, under its own name."""
    together = percentiles([run_of("orders_run"), run_of("slo_missed"), run_of("flat_out_mock")])

    assert [line.name for line in together.panels[0].series] == [
        "orders_run, response", "slo_missed, response", "flat_out_mock, request_rtt"
    ]  # fmt: skip
    assert together.panels[0].series[2].values[-1] is None  # it has fewer requests than the others have records


def test_a_run_without_rows_or_histograms_has_no_empty_pictures():
    """What was not measured is not drawn."""
    result = msgspec.structs.replace(SAMPLES["with_nulls"](), latency_us=Latency())

    assert pictures(Run(name="bare", result=result)) == []


def test_a_process_own_style_is_left_alone():
    """Drawing neither takes a notebook's settings nor changes them."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcParams["font.size"] = 33
        matplotlib.rcParams["text.color"] = "red"
        ours = timeline(run_of("orders_run")).svg

        assert matplotlib.rcParams["font.size"] == 33
    assert ours == timeline(run_of("orders_run")).svg


def test_without_matplotlib_the_remedy_is_said(monkeypatch):
    """A core install that is asked for pictures gets one line with the extra's name."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"kafka-loadgen\[report\]"):
        timeline(run_of("orders_run"))


def test_the_report_is_told_without_importing_matplotlib():
    """Summary, folder, exports, rules and rows cost no second of matplotlib."""
    modules = "text folder export junit markdown live page page_view pictures"
    code = (
        f"import sys; [__import__('loadgen.report.' + name) for name in {modules.split()!r}]; "
        "bad = {'matplotlib', 'jinja2', 'rich', 'pyperf', 'confluent_kafka'} & set(sys.modules); assert not bad, bad"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr == ""
