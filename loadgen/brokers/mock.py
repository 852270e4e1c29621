"""librdkafka's mock cluster as a process of its own: workers reach it over TCP, like any other broker.

`python -m loadgen.brokers.mock BROKERS` answers JSON lines on standard input with JSON lines on standard output, and
ends when its input does: with whoever started it, however that ended. `MockCluster` is the other end of the pipes.

Non-goal: a measure of any broker. It keeps 5 MB a partition in memory and writes nothing; whatever is measured on it is
this machine's client.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from loadgen.errors import LoadgenError, Unreachable

PRODUCE = 0  # the protocol's number of a ProduceRequest, for push_errors
ANSWER_WITHIN_S = 10.0


class MockCluster:
    """A running mock cluster; its brokers are numbered from 1.

    Attributes:
        bootstrap: host:port of each broker, comma between.
        pid: of its process.
    """

    def __init__(self, brokers: int = 1) -> None:
        self._turn = threading.Lock()  # one question on the pipe at a time
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadgen.brokers.mock", str(brokers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,  # Ctrl-C is for the run, which still wants to drain
        )
        self.pid = self._process.pid
        try:
            self.bootstrap: str = self._answer("to start")
        except LoadgenError:
            self.close()
            raise

    @classmethod
    def start(cls, brokers: int = 1) -> "MockCluster":
        """A cluster that answers, about 0.15 s later.

        Raises:
            LoadgenError: librdkafka cannot make it.
            Unreachable: its process ended or said nothing for 10 s.
        """
        return cls(brokers)

    def create_topic(self, name: str, partitions: int, replication_factor: int = 1) -> None:
        """Make a topic.

        Raises:
            LoadgenError: it is there, or a number is out of range.
        """
        self._ask("create_topic", name, partitions, replication_factor)

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Move a partition to a broker."""
        self._ask("set_leader", topic, partition, broker)

    def set_rtt_ms(self, broker: int, rtt_ms: int) -> None:
        """Answer every request to a broker so much later."""
        self._ask("set_rtt_ms", broker, rtt_ms)

    def push_errors(self, api_key: int, codes: Sequence[int]) -> None:
        """Answer the next requests of a kind with these error codes, one each."""
        self._ask("push_errors", api_key, list(codes))

    def clear_errors(self, api_key: int) -> None:
        """Forget what was pushed for a kind of request."""
        self._ask("clear_errors", api_key)

    def broker_down(self, broker: int) -> None:
        """Close its connections and refuse new ones."""
        self._ask("set_down", broker)

    def broker_up(self, broker: int) -> None:
        """Take connections again."""
        self._ask("set_up", broker)

    def pause(self) -> None:
        """Stop the whole cluster in its tracks (SIGSTOP): connections stay, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def running(self) -> bool:
        """Its process has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it, paused or not; calling it again does nothing."""
        if self.running:
            self._process.kill()  # nothing in it needs saying goodbye to
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> "MockCluster":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, command: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        with self._turn:
            try:
                self._process.stdin.write(json.dumps([command, *arguments]).encode() + b"\n")
            except (BrokenPipeError, ValueError):
                raise Unreachable(f"the mock cluster has ended; it cannot {command}") from None
            return self._answer(command)

    def _answer(self, command: str) -> Any:
        """The next line, within 10 s: a paused cluster does not answer."""
        assert self._process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_WITHIN_S)
            part = self._process.stdout.read(65536) if ready else b""
            if not part:
                self.close()
                why = "ended" if ready else f"did not answer within {ANSWER_WITHIN_S:g} s"
                raise Unreachable(f"the mock cluster {why} when asked {command}")
            line += part
        answer = json.loads(line)
        if "error" in answer:
            raise LoadgenError(f"mock cluster, {command}: {answer['error']}")
        return answer["ok"]


def serve(brokers: int) -> None:
    """The process's own side: make a cluster, say where, obey until the input ends."""
    from loadgen.brokers.librdkafka import Cluster

    try:
        cluster = Cluster(brokers)
    except LoadgenError as error:
        _say({"error": str(error)})
        return
    _say({"ok": cluster.bootstrap()})
    commands: dict[str, Callable[..., None]] = {
        name: getattr(cluster, name)
        for name in (
            "create_topic",
            "set_leader",
            "set_rtt_ms",
            "push_errors",
            "clear_errors",
            "set_down",
            "set_up",
        )
    }
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        try:
            commands[command](*arguments)
            _say({"ok": None})
        except (ValueError, TypeError, KeyError) as error:
            _say({"error": str(error)})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        serve(int(sys.argv[1]))
    finally:
        os._exit(0)  # librdkafka's own tear-down would wait for its threads
