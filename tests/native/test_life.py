"""A client's life: bound to one Producer, refused when misused, never a crash."""

import gc
import subprocess
import sys
import threading
from array import array

import confluent_kafka
import pytest

from loadgen import native
from loadgen.brokers.mock import MockCluster
from loadgen.native._native import Client
from loadgen.recorder.slab import Slab
from tests.native.conftest import Mode, Rig, RigMaker

MODES = pytest.mark.parametrize("mode", ["native", "python"])


def use(client: Client, mode: Mode) -> None:
    """The hot call of each mode."""
    if mode == "native":
        client.send(0, 1)
    else:
        client.expect(0, 1)


@MODES
def test_a_client_goes_from_pending_to_live_to_dead_to_closed(rig: RigMaker, mode: Mode) -> None:
    """One word says where it is."""
    sender = rig(mode).aim().prime()
    states = [sender.client.state]
    sender.producer = None
    states.append(sender.client.state)
    sender.client.close()
    states.append(sender.client.state)

    assert states == ["live", "dead", "closed"]


@MODES
def test_use_before_there_is_a_producer_is_refused(slab: Slab, mode: Mode) -> None:
    """Nothing to send with yet."""
    client = native.load().Client(slab.words, 0, mode)
    try:
        assert client.state == "pending"
        with pytest.raises(RuntimeError, match="before a Producer was made with this client's plugin_path"):
            use(client, mode)
    finally:
        client.close()


@MODES
def test_use_after_the_producer_is_gone_is_refused(rig: RigMaker, mode: Mode) -> None:
    """Closed or collected: the handle is taken away before it can be used."""
    sender = rig(mode).aim().prime()
    sender.producer = None
    gc.collect()

    with pytest.raises(RuntimeError, match="after the Producer was closed"):
        use(sender.client, mode)


@MODES
def test_use_after_close_is_refused(rig: RigMaker, mode: Mode) -> None:
    """Every call says so; closing twice is no error."""
    sender = rig(mode).aim().prime()
    sender.close()
    sender.client.close()

    for call in (lambda: use(sender.client, mode), sender.client.failures, lambda: sender.client.answered):
        with pytest.raises(RuntimeError, match=r"this native\.Client is closed"):
            call()


def test_closing_the_producer_reports_what_is_left_and_ends_the_client(rig: RigMaker) -> None:
    """Records that went out while it closed are counted."""
    sender = rig("native", linger_ms=200).aim().prime()
    sender.send(100)
    sender.producer.close()
    sender.producer = None

    assert sender.outcomes() == (100, 0, 0)
    assert sender.client.state == "dead"


def test_a_producer_nobody_waits_for_is_refused(slab: Slab) -> None:
    """Somebody else's Producer, or one of ours in the wrong place, does not count into a slab by accident."""
    del slab
    with pytest.raises(confluent_kafka.KafkaException, match=r"no native\.Client is waiting in this thread"):
        confluent_kafka.Producer({"plugin.library.paths": native.load().PLUGIN_PATH})


def test_a_client_of_another_thread_is_not_taken(client: Client) -> None:
    """The Producer that binds it is made by who made the client."""
    errors: list[str] = []

    def make() -> None:
        try:
            confluent_kafka.Producer({"plugin.library.paths": client.plugin_path})
        except confluent_kafka.KafkaException as error:
            errors.append(str(error))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()

    assert len(errors) == 1
    assert "in this thread" in errors[0]
    assert client.state == "pending"


def test_one_client_waits_at_a_time(slab: Slab, client: Client) -> None:
    """Else it would be chance which Producer counts where."""
    with pytest.raises(RuntimeError, match="one at a time"):
        native.load().Client(slab.words, 0, "native")

    client.close()
    native.load().Client(slab.words, 0, "native").close()


@MODES
def test_a_producer_that_cannot_be_made_leaves_no_client_waiting(slab: Slab, mode: Mode) -> None:
    """The next one is not bound to the failed one's slot."""
    client = native.load().Client(slab.words, 0, mode)
    with pytest.raises(confluent_kafka.KafkaException):
        confluent_kafka.Producer({"plugin.library.paths": client.plugin_path, "linger.ms": "soon"})

    assert client.state == "dead"
    with pytest.raises(RuntimeError, match="after the Producer was closed"):
        use(client, mode)
    client.close()
    native.load().Client(slab.words, 0, mode).close()


def test_two_producers_of_a_process_count_apart(rig: RigMaker) -> None:
    """Handle and topic belong to one client each; so do slots."""
    first, second = rig("native", slot=0).aim().prime(), rig("python", slot=1).aim().prime()

    first.send(300)
    second.send(200)
    first.wait_answered(300)
    second.wait_answered(200)

    assert (first.outcomes(), second.outcomes()) == ((300, 0, 0), (200, 0, 0))


@MODES
def test_a_producer_collected_with_records_under_way(rig: RigMaker, cluster: MockCluster, mode: Mode) -> None:
    """librdkafka drops their reports; nothing crashes, and none is counted twice."""
    sender = rig(mode).aim().prime()
    cluster.pause()
    sender.send(1_000)
    sender.producer = None
    gc.collect()

    assert sum(sender.outcomes()) <= 1_000
    assert sender.client.state == "dead"


@MODES
def test_a_client_dropped_before_its_producer(slab: Slab, cluster: MockCluster, mode: Mode) -> None:
    """Its memory lives on while librdkafka's threads use it."""
    sender = Rig(slab, 0, mode, cluster.bootstrap, {}).aim().prime()
    sender.send(1_000)
    answered = sender.outcomes
    del sender.client
    gc.collect()
    while sum(answered()) < 1_000:
        sender.producer.poll(0.02)
    assert answered() == (1_000, 0, 0)
    sender.producer = None
    native.load().Client(slab.words, 1, mode).close()  # which frees what the first one left


def test_many_lives_in_one_process(slab: Slab, cluster: MockCluster) -> None:
    """Producers come and go; each leaves its place as it found it."""
    for life in range(20):
        sender = Rig(slab, life % 2, "native" if life % 3 else "python", cluster.bootstrap, {}).aim().prime()
        sent_before = sum(sender.outcomes())
        sender.send(50)
        sender.wait_answered(sent_before + 50)
        sender.close()

    assert slab.words[0]


def test_another_thread_is_refused_while_one_sends(rig: RigMaker) -> None:
    """The pool is patched where it stands: two senders would mix their events."""
    sender = rig("native", queue_buffering_max_messages=0).aim().prime()
    errors: set[str] = set()
    done = threading.Event()

    def interfere() -> None:
        while not done.is_set():
            try:
                sender.client.failures()
            except RuntimeError as error:
                errors.add(str(error))

    thread = threading.Thread(target=interfere)
    thread.start()
    while not errors:
        sender.send(5_000)
    done.set()
    thread.join()

    assert errors == {"this native.Client is sending in another thread"}
    sender.wait_answered(sender.next_sequence)


FORK = """
import os, sys
from array import array
import confluent_kafka
from loadgen import native
from loadgen.recorder.slab import Slab

slab = Slab.create(1)
client = native.load().Client(slab.words, 0, sys.argv[1])
producer = confluent_kafka.Producer({"plugin.library.paths": client.plugin_path, "log_level": 0})
child = os.fork()
if child == 0:
    try:
        client.send(0, 1) if sys.argv[1] == "native" else client.expect(0, 1)
    except RuntimeError as error:
        os.write(1, str(error).encode())
        os._exit(7)
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@MODES
def test_a_forked_child_is_refused(mode: Mode) -> None:
    """librdkafka's threads are not in the child: what it sent there would silently be lost."""
    run = subprocess.run([sys.executable, "-c", FORK, mode], capture_output=True, text=True, timeout=60, check=False)

    assert run.returncode == 7, run.stderr
    assert "librdkafka's threads do not survive a fork" in run.stdout


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda client: client.send(0), TypeError),
        (lambda client: client.send(0, 1, None, 2), TypeError),
        (lambda client: client.send(-1, 1), OverflowError),
        (lambda client: client.send(0, -1), OverflowError),
        (lambda client: client.send(10**12, 1), ValueError),
        (lambda client: client.send(10**12 - 5, 6), ValueError),
        (lambda client: client.send(0, 3, array("q", [0, 1])), ValueError),
        (lambda client: client.send(0, 1, "offsets"), TypeError),
        (lambda client: client.expect(0, 1), RuntimeError),
        (lambda client: client.set_topic("other"), RuntimeError),
        (lambda client: client.set_records(b"y", array("Q", [0]), array("I", [1]), "7f3a9c21", 0, 1), RuntimeError),
        (lambda client: client.set_keys("order"), RuntimeError),
        (lambda client: client.set_schedule([]), RuntimeError),
        (lambda client: client.set_outcomes(bytearray(9)), RuntimeError),
        (lambda client: client.mark_rejected(-1), OverflowError),
    ],
)
def test_wrong_arguments_raise(rig: RigMaker, call: object, error: type[Exception]) -> None:
    """In Python, before C uses them."""
    sender = rig("native").aim().prime()
    sender.send(1)

    with pytest.raises(error):
        call(sender.client)  # type: ignore[operator]
    sender.wait_answered(1)


def test_outcomes_need_memory_that_can_be_written(client: Client) -> None:
    """Refused at once, not at the first acknowledgement."""
    with pytest.raises(BufferError):
        client.set_outcomes(b"read-only")


def test_a_native_client_sends_only_what_it_was_given(rig: RigMaker) -> None:
    """No topic and no records: refused, not sent to nowhere."""
    sender = rig("native")

    with pytest.raises(RuntimeError, match=r"before set_topic\(\) and set_records\(\)"):
        sender.client.send(0, 1)


def test_a_topic_that_cannot_be_is_refused(rig: RigMaker) -> None:
    """librdkafka makes no handle for a name of 600 characters."""
    sender = rig("native").aim("t" * 600)

    with pytest.raises(RuntimeError, match="no topic handle"):
        sender.client.send(0, 1)
