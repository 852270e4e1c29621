"""Which container engine answers, found with stand-ins for their clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loadgen.brokers import engine
from loadgen.errors import UsageError
from tests.brokers.fakes import put_on_path

ANSWERS = "raise SystemExit(0)"
DAEMON_IS_DOWN = "print('Cannot connect to the Docker daemon', file=sys.stderr); raise SystemExit(1)"
LIES = "print('Cannot connect to the Docker daemon', file=sys.stderr)"


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """The answer is kept for the life of a process; not for the next test."""
    yield
    engine.answering.cache_clear()


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        ({}, None),
        ({"docker": DAEMON_IS_DOWN}, None),
        ({"docker": LIES}, None),
        ({"docker": ANSWERS}, "docker"),
        ({"podman": ANSWERS}, "podman"),
        ({"docker": DAEMON_IS_DOWN, "podman": ANSWERS}, "podman"),
        ({"docker": ANSWERS, "podman": ANSWERS}, "docker"),
    ],
)
def test_an_engine_is_one_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], expected: str | None
) -> None:
    """An installed client whose daemon does not run is no engine."""
    put_on_path(monkeypatch, tmp_path, **programs)

    assert engine.answering() == (None if expected is None else str(tmp_path / expected))


@pytest.mark.parametrize(
    ("programs", "why"),
    [({}, "none is installed"), ({"docker": DAEMON_IS_DOWN}, "docker is installed but its engine does not answer")],
)
def test_without_one_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], why: str
) -> None:
    """One line: what needs it, what is wrong, what to install."""
    put_on_path(monkeypatch, tmp_path, **programs)
    with pytest.raises(UsageError, match=f"Redpanda needs a container engine: {why}; install and start Docker or"):
        engine.require("Redpanda")


def test_a_container_listens_on_the_loopback_only_and_is_removed_at_its_end() -> None:
    """Nobody else on the network is offered a broker without a password."""
    command = engine.run_command("docker", "image:1", ports={15000: 9092}, variables={"A": "b c"}, arguments=["start"])

    assert command[:3] == ["docker", "run", "--rm"]
    assert command[command.index("-p") + 1] == "127.0.0.1:15000:9092"
    assert command[command.index("-e") + 1] == "A=b c"
    assert command[-2:] == ["image:1", "start"]
