"""Several processes that read one topic: partitions dealt out, bits shared by descriptor, findings added up.

`python -m loadgen.verify.worker` each. It gets its share as MessagePack on standard input and marks what it read in an
anonymous file; when it is done it answers with its findings on standard output. It ends when its input closes.
"""

import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt

from loadgen.errors import LoadgenError
from loadgen.report.result import PlanRecord
from loadgen.verify.checker import Checker
from loadgen.verify.verification import EXAMPLES, Example, Mode

Bits = npt.NDArray[np.uint8]


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one process is told.

    Attributes:
        ranges: its partitions' (first offset, one after the last).
        bits: descriptor of its file: what it saw, then what corrupted records claim; of equal size.
    """

    plan: PlanRecord
    mode: Mode
    partitions: int
    bootstrap: str
    properties: dict[str, str]
    ranges: dict[int, tuple[int, int]]
    bits: int


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What one process answers."""

    read: int = 0
    duplicated: int = 0
    reordered: int = 0
    corrupted: int = 0
    foreign: int = 0
    claims: bool = False
    examples: list[Example] = []
    error: str | None = None
    exit_code: int = 1


@dataclass
class Hand:
    """One reading process."""

    process: subprocess.Popen[bytes]
    bits: IO[bytes]


class ReaderFailed(LoadgenError):
    """A reading process ended with an error; its text and exit code are kept."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def deal(ranges: Mapping[int, tuple[int, int]], count: int) -> list[dict[int, tuple[int, int]]]:
    """Partitions dealt to `count` readers: the fullest first, each to whom has least."""
    shares: list[dict[int, tuple[int, int]]] = [{} for _ in range(count)]
    loads = [0] * count
    for partition in sorted(ranges, key=lambda one: ranges[one][0] - ranges[one][1]):
        least = loads.index(min(loads))
        shares[least][partition] = ranges[partition]
        loads[least] += ranges[partition][1] - ranges[partition][0]
    return [share for share in shares if share]


def read_together(
    checker: Checker,
    count: int,
    mode: Mode,
    bootstrap: str,
    ranges: Mapping[int, tuple[int, int]],
    properties: Mapping[str, str],
) -> None:
    """Let `count` processes read, and add what they found to the checker.

    Raises:
        ReaderFailed: one of them could not; what it said.
    """
    size = len(checker.seen.bits)
    hands: list[Hand] = []
    try:
        for share in deal(ranges, count):
            bits = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as its reader
            os.ftruncate(bits.fileno(), 2 * size)
            told = Share(
                plan=checker.plan,
                mode=mode,
                partitions=checker.rising.partitions,
                bootstrap=bootstrap,
                properties=dict(properties),
                ranges=share,
                bits=bits.fileno(),
            )
            hands.append(Hand(_start(told), bits))
        for hand in hands:
            checker_add(checker, _answer(hand), np.fromfile(hand.bits, np.uint8))
    finally:
        for hand in hands:
            if hand.process.poll() is None:
                hand.process.kill()
            hand.process.wait()
            for stream in (hand.process.stdin, hand.process.stdout, hand.process.stderr, hand.bits):
                if stream is not None:
                    stream.close()


def checker_add(checker: Checker, found: Findings, bits: Bits) -> None:
    """Add one reader's findings; an event that was seen before, by another reader, is a duplicate."""
    half = len(bits) // 2
    checker.duplicated += found.duplicated + checker.seen.merge(bits[:half])
    if found.claims:
        checker.claims().merge(bits[half:])
    checker.read += found.read
    checker.reordered += found.reordered
    checker.corrupted += found.corrupted
    checker.foreign += found.foreign
    for example in found.examples:
        kept = checker.examples.setdefault(example.kind, [])
        if len(kept) < EXAMPLES:
            kept.append(example)


def _start(share: Share) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "loadgen.verify.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[share.bits],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    body = msgspec.msgpack.encode(share)
    assert process.stdin is not None
    try:
        process.stdin.write(struct.pack("<Q", len(body)) + body)
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it ended already; its answer, or its absence, says why
    return process


def _answer(hand: Hand) -> Findings:
    process = hand.process
    assert process.stdout is not None and process.stderr is not None
    said = process.stdout.read()
    code = process.wait()
    try:
        found = msgspec.msgpack.decode(said, type=Findings)
    except msgspec.DecodeError:
        tail = process.stderr.read().decode("utf-8", "replace").strip().splitlines()[-3:]
        raise ReaderFailed(f"a reading process ended with exit {code}: {' | '.join(tail)}", 1) from None
    if found.error is not None:
        raise ReaderFailed(found.error, found.exit_code)
    return found


def findings(checker: Checker) -> Findings:
    """A checker's findings as they are handed over."""
    return Findings(
        read=checker.read,
        duplicated=checker.duplicated,
        reordered=checker.reordered,
        corrupted=checker.corrupted,
        foreign=checker.foreign,
        claims=checker.claimed is not None,
        examples=[example for kind in checker.examples.values() for example in kind],
    )


def read_share(stream: Any) -> Share:
    """Eight bytes of length, then MessagePack."""
    (length,) = struct.unpack("<Q", stream.read(8))
    return msgspec.msgpack.decode(stream.read(length), type=Share)


def written(checker: Checker) -> Sequence[Bits]:
    """What a reader writes into its file: what it saw, then what corrupted records claim."""
    return [checker.seen.bits, checker.claims().bits if checker.claimed is not None else np.zeros(0, np.uint8)]
