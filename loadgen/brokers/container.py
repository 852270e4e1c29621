"""A broker in a container, in the foreground of a client that is on a leash."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadgen.brokers.process import BrokerProcess, wait_until_answers


@contextlib.contextmanager
def start_container(name: str, command: Sequence[str], address: str, ready_within_s: float) -> Iterator[BrokerProcess]:
    """A container from here to the end of the block; it answers then.

    Args:
        command: as `engine.run_command` makes it.
        address: host:port on this host.

    Raises:
        Unreachable: it ended or did not answer in time; the client's last words are in the message.
    """
    folder = Path(tempfile.mkdtemp(prefix="loadgen-container-"))
    try:
        process = BrokerProcess(name, address, command, folder)
        try:
            wait_until_answers(process, ready_within_s)
            yield process
        finally:
            process.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
