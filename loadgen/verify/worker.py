"""A reading process of `crew`: reads its partitions, checks them, writes its bits, answers, leaves."""

import os
import sys
import threading
from typing import Any

import msgspec

from loadgen.consumer.reader import read_ranges
from loadgen.errors import LoadgenError
from loadgen.verify.checker import Checker
from loadgen.verify.crew import Findings, Share, findings, read_share, written

ORPHANED = 3


def end_with_parent(stream: Any) -> None:
    """A thread that ends this process when the other end of its input closes."""

    def watch() -> None:
        while stream.read(1):
            pass
        os._exit(ORPHANED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def check(share: Share) -> Findings:
    """Read and check one share; its bits go to its file."""
    checker = Checker(share.plan, share.mode, share.partitions)
    for batch in read_ranges(share.bootstrap, share.plan.topic, share.ranges, share.properties):
        checker.feed(batch)
    at = 0
    for bits in written(checker):
        os.pwrite(share.bits, bits.tobytes(), at)
        at += len(bits)
    return findings(checker)


def main() -> int:
    """Entry point; the answer is MessagePack on standard output, an error among it."""
    stream = os.fdopen(0, "rb")
    share = read_share(stream)
    end_with_parent(stream)
    code = 0
    try:
        answer = check(share)
    except LoadgenError as error:
        answer, code = Findings(error=str(error), exit_code=error.exit_code), error.exit_code
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    ended = main()
    os._exit(ended)  # the watching thread still waits for its input
