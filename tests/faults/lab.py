"""What the fault tests share: a Kafka that may be broken, with a fault proxy before it; runs with something done to them
in the middle; and what must hold of every run, whatever was done.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from loadgen.brokers import admin
from loadgen.brokers.kafka import start_kafka
from loadgen.brokers.ports import free_ports
from loadgen.brokers.process import BrokerProcess
from loadgen.brokers.target import Broker
from loadgen.profile import resolve
from loadgen.report.result import Interval, Result, read_result
from loadgen.runner.coordinator import carry_out
from tests.brokers.waiting import wait_until
from tests.faults.proxy import HOST, FaultProxy, fault_proxy

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
READY_AGAIN_S = 90.0
T = TypeVar("T")


def can_leave_our_world() -> bool:
    """Whether this host lets us have networks and mounts of our own, and has the tools that shape them."""
    if not all(map(shutil.which, ("unshare", "ip", "tc", "mount"))):
        return False
    return subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True).returncode == 0


needs_root = pytest.mark.skipif(
    not can_leave_our_world(), reason="namespaces of network and mounts need root, and iproute2"
)


@dataclass(frozen=True)
class Lab:
    """A Kafka of one node that tests may stop, kill and start again; each leaves it running.

    Attributes:
        through: its address through the proxy; what connects there never sees the direct one.
    """

    broker: Broker
    proxy: FaultProxy
    through: str

    @property
    def node(self) -> BrokerProcess:
        assert self.broker.kafka is not None
        return self.broker.kafka.nodes[0]


@contextmanager
def start_lab() -> Iterator[Lab]:
    """A Kafka with a direct listener and one that advertises a fault proxy."""
    with fault_proxy() as proxy:
        (port,) = free_ports(1)
        advertised = f"PLAINTEXT://{HOST}:{port},PROXY://{HOST}:{proxy.port}"
        with start_kafka(
            "java", port=port, properties={"advertised.listeners": advertised}, listeners={"PROXY": "PLAINTEXT"}
        ) as node:
            proxy.upstream = int(node.listeners["PROXY"].rpartition(":")[2])
            broker = Broker("kafka", node.bootstrap, node.version, node.note, kafka=node)
            yield Lab(broker, proxy, f"{HOST}:{proxy.port}")


Actions = dict[float, Callable[[], Any]]


def run(actions: Actions | None = None, broker: Broker | None = None, **settings: Any) -> Result:
    """A run of one worker at 1,000/s with something done in the middle.

    Args:
        actions: second of the run → what is then done, on the coordinator's thread, so it must not wait.
        broker: one that is there already and is not asked for by its address (a mock cluster).
        settings: flags, over these defaults.
    """
    left = sorted((actions or {}).items())

    def act(row: Interval) -> None:
        while left and row.second >= left[0][0]:
            left.pop(0)[1]()

    given = {"warmup": "0", "workers": "1", "rate": "1k/s", "duration": "5s", **settings}
    result = carry_out(resolve(given, {}), on_interval=act, broker=broker).result
    assert not left, f"the run ended before its faults: {left}"
    return result


def kill_and_start_again(node: BrokerProcess) -> threading.Thread:
    """SIGKILL now; started again at once, on a thread to be joined."""
    os.kill(node.pid, signal.SIGKILL)
    thread = threading.Thread(target=lambda: (node.kill(), node.start_again(READY_AGAIN_S)))
    thread.start()
    return thread


def freeze(pid: int) -> None:
    """SIGSTOP, and wait until the process has stopped: a signal takes its time."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, within_s=10)


def workers_of(pid: int | None = None) -> list[psutil.Process]:
    """The worker processes below a process, this one by default."""
    return [
        child
        for child in psutil.Process(pid).children(recursive=True)
        if "loadgen.runner.worker" in " ".join(child.cmdline())
    ]


def residual(result: Result) -> int:
    """Records without an outcome, over all phases and workers."""
    ledgers = [result.messages, result.messages.warmup, *(worker.messages for worker in result.workers)]
    return sum(
        abs(one.attempted - one.rejected - one.acked - one.failed - one.unknown) + abs(one.open) for one in ledgers
    )


def assert_accounted(result: Result, *, bracket: bool = True) -> None:
    """R1 and R2: every record has one outcome, and the log grew by what was acknowledged, up to what is unknown.

    Args:
        bracket: False where the log itself was taken away, or records may be in it twice.
    """
    assert residual(result) == 0
    both = (result.messages, result.messages.warmup)
    acked, unknown = (sum(getattr(ledger, name) for ledger in both) for name in ("acked", "unknown"))
    if bracket:
        assert result.delivered.end_offset_delta is not None
        assert acked <= result.delivered.end_offset_delta <= acked + unknown
    found = result.delivered.verified
    if found is not None and bracket:
        assert (found.lost, found.duplicated, found.reordered, found.corrupted) == (0, 0, 0, 0)


def in_own_world(function: Callable[[], T]) -> T:
    """Call a function with a network and mounts of its own: a thread that left ours, so all that it starts is there too.

    The network has `lo` alone, up. Both go with the last process in them, however that ends.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def inside() -> None:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | CLONE_NEWNS):
                raise OSError(ctypes.get_errno(), "unshare of network and mounts")
            subprocess.run(["mount", "--make-rprivate", "/"], check=True)
            link("set", "lo", "up")
            results.append(function())
        except BaseException as error:  # told by the thread that waits
            errors.append(error)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def link(*arguments: str) -> str:
    """`ip link …` in this thread's network."""
    return subprocess.run(["ip", "link", *arguments], check=True, capture_output=True, text=True).stdout


class Command:
    """`loadgen run …` as a user starts it, in a process and a folder of its own.

    Args:
        folder: where it runs and keeps its results.
        arguments: behind `loadgen run`.
        before: called in the child before the program, as a shell's ulimit would be.
        wrapped: a command that is to start it, such as `unshare -m …`.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        before: Callable[[], Any] | None = None,
        wrapped: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "LOADGEN_RESULTS": str(folder / "runs")}
        self.process = subprocess.Popen(
            [*wrapped, sys.executable, "-m", "loadgen", "run", "--progress", "none", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=before,
            start_new_session=True,
        )

    def end(self, within_s: float = 60.0) -> tuple[int, str, str]:
        """(exit code, standard output, standard error)."""
        try:
            out, err = self.process.communicate(timeout=within_s)
        finally:
            self.process.kill()
        return self.process.returncode, out, err

    def result(self) -> Result:
        """Of the run that it saved."""
        (saved,) = self.folder.glob("runs/*/result.json")
        return read_result(saved)


def log_grew(broker: Broker, topic: str, least: int) -> Callable[[], bool]:
    """Whether a topic holds so many records, as a condition to wait for."""
    return lambda: sum(admin.end_offsets(broker, topic, {}) or [0]) >= least
