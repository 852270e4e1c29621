"""One broker process of this host: started on a leash, paused, killed, started again on the same data."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from loadgen.brokers.answers import answers
from loadgen.brokers.leash import Leash
from loadgen.errors import Unreachable

ENDS_WITHIN_S = 20.0


class BrokerProcess:
    """A broker, or a container engine's client in its place.

    Args:
        name: for messages, such as "Kafka node 2".
        address: host:port of its plaintext listener.
        command: of the broker, in the foreground.
        folder: its settings, log and data; removed with the process, also when this process is killed.
    """

    def __init__(self, name: str, address: str, command: Sequence[str], folder: Path) -> None:
        self.name, self.address, self.folder = name, address, folder
        self._command = list(command)
        self.log = folder / "broker.log"
        self._leash = Leash(self._command, folder, self.log)

    @property
    def pid(self) -> int:
        """Of the broker; of the engine's client when it runs in a container."""
        return self._leash.pid

    @property
    def running(self) -> bool:
        """It has not ended."""
        return self._leash.running

    def tail(self) -> str:
        """The end of its log, as one line."""
        return self._leash.tail()

    def pause(self) -> None:
        """Stop it in its tracks: connections stay, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """As a power cut would: no clean shutdown. Its data stays."""
        os.kill(self.pid, signal.SIGKILL)
        self._leash.wait(ENDS_WITHIN_S)

    def stop(self) -> None:
        """A controlled shutdown, leaders moved first. Its data stays."""
        os.kill(self.pid, signal.SIGTERM)
        self._leash.wait(ENDS_WITHIN_S)

    def start_again(self, within_s: float) -> None:
        """On the same data, port and identity, after `kill` or `stop`.

        Raises:
            Unreachable: it does not answer in time.
        """
        self._leash.close(keep_folder=True)
        self._leash = Leash(self._command, self.folder, self.log)
        wait_until_answers(self, within_s)

    def close(self) -> None:
        """End it and remove what it wrote."""
        self._leash.close()

    @property
    def exit_code(self) -> int | None:
        """Once it has ended by itself or was killed; negative for a signal."""
        return self._leash.exit_code


def wait_until_answers(node: BrokerProcess, within_s: float, brokers: int = 1) -> None:
    """Return when a node answers a metadata request that names so many brokers.

    Raises:
        Unreachable: it ended, or the time is up; with the end of its log.
    """
    deadline = time.monotonic() + within_s
    while not answers(node.address, within_s=1.0, brokers=brokers):
        if not node.running:
            raise Unreachable(f"{node.name} ended with code {node.exit_code} before it was ready: {node.tail()}")
        if time.monotonic() > deadline:
            raise Unreachable(f"{node.name} did not answer on {node.address} within {within_s:g} s: {node.tail()}")
