"""Where a secret comes from: a variable, a file, a person at a terminal; each that is not there is said in one line."""

import getpass
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadgen.profile.secrets import MAX_SECRET_BYTES, _asked, secret_value

NAME = "sasl.password"


class Terminal(io.StringIO):
    """Standard input of somebody who sits there."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def asked_by_nobody() -> Iterator[None]:
    """An answer is kept for the length of a process; not from one test to the next."""
    _asked.cache_clear()
    yield
    _asked.cache_clear()


def test_a_variable_and_a_file(tmp_path: Path) -> None:
    """The line's end that an editor adds is no part of a secret; a colon in a literal one is."""
    path = tmp_path / "secret"
    path.write_bytes(b"from:file \r\n")

    assert secret_value(NAME, "env:THERE", {"THERE": "from env"}) == "from env"
    assert secret_value(NAME, f"file:{path}", {}) == "from:file "
    assert secret_value(NAME, "literal:1", {}) == "literal:1"


def test_a_person_is_asked_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the property's name, without echo, and a run of many steps asks no second time."""
    questions: list[str] = []

    def answer(question: str) -> str:
        questions.append(question)
        return "typed"

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", answer)

    assert [secret_value(NAME, "prompt:", {}) for _ in range(3)] == ["typed"] * 3
    assert questions == ["sasl.password: "]


def test_a_real_terminal_is_asked_and_shows_nothing() -> None:
    """Through a pseudo-terminal: the question is seen, what is typed is not."""
    code = f"from loadgen.profile.secrets import secret_value; print(len(secret_value({NAME!r}, 'prompt:', {{}})))"
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        seen = _until(ours, b"sasl.password: ")
        os.write(ours, b"canary\n")
        seen += _until(ours, b"6\r\n")
    os.close(ours)

    assert process.returncode == 0
    assert b"canary" not in seen


def _until(terminal: int, end: bytes) -> bytes:
    seen = b""
    while not seen.endswith(end):
        seen += os.read(terminal, 1024)
    return seen


def test_nobody_is_asked_where_nobody_sits(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI a prompt would wait for ever: it is refused in one line that says what to use."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\n"))
    monkeypatch.setattr(getpass, "getpass", pytest.fail)

    with pytest.raises(
        ValueError, match=r"sasl\.password = prompt: and no terminal to ask at; use env:NAME or file:PATH"
    ):
        secret_value(NAME, "prompt:", {})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("env:NOT_THERE", "environment variable NOT_THERE is not set"),
        ("file:FOLDER/none", "cannot be read"),
        ("file:FOLDER", "cannot be read"),
        ("file:FOLDER/huge", "more than 1 MiB"),
        ("file:FOLDER/binary", "not UTF-8"),
    ],
)
def test_one_that_is_not_there_is_said(tmp_path: Path, value: str, said: str) -> None:
    """With the property, and where it should have come from; never what was read."""
    (tmp_path / "huge").write_bytes(b"a" * (MAX_SECRET_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ValueError, match=said) as caught:
        secret_value(NAME, value.replace("FOLDER", str(tmp_path)), {})
    assert str(caught.value).startswith(f"{NAME} = ")
