"""Dead letters read back, and sent again to where they were meant to go.

Goal: nothing twice by accident, nothing lost by an interruption. The file of letters is never changed: a note beside it,
`FILE.replayed`, lists the lines that were acknowledged, one number a line, and the next replay leaves those out. A
publisher may go on writing to the file meanwhile.
Non-goal: where letters come from (`dead_letter.py`), what is printed (`cli/dead_letters.py`).
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from loadgen.errors import DataWrong, UsageError
from loadgen.producer.dead_letter import DeadLetter
from loadgen.producer.errors import KafkaProducerError, QueueFull
from loadgen.producer.transport import Transport

LONGEST_LINE_BYTES = 128 << 20


class Filed(NamedTuple):
    """A letter and its line in the file, from 1."""

    line: int
    letter: DeadLetter


def read_dead_letters(path: Path) -> Iterator[Filed]:
    """The letters of a file, one at a time.

    Raises:
        UsageError: there is no such file.
        DataWrong: a line is no dead letter, or the last is cut short; the text names it. Those before were good.
    """
    decode = msgspec.json.Decoder(DeadLetter).decode
    try:
        lines = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    with lines:
        number = 0
        while line := lines.readline(LONGEST_LINE_BYTES):
            number += 1
            if not line.endswith(b"\n"):
                raise DataWrong(f"{path}, line {number}: cut short after {len(line)} bytes; all before it are good")
            try:
                yield Filed(number, decode(line))
            except (msgspec.DecodeError, ValueError) as error:
                raise DataWrong(f"{path}, line {number}: no dead letter ({error})") from None


class FileLetters:
    """A file of letters with the note of what was sent again.

    Attributes:
        replayed: lines that an earlier replay had acknowledged.

    Raises:
        DataWrong: the note holds something else than line numbers.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note = path.with_name(path.name + ".replayed")
        try:
            text = self.note.read_text("ascii", errors="replace")
        except FileNotFoundError:
            text = ""
        try:
            self.replayed = frozenset(int(line) for line in text.split())
        except ValueError:
            raise DataWrong(f"{self.note}: holds something else than line numbers") from None

    def __iter__(self) -> Iterator[Filed]:
        return read_dead_letters(self.path)

    def note_replayed(self, line: int) -> None:
        """An acknowledged letter; the kernel has it when this returns."""
        with self.note.open("a", encoding="ascii") as note:
            note.write(f"{line}\n")

    def close(self) -> None:
        """Nothing is held open."""


def hand_over(letters: Iterable[Filed], transport: Transport, on_result: Callable[[Filed, Any], object]) -> int:
    """Send letters in their order, each to the topic that it was meant for; waits while the client's queue is full.

    Args:
        on_result: called once with (letter, error or None) for each, from poll() here or later, or at once if refused.

    Returns:
        how many results there will be.
    """
    count = 0
    for filed in letters:
        count += 1
        _when_room(transport, filed, on_result)
    return count


def _when_room(transport: Transport, filed: Filed, on_result: Callable[[Filed, Any], object]) -> None:
    letter = filed.letter

    def reported(error: Any, _message: Any) -> None:
        on_result(filed, error)

    while True:
        try:
            transport.send(letter.topic, letter.value, letter.key, letter.headers or None, -1, reported)
        except QueueFull:
            transport.poll(0.1)
        except KafkaProducerError as error:
            on_result(filed, error)
            return
        else:
            transport.poll(0.0)
            return
