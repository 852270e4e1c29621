"""R12: whatever is read from disk may be somebody else's, and hostile: one line of complaint or a rendering that obeys nobody.

A traceback, a wait of 2 s or a control character in what is shown is a failure. Small here; ten thousand under `slow`.
"""

import io
import json
import re
import time
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadgen.cli import verify as verify_command
from loadgen.errors import LoadgenError, UsageError
from loadgen.events.payload_file import read_payload_file
from loadgen.experiments import record
from loadgen.judge import compare, compare_text, history, history_text
from loadgen.judge import stored as judged
from loadgen.judge.artefacts import zipped_runs
from loadgen.judge.gate_file import read_gate_file
from loadgen.judge.result_file import StoredRun, read_run
from loadgen.producer.replay import read_dead_letters
from loadgen.profile import read_profile, resolve
from loadgen.profile.java_client import read_client_file
from loadgen.recorder.outcomes import OutcomeRegions, read_outcomes, write_outcomes
from loadgen.report import export, folder, hlog, junit, markdown, page, page_view, stored, strict_json, text
from loadgen.report.result import MAX_RESULT_BYTES, encode, read_result
from loadgen.verify.checker import Checker
from loadgen.verify.stored import check_plan, stored_properties
from tests.faults.record import Row, append
from tests.report import samples
from tests.security import mutations

LONGEST_S = 2.0
MOST_RSS_BYTES = 200 << 20
GOOD = [encode(made()) for made in samples.SAMPLES.values()]


def obeyed(shown: str) -> list[str]:
    """Characters of a text that a terminal or a log viewer would obey."""
    return [
        character
        for character in shown
        if character in "\x1b\x07\x9b\u202e\u2066" or (character < " " and character != "\n")
    ]


def attempt(what: Callable[[], Any]) -> Any:
    """Its value, or None when it is refused in words; anything else it raises is a traceback, and fails the test."""
    began = time.monotonic()
    try:
        found = what()
    except LoadgenError as error:
        assert str(error)
        found = None
    assert time.monotonic() - began < LONGEST_S * 5  # on a machine that does other things too
    return found


def as_a_run(at: Path) -> bool:
    """Read and told in every way but the page; true when it was taken for a run."""
    run = attempt(lambda: stored.load(at))
    if run is None:
        return False
    attempt(lambda: check_plan(run.result.plan, at))
    on_terminal = attempt(lambda: text.summary(run.result, at, color=False))
    marked_up = [attempt(lambda: markdown.markdown([run])), attempt(lambda: junit.junit(run.result).decode())]
    attempt(lambda: page_view.one(run))
    attempt(lambda: page_view.together([run, run]))
    for kind in ("csv", "omb", "pyperf"):
        attempt(lambda kind=kind: export.render(kind, run))
    for words in filter(None, (on_terminal, *marked_up)):
        assert obeyed(words) == []
    # markdown escapes by a backslash, XML by an entity
    assert not any(re.search(r"(?<!\\)<script", words) for words in filter(None, marked_up))
    return True


def as_a_baseline(at: Path, base: StoredRun) -> None:
    """Compared and put into a history."""
    run = attempt(lambda: read_run(at))
    if run is None:
        return
    told = attempt(lambda: compare.compare([base], [run], force=True))
    if told is not None:
        assert obeyed(compare_text.text(told)) == []
    over_time = attempt(lambda: history.history([base, run]))
    if over_time is not None:
        assert obeyed(history_text.text(over_time)) == []


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StoredRun]:
    """A folder whose result is changed over and over, and a good run to compare it with."""
    good, bad = tmp_path_factory.mktemp("good"), tmp_path_factory.mktemp("bad")
    (good / "result.json").write_bytes(GOOD[0])
    return bad, read_run(good)


def mutated_result(places: tuple[Path, StoredRun], seed: int) -> None:
    at, base = places
    random = Random(seed)
    change = mutations.of_bytes if random.random() < 0.3 else mutations.of_values
    (at / "result.json").write_bytes(change(random.choice(GOOD), random))
    as_a_run(at)
    as_a_baseline(at, base)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 62))
def test_a_result_that_was_changed(places: tuple[Path, StoredRun], seed: int) -> None:
    """Told, compared, exported, or refused in a line."""
    mutated_result(places, seed)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_results_that_were_changed(places: tuple[Path, StoredRun]) -> None:
    """The same ten thousand times; memory does not grow with what is fed."""
    before = psutil.Process().memory_info().rss
    for seed in range(10_000):
        mutated_result(places, seed)
    rss = psutil.Process().memory_info().rss
    found = f"0 tracebacks, RSS grew by {max(rss - before, 0) >> 20} MiB"
    append(Row(anchor="R12", fault="results that were changed", test="test_hostile_files", runs=10_000, found=found))
    assert rss - before < MOST_RSS_BYTES


CORPUS = {
    "empty": b"",
    "truncated": GOOD[0][: len(GOOD[0]) // 2],
    "a pickle": b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
    "NaN": GOOD[0].replace(b'"acked_per_s": ', b'"acked_per_s": NaN, "was": ', 1),
    "infinity": GOOD[0].replace(b'"acked_per_s": ', b'"acked_per_s": Infinity, "was": ', 1),
    "1e999": GOOD[0].replace(b'"acked_per_s": ', b'"acked_per_s": 1e999, "was": ', 1),
    "a key twice": GOOD[0].replace(b'"seed": ', b'"seed": 1, "seed": ', 1),
    "deep": b'{"schema":' + b"[" * 100_000,
    "deep and whole": b'{"schema":' + b"[" * 3_000 + b"]" * 3_000 + b"}",
    "UTF-16": GOOD[0].decode().encode("utf-16"),
    "another schema": GOOD[0].replace(b"loadgen.result/1", b"loadgen.result/9"),
    "a list": b"[]",
    "a number with many digits": GOOD[0].replace(b'"seed": ', b'"seed": ' + b"9" * 5_000, 1),
    "too large": b" " * (MAX_RESULT_BYTES + 1),
}


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus_is_refused(tmp_path: Path, name: str) -> None:
    """By every reader, in one line that names the file."""
    (tmp_path / "result.json").write_bytes(CORPUS[name])
    for read in (read_result, read_run):
        with pytest.raises(UsageError) as caught:
            read(tmp_path)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_name_that_would_lead_elsewhere(tmp_path: Path) -> None:
    """A run's name is no path, and what a stored run calls itself names no file."""
    for name in ("../../etc", "a/b", "/etc/passwd", "..", "\x1b[2J"):
        with pytest.raises(UsageError):
            folder.check_name(name)
    hostile = msgspec.structs.replace(samples.orders_run(), run_id="../../../tmp/owned")
    at = folder.save(tmp_path / "runs", "x", hostile, [], {})
    assert at.parent == tmp_path / "runs"


HOSTILE_WORDS = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b]0;owned\x07\u202e|`[x](javascript:alert(1))"


def test_hostile_words_in_every_place_of_a_result(tmp_path: Path) -> None:
    """Each text of a result replaced at once: the terminal, markdown, JUnit and the page show it and obey none of it."""

    def poisoned(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: poisoned(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [poisoned(inner, key) for inner in value]
        kept = {"schema", "started_at", "loop", "limited_by", "kind", "instrument", "sender", "rule", "mode"}
        return HOSTILE_WORDS if isinstance(value, str) and key not in kept else value

    (tmp_path / "result.json").write_bytes(json.dumps(poisoned(json.loads(GOOD[0]))).encode())
    assert as_a_run(tmp_path)
    shown = page.render([stored.load(tmp_path)]).decode()
    assert "alert(1)" in shown
    assert "<script>alert" not in shown
    assert "<img" not in shown
    assert not set("\x1b\x07\u202e") & set(shown)
    assert "Content-Security-Policy" in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"producers": 10**9},
        {"attempted": [10**13]},
        {"attempted": [-1]},
        {"pool_size": 10**12},
        {"record_size": 1 << 40, "events": "raw"},
        {"line_items": (1, 10**9)},
        {"run_token": "../../.."},
    ],
)
def test_a_plan_that_would_fill_the_memory(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Out of bounds is refused before anything is made from it."""
    plan = msgspec.structs.replace(samples.orders_run().plan, **{"producers": 1, "attempted": [1]} | changes)
    with pytest.raises(UsageError, match="the file was changed"):
        check_plan(plan, tmp_path)


def test_a_plan_that_names_a_function_runs_none(tmp_path: Path) -> None:
    """Verifying imports and calls nothing that a stored result names; a profile file needs leave for it."""
    plan = msgspec.structs.replace(samples.orders_run().plan, events="fresh:os:_exit", producers=1, attempted=[1])
    with pytest.raises(UsageError):
        Checker(plan, "full", 1)
    profile = tmp_path / "p.toml"
    profile.write_text('[run]\nevents = "fresh:os:_exit"\n')
    with pytest.raises(UsageError, match=r"^refused: events = fresh:os:_exit"):
        resolve({"start": "mock", "profile": str(profile)}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("plugin.library.paths", "/tmp/x.so"),
        ("sasl.kerberos.kinit.cmd", "touch /tmp/x"),
        ("enable.ssl.certificate.verification", "false"),
    ],
)
def test_a_stored_run_cannot_set_what_a_user_may_not(tmp_path: Path, name: str, value: str) -> None:
    """Verifying uses a stored run's client properties, but none that runs code or trusts whoever answers."""
    result = samples.orders_run()
    properties = {"security.protocol": "ssl", "sasl.password": "[redacted]", name: value}
    hostile = msgspec.structs.replace(result, client=msgspec.structs.replace(result.client, properties=properties))

    with pytest.raises(UsageError, match=f"^refused: {name}"):
        stored_properties(hostile, tmp_path)
    del properties[name]
    assert stored_properties(hostile, tmp_path) == {"security.protocol": "ssl"}


def test_a_password_does_not_go_where_a_stored_run_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verifying may take the cluster from the run's own command line, but then no password along with it."""
    for name in ("LOADGEN_BOOTSTRAP_SERVERS", "LOADGEN_BOOTSTRAP_SERVER", "RPK_BROKERS"):
        monkeypatch.delenv(name, raising=False)
    hostile = msgspec.structs.replace(samples.orders_run(), command=["loadgen", "run", "-b", "203.0.113.7:9092"])
    how = {"X": None, "command_config": None}
    assert verify_command._cluster(hostile, None, how)[0] == "203.0.113.7:9092"

    monkeypatch.setenv("LOADGEN_X_SASL_PASSWORD", "hunter2")
    with pytest.raises(UsageError, match=r"^refused: a password would go to 203\.0\.113\.7:9092"):
        verify_command._cluster(hostile, None, how)
    assert verify_command._cluster(hostile, "203.0.113.7:9092", how)[0] == "203.0.113.7:9092"


def other_files(at: Path) -> dict[str, tuple[bytes, Callable[[Path], Any]]]:
    """Every other kind of file that is read: a good one, and its reader."""
    outcomes = at / "outcomes"
    region = OutcomeRegions.create(1, 100)
    try:
        write_outcomes(outcomes, "run", "0badcafe", [region.region(0)], [100])
    finally:
        region.close()
    result = samples.orders_run()
    rows = b"".join(msgspec.json.encode(row) + b"\n" for row in samples.intervals(result)[:5])
    counts = samples.cells(2_000.0, 0.3, 1_000)
    saved = folder.save(at / "runs", "x", result, [], {"service": counts})  # type: ignore[dict-item]
    recorder = record.begin(at / "experiments", "x", "sweep", ["loadgen"], {})
    letter = b'{"topic":"t","key":null,"value":"YQ==","headers":[],"code":"_TIMED_OUT","cause":"c","outcome":"unknown",'
    letter += b'"tries":1,"first_at":"2026-11-25T00:00:00Z","last_at":"2026-11-25T00:00:00Z"}\n'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("runs/a/result.json", GOOD[0])
    return {
        "runs.zip": (packed.getvalue(), zipped_runs),
        "intervals.jsonl": (rows, lambda path: folder.read_intervals(path.parent)),
        "latency.hlog": ((saved / folder.HISTOGRAMS).read_bytes(), hlog.read),
        "outcomes.bin": (outcomes.read_bytes(), lambda path: read_outcomes(path, "run")),
        "experiment.json": (
            (recorder.path / "experiment.json").read_bytes(),
            lambda path: judged.read_experiment(path.parent),
        ),
        "letters.jsonl": (letter, lambda path: list(read_dead_letters(path))),
        "lines": (b"a\nb\n", lambda path: read_payload_file(str(path), "lines")),
        "len32": (b"\0\0\0\3abc\0\0\0\1d", lambda path: read_payload_file(str(path), "len32")),
        "base64": (b"YQ==\nYg==\n", lambda path: read_payload_file(str(path), "base64")),
        "p.toml": (b'[run]\nrate = "5k/s"\n[properties]\n"linger.ms" = 5\n', lambda path: read_profile(str(path))),
        "gate.toml": (b'fail_if = ["throughput.acked_per_s-10%"]\n[baseline]\nprofile = "balanced"\n', read_gate_file),
        "client.properties": (
            b'sasl.mechanism=PLAIN\nsasl.jaas.config=x.PlainLoginModule required username="u" password="p";\n',
            read_client_file,
        ),
        "kcat.conf": (b"bootstrap.servers=h:1\nsasl.password=x\n", lambda path: read_client_file(path, "kcat")),
    }


def mutated_others(at: Path, kinds: dict[str, tuple[bytes, Callable[[Path], Any]]], seeds: range) -> None:
    for name, (good, read) in kinds.items():
        (at / name).write_bytes(good)
        assert read(at / name), f"{name}: the good one is not read"
        for seed in seeds:
            (at / name).write_bytes(mutations.of_bytes(good, Random(seed)))
            attempt(lambda read=read, name=name: read(at / name))
        (at / name).unlink()


def test_every_other_file_that_was_changed(tmp_path: Path) -> None:
    """Rows, histograms, outcomes, experiments, dead letters, payloads, profiles, client files: refused in words or read."""
    mutated_others(tmp_path, other_files(tmp_path), range(40))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_other_file_a_thousand_times(tmp_path: Path) -> None:
    """The same, longer."""
    mutated_others(tmp_path, other_files(tmp_path), range(1_000))


def test_files_without_an_end(tmp_path: Path) -> None:
    """A device is no payload, no profile and no secret."""
    with pytest.raises(UsageError, match="is no file"):
        read_payload_file("/dev/zero")
    with pytest.raises(UsageError, match="more than 1 MiB is no secret"):
        resolve({"start": "mock", "X": ["sasl.password=file:/dev/zero"]}, {})
    with pytest.raises(UsageError, match="no such file"):
        resolve({"start": "mock", "command_config": "/dev/zero"}, {})


def test_toml_as_deep_and_long_as_it_likes(tmp_path: Path) -> None:
    """What Python's own reader fails on is refused as well."""
    for content in (b"a = " + b"[" * 20_000, b"a = " + b"9" * 10_000, b"[run]\nrate = " + b"1" * 5_000):
        path = tmp_path / "p.toml"
        path.write_bytes(content)
        with pytest.raises((ValueError, RecursionError)):
            tomllib.loads(content.decode())
        with pytest.raises(UsageError):
            read_profile(str(path))
        with pytest.raises(UsageError):
            read_gate_file(path)


def test_strict_json_takes_what_is_json() -> None:
    """And of a key that stands twice, or a number that is none, nothing."""
    assert strict_json.decode(b'{"a": 1, "b": {"a": 2}}', dict[str, Any]) == {"a": 1, "b": {"a": 2}}
    for bad in (b'{"a":1,"a":1}', b'{"a":NaN}', b'{"a":1e999}', b'{"b":{"a":1,"a":2}}', b"[" * 100_000, b"\xff"):
        with pytest.raises(msgspec.DecodeError):
            strict_json.decode(bad, dict[str, Any])
