"""Kafka's jars: fetched once, complete or not there, and one clear line when they cannot be."""

import subprocess
import sys
from pathlib import Path

import pytest

from loadgen.brokers.kafka_jars import KAFKA_VERSION, cache_folder, kafka_classpath, require_java
from loadgen.errors import Unreachable, UsageError
from tests.brokers.fakes import put_on_path

# Stands in for Maven: notes each call, writes two jars where it is told to
MAVEN = """
target = next(word.partition("=")[2] for word in sys.argv if word.startswith("-DoutputDirectory="))
with open(os.environ["CALLS"], "a") as calls: calls.write("fetch\\n")
os.makedirs(target)
for name in ("kafka.jar", "log4j.jar"): open(os.path.join(target, name), "w").write("jar")
"""
FAILING_MAVEN = "print('[INFO] x'); print('[ERROR] could not resolve kafka_2.13'); raise SystemExit(1)"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's cache is read or written."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))


@pytest.mark.parametrize(
    ("programs", "named"),
    [
        ({}, "Java 17 or newer and Maven"),
        ({"mvn": MAVEN}, "Java 17 or newer, not found"),
        ({"java": ""}, "needs Maven, not found"),
    ],
)
def test_what_is_missing_is_named_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], named: str
) -> None:
    """Both at once when both are missing, in one line."""
    put_on_path(monkeypatch, tmp_path / "bin", **programs)
    with pytest.raises(UsageError, match=named) as raised:
        require_java()

    assert "apt-get install" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_maven_is_not_needed_when_the_jars_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that fetched them once runs Kafka with Java alone, and offline."""
    put_on_path(monkeypatch, tmp_path / "bin", java="")
    cache_folder().mkdir(parents=True)

    assert require_java() == str(tmp_path / "bin" / "java")
    assert kafka_classpath() == str(cache_folder() / "*")


def test_fetched_once_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call asks nobody, and nothing but the jars and a lock is left in the cache."""
    put_on_path(monkeypatch, tmp_path / "bin", mvn=MAVEN, java="")
    assert kafka_classpath() == kafka_classpath()

    assert (tmp_path / "calls").read_text() == "fetch\n"
    assert sorted(path.name for path in cache_folder().iterdir()) == ["kafka.jar", "log4j.jar"]
    assert sorted(path.name for path in cache_folder().parent.iterdir()) == [
        f"kafka-{KAFKA_VERSION}",
        f"kafka-{KAFKA_VERSION}.lock",
    ]


def test_several_processes_at_once_fetch_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait and find a complete folder."""
    put_on_path(monkeypatch, tmp_path / "bin", mvn="import time; time.sleep(0.2)" + MAVEN, java="")
    code = "from loadgen.brokers.kafka_jars import *; import os; kafka_classpath(); assert len(os.listdir(cache_folder())) == 2"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]

    assert [one.wait(timeout=60) for one in running] == [0, 0, 0, 0]
    assert (tmp_path / "calls").read_text() == "fetch\n"


def test_a_failed_fetch_leaves_nothing_and_says_mavens_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first error line; the next attempt starts from nothing."""
    put_on_path(monkeypatch, tmp_path / "bin", mvn=FAILING_MAVEN, java="")
    with pytest.raises(Unreachable, match=r"\[ERROR\] could not resolve kafka_2.13"):
        kafka_classpath()

    assert [path.name for path in cache_folder().parent.iterdir()] == [f"kafka-{KAFKA_VERSION}.lock"]


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that moves it."""
    put_on_path(monkeypatch, tmp_path / "bin", mvn=MAVEN, java="")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="set XDG_CACHE_HOME"):
        kafka_classpath()


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_a_cache_home_that_is_no_absolute_path_is_ignored(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """As the XDG base directory specification asks."""
    monkeypatch.setenv("XDG_CACHE_HOME", value)

    assert cache_folder() == Path.home() / ".cache" / "loadgen" / f"kafka-{KAFKA_VERSION}"
