"""managed_publisher: signals end the program well, and nothing else."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from loadgen.brokers.target import Broker
from loadgen.producer import managed
from loadgen.producer.async_publisher import AsyncOrderEventPublisher
from loadgen.producer.errors import DrainTimeout, ShuttingDown
from loadgen.producer.managed import managed_publisher
from loadgen.producer.memory import Answer, MemoryTransport
from loadgen.producer.publisher import OrderEventPublisher
from loadgen.producer.replay import read_dead_letters
from tests.producer.reading import read_topic
from tests.producer.samples import Change, Heard


def in_memory(transport: MemoryTransport, **options: Any) -> Any:
    return managed_publisher(["memory:1"], "orders", transport=transport, logger=Heard(), **options)


def test_with_closes_and_restores_the_handlers() -> None:
    """What was there before is there after."""
    before = [signal.getsignal(number) for number in managed.SIGNALS]
    transport = MemoryTransport()
    with in_memory(transport) as publisher:
        assert isinstance(publisher, OrderEventPublisher)
        assert [signal.getsignal(number) for number in managed.SIGNALS] != before
        publisher.publish_order(Change("a", 1))

    assert [signal.getsignal(number) for number in managed.SIGNALS] == before
    assert len(transport.log) == 1


def test_async_with_gives_the_documents_publisher() -> None:
    """publish_order without await, as the document's use of it."""
    before = [signal.getsignal(number) for number in managed.SIGNALS]
    transport = MemoryTransport()

    async def use() -> None:
        async with in_memory(transport) as publisher:
            assert isinstance(publisher, OrderEventPublisher)
            publisher.publish_order(Change("a", 1))

    asyncio.run(use())
    assert [signal.getsignal(number) for number in managed.SIGNALS] == before
    assert len(transport.log) == 1


def test_async_with_gives_the_async_publisher_when_asked() -> None:
    """kind=AsyncOrderEventPublisher."""
    transport = MemoryTransport()

    async def use() -> None:
        async with in_memory(transport, kind=AsyncOrderEventPublisher) as publisher:
            await publisher.publish_order(Change("a", 1))

    asyncio.run(use())
    assert len(transport.log) == 1
    with pytest.raises(TypeError, match="async with"), in_memory(transport, kind=AsyncOrderEventPublisher):
        pass


def test_outside_the_main_thread_it_works_without_handlers_and_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Signals belong to the main thread; the publisher does not."""
    transports = [MemoryTransport(), MemoryTransport()]
    managed._said.clear()

    def use() -> None:
        for transport in transports:
            with in_memory(transport) as publisher:
                publisher.publish_order(Change("a", 1))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()

    assert [len(transport.log) for transport in transports] == [1, 1]
    assert capsys.readouterr().out.count("no_signal_handlers") == 1


def test_an_ignored_signal_stays_ignored() -> None:
    """Whoever started the program under nohup meant it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with in_memory(MemoryTransport()):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_the_application_is_called_and_the_body_ends() -> None:
    """The signal is passed on to whoever handled it before; then the block ends as a terminated program does."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    transport = MemoryTransport()
    try:
        with pytest.raises(managed.Terminated) as raised, in_memory(transport) as publisher:
            publisher.publish_order(Change("a", 1))
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
            pytest.fail("the body went on")
    finally:
        signal.signal(signal.SIGTERM, before)

    assert raised.value.code == 143
    assert heard == [signal.SIGTERM]
    assert len(transport.log) == 1


def test_sigint_is_a_keyboard_interrupt() -> None:
    """As everywhere in Python; the orders were drained before."""
    transport = MemoryTransport()
    with pytest.raises(KeyboardInterrupt), in_memory(transport) as publisher:
        publisher.publish_order(Change("a", 1))
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()

    assert len(transport.log) == 1


def test_orders_left_are_an_error_of_a_normal_end() -> None:
    """DrainTimeout, unless something else is on its way out."""
    with (
        pytest.raises(DrainTimeout),
        in_memory(MemoryTransport(lambda _: Answer(None)), drain_timeout=0.05) as publisher,
    ):
        publisher.publish_order(Change("a", 1))

    async def leave() -> None:
        async with in_memory(MemoryTransport(lambda _: Answer(None)), drain_timeout=0.05) as publisher:
            publisher.publish_order(Change("a", 1))

    with pytest.raises(DrainTimeout):
        asyncio.run(leave())


def test_a_loop_that_catches_every_error_ends_too() -> None:
    """A body that swallows KafkaProducerError is interrupted where it stands, in its own code."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    refused = 0
    try:
        with pytest.raises(managed.Terminated), in_memory(MemoryTransport()) as publisher:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
            while True:
                try:
                    publisher.publish_order(Change("a", 1))
                except ShuttingDown:
                    refused += 1
    finally:
        signal.signal(signal.SIGTERM, before)


PROGRAM = """
import json, os, signal, sys, threading
from loadgen.producer.kafka import KafkaTransport
from loadgen.producer.managed import managed_publisher
from tests.producer.samples import Change, Heard

bootstrap, topic, dead, mode, total = sys.argv[1:6]
heard = Heard()
closed = []
original = KafkaTransport.close
KafkaTransport.close = lambda self, timeout_s: (closed.append(1), original(self, timeout_s))[1]
options = dict(dead_letters=dead, logger=heard, drain_timeout=float(sys.argv[6]),
               properties={"message.timeout.ms": 300_000})

def report(publisher):
    metrics = publisher.metrics()
    print(json.dumps({"accepted": metrics.accepted, "acked": metrics.acked, "given_up": metrics.given_up,
                      "dead_lettered": metrics.dead_lettered, "outstanding": metrics.outstanding,
                      "closed": len(closed)}), flush=True)

def publish(publisher):
    for number in range(int(total)):
        publisher.publish_order(Change(f"order-{number}", number))
        if number == min(1000, int(total)) - 1:
            print("started", flush=True)
    print("finished", flush=True)

class Late:
    # tells the ledger when the handler that was there before gets the signal
    def __call__(self, number, frame):
        report(self.publisher)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

late = Late()
if mode.endswith("-report"):
    signal.signal(signal.SIGTERM, late)
if mode.startswith("sync"):
    with managed_publisher([bootstrap], topic, **options) as publisher:
        late.publisher = publisher
        publish(publisher)
        if "wait" in mode:
            signal.pause()
    report(publisher)
else:
    import asyncio
    async def main():
        async with managed_publisher([bootstrap], topic, **options) as publisher:
            late.publisher = publisher
            for number in range(int(total)):
                publisher.publish_order(Change(f"order-{number}", number))
                if number == 999:
                    print("started", flush=True)
                if number % 100 == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(60)
    asyncio.run(main())
"""


def start(
    bootstrap: str, topic: str, dead: Path, mode: str, total: int, drain_s: float = 10.0
) -> subprocess.Popen[str]:
    """The program above, started; its first line was read."""
    arguments = [bootstrap, topic, str(dead), mode, str(total), str(drain_s)]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


@pytest.mark.parametrize("mode", ["sync-report", "async-report"])
def test_sigterm_in_the_middle_loses_no_order(mock: Broker, topic: str, tmp_path: Path, mode: str) -> None:
    """A program of 100,000 orders, ended at some point: it dies by the signal, and every accepted order is written."""
    process = start(mock.bootstrap, topic, tmp_path / "dead.jsonl", mode, 100_000)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)

    assert process.returncode == -signal.SIGTERM, err
    assert "Traceback" not in err
    ledger = json.loads(out.splitlines()[-1])
    assert ledger["accepted"] == ledger["acked"] + ledger["dead_lettered"]
    assert ledger["closed"] == 1
    read = read_topic(mock.bootstrap, topic, ledger["acked"])
    assert len({found.key for found in read}) == len(read) == ledger["acked"]


def test_sigint_while_it_waits(mock: Broker, topic: str, tmp_path: Path) -> None:
    """Ctrl-C in the application's own code: drained, then KeyboardInterrupt as ever."""
    process = start(mock.bootstrap, topic, tmp_path / "dead.jsonl", "sync-wait", 100)
    assert process.stdout is not None
    assert process.stdout.readline() == "finished\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in err
    assert len(read_topic(mock.bootstrap, topic, 100)) == 100


def test_sigint_under_asyncio(mock: Broker, topic: str, tmp_path: Path) -> None:
    """Ctrl-C is a KeyboardInterrupt there too, once the block is left; the task's cancellation does not leak."""
    process = start(mock.bootstrap, topic, tmp_path / "dead.jsonl", "async", 1000)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == -signal.SIGINT, err
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert len(read_topic(mock.bootstrap, topic, 1000)) == 1000


def test_a_second_signal_cuts_the_drain_short(topic: str, tmp_path: Path) -> None:
    """No broker at all: the first signal drains for a minute, the second lays everything down at once."""
    process = start("127.0.0.1:1", topic, tmp_path / "dead.jsonl", "sync-report", 100_000_000, drain_s=60.0)
    process.send_signal(signal.SIGTERM)
    # the first is being obeyed once no more is accepted; a signal a little later is a second one either way
    for _ in range(50):
        try:
            process.wait(0.5)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
    else:
        process.kill()
    out, _ = process.communicate(timeout=30)

    assert process.returncode == -signal.SIGTERM
    ledger = json.loads(out.splitlines()[-1])
    assert ledger["accepted"] == ledger["dead_lettered"] > 0
    kept = [filed.letter.order_id for filed in read_dead_letters(tmp_path / "dead.jsonl")]
    assert len(set(kept)) == len(kept) == ledger["dead_lettered"]
