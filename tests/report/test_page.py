"""The page: self-contained, escaped, complete without scripts; and in a real browser."""

import functools
import re
import shutil
from html.parser import HTMLParser

import msgspec
import pytest

from loadgen.errors import UsageError
from loadgen.report import page, page_view, wording
from loadgen.report.result import Doubt
from tests.report.samples import SAMPLES, flat_out_mock, run_of, slo_missed

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script></script>\x1b[2J'


class Reading(HTMLParser):
    """Tags with their attributes, ids, and the words outside scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self._in = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._in.append(tag)

    def handle_endtag(self, tag):
        if tag in self._in:
            del self._in[len(self._in) - 1 - self._in[::-1].index(tag) :]

    def handle_data(self, data):
        if not {"script", "style"} & set(self._in):
            self.words.append(data)


@functools.cache
def page_of(*names):
    return page.render([run_of(name) for name in names]).decode()


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_on_the_page_comes_from_elsewhere(name):
    """No attribute names another file or host: the page works from disk, years later."""
    for tag, attributes in Reading(page_of(name)).tags:
        for key in ("src", "href", "xlink:href", "action", "data", "poster"):
            value = attributes.get(key)
            assert value is None or value.startswith(("#", "data:,")), (tag, value)


def test_ids_are_unique():
    """Pictures of several runs keep their own clip paths and markers: no id appears twice, and each reference is met."""
    text = page_of("orders_run", "slo_missed", "flat_out_mock")
    ids = [attributes["id"] for _, attributes in Reading(text).tags if "id" in attributes]

    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text)) <= set(ids)


def test_the_page_says_what_the_terminal_says():
    """Headline, number, ledger, limit and every doubt can be read without running a script."""
    words = " ".join(Reading(page_of("slo_missed")).words)

    assert wording.headline(slo_missed()) in words
    assert "12,000,000 attempted = 12,000,000 acked" in words
    assert "generator could do 3.1 x this" in words
    for doubt in slo_missed().verdict.doubts:
        assert wording.sentence(doubt) in words


def test_mock_comes_first():
    """On the page of a mock run the first words of the body are the MOCK line; among others it is marked as one."""
    alone = _words(page_of("flat_out_mock").partition("<body>")[2])
    beside = _words(page_of("orders_run", "slo_missed", "flat_out_mock").partition('id="run-3">')[2])

    assert alone[0] == wording.MOCK_LINE
    assert beside[:3] == ["flat_out_mock", wording.MOCK_LINE, wording.headline(flat_out_mock())]


def _words(text):
    return [word.strip() for word in Reading(text).words if word.strip()]


def test_what_comes_from_outside_is_escaped():
    """Topic, labels, properties, doubts and environment with markup in them are shown as text."""
    run = msgspec.structs.replace(run_of("with_nulls"), histograms={})
    result = run.result
    result = msgspec.structs.replace(
        result,
        labels={HOSTILE: HOSTILE},
        command=[HOSTILE],
        plan=msgspec.structs.replace(result.plan, topic=HOSTILE, keys=HOSTILE),
        client=msgspec.structs.replace(result.client, properties={HOSTILE: HOSTILE}),
        broker=msgspec.structs.replace(result.broker, version=HOSTILE),
        verdict=msgspec.structs.replace(
            result.verdict, headline=HOSTILE, limit_reason=HOSTILE, doubts=[Doubt("x", HOSTILE, HOSTILE)]
        ),
        environment={HOSTILE: HOSTILE, "cpu_model": HOSTILE},
    )
    text = page.render([msgspec.structs.replace(run, name=HOSTILE, result=result), run]).decode()
    tags = Reading(text).tags

    assert "\x1b" not in text
    assert not [tag for tag, _ in tags if tag == "img"]
    assert len([tag for tag, _ in tags if tag == "script"]) == text.count('<script type="application/json"') + 1
    assert not [attributes for _, attributes in tags if any(key.startswith("on") for key in attributes)]


def test_runs_side_by_side_say_what_differs():
    """Settings that are alike are left out, what is each run's own too; what differs is listed for each run."""
    rows = {row[0]: row[1:] for row in page_view.differences([slo_missed(), flat_out_mock()])}

    assert rows["loop"] == ["open", "closed"]
    assert rows["broker"] == ["Redpanda 26.2, 3 brokers", "mock cluster librdkafka 2.16.0, 1 broker"]
    assert "profile" not in rows and "run_token" not in rows and "topic" not in rows


def test_a_long_run_is_cut_in_the_table_and_says_so():
    """A page of an hour has the first rows and names the file that has them all."""
    run = run_of("orders_run")
    long = msgspec.structs.replace(run, intervals=list(run.intervals) * 60)
    (part,) = (part for part in page_view.one(long)["more"] if part["title"] == "Each second")

    assert len(part["rows"]) == page_view.MAX_ROWS
    assert part["note"] == "the first 600 of 3,960; all are in intervals.jsonl"


def test_no_run_is_a_usage_error():
    """A page of nothing is refused in words."""
    with pytest.raises(UsageError, match="at least one run"):
        page.render([])


def test_files_are_the_page_and_each_picture_twice():
    """A run's folder gets report.html and every picture as SVG and PNG."""
    told = page.files(run_of("orders_run"))

    assert sorted(told) == [
        "breakdown.png", "breakdown.svg", "percentiles.png", "percentiles.svg", "report.html", "timeline.png", "timeline.svg"
    ]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


class Opened:
    """A page in the browser with everything it asked for and complained about."""

    def __init__(self, browser, path, *, width=1100, scheme="light", scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
        )
        self.tab = context.new_page()
        self.complaints, self.requests = [], []
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(path.as_uri())


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, runs in (
        ("one", ["slo_missed"]),
        ("mock", ["flat_out_mock"]),
        ("three", ["orders_run", "slo_missed", "flat_out_mock"]),
    ):
        (folder / f"{name}.html").write_bytes(page_of(*runs).encode())
    return folder


@pytest.mark.browser
@pytest.mark.parametrize("name", ["one", "mock", "three"])
@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (390, "dark")])
def test_the_browser_has_nothing_to_complain_about(browser, stored, name, width, scheme):
    """No console message, no error, no request but the file itself, and nothing wider than a phone's screen."""
    opened = Opened(browser, stored / f"{name}.html", width=width, scheme=scheme)

    assert opened.complaints == []
    assert opened.requests == [(stored / f"{name}.html").as_uri()]
    assert opened.tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_the_pointer_shows_the_values_under_it(browser, stored):
    """Over the stalled second the hover tells that second's own numbers, and nothing once the pointer has left."""
    tab = Opened(browser, stored / "one.html").tab
    run = run_of("slo_missed")
    row = run.intervals[34]
    drawn, told = tab.locator(".drawn").first, tab.locator(".told").first
    place = tab.evaluate(
        """() => { const panel = JSON.parse(document.querySelector('script.panels').textContent)[0];
        const [low, high] = panel.limits; return panel.box[0] + (34.5 - low) / (high - low) * (panel.box[2] - panel.box[0]) }"""
    )
    box = drawn.bounding_box()
    drawn.hover(position={"x": place * box["width"], "y": box["height"] / 2})

    assert told.text_content().startswith("second 35, measured · acknowledged")
    assert f"p99 {row.p99_us / 1000:.4g} ms" in told.text_content()
    tab.mouse.move(0, 0)
    assert told.text_content() == ""


@pytest.mark.browser
def test_the_keyboard_reaches_every_value(browser, stored):
    """Home, arrows and End walk through the seconds of a focused picture."""
    tab = Opened(browser, stored / "one.html").tab
    told = tab.locator(".told").first
    tab.locator(".drawn").first.focus()
    tab.keyboard.press("Home")
    assert told.text_content().startswith("second 1, warm-up, not counted")
    tab.keyboard.press("ArrowRight")
    assert told.text_content().startswith("second 2,")
    tab.keyboard.press("End")

    assert told.text_content().startswith("second 66, drain, not counted")


@pytest.mark.browser
def test_without_scripts_everything_is_there(browser, stored):
    """With scripts off the pictures are drawn and the tables can be unfolded."""
    tab = Opened(browser, stored / "one.html", scripts=False).tab

    assert tab.locator("figure svg").count() == 3
    tab.get_by_text("Each second").click()
    assert tab.get_by_role("row", name="35.0 measured").is_visible()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_words_of_pictures_can_be_read_in_both_themes(browser, stored, scheme):
    """Text of a picture stands out from the page by the 4.5 : 1 that WCAG asks, in light and in dark."""
    tab = Opened(browser, stored / "one.html", scheme=scheme).tab
    ink, paper = tab.evaluate(
        """() => [getComputedStyle(document.querySelector('figure svg text')).fill,
                  getComputedStyle(document.body).backgroundColor]"""
    )
    bright, dark = sorted((_luminance(ink), _luminance(paper)), reverse=True)

    assert (bright + 0.05) / (dark + 0.05) >= 4.5


def _luminance(color):
    """Relative luminance of `rgb(r, g, b)`, as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
