"""A reading process: `python -m loadgen.consumer.worker`. Beside a run, or draining what a topic holds.

It reads as an ordinary consumer does: a group of its own, joined before the run starts; it commits nothing, so nothing
is left on the cluster when it leaves. The coordinator's words (start, stop) come through the slab; when the coordinator
dies, its end of standard input closes and the process ends. SIGINT is the coordinator's to answer.
"""

import gc
import os
import resource
import signal
import sys
import threading
import time
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from loadgen.consumer.client import NOT_BY_WAITING, make_consumer
from loadgen.consumer.end_to_end import EndToEnd
from loadgen.consumer.plan import ConsumePlan, read_framed
from loadgen.consumer.reader import read_ranges
from loadgen.consumer.settings import FETCH_WAIT_MS
from loadgen.errors import LoadgenError, Unreachable
from loadgen.recorder.slab import Header, Slab, State, Stop

ORPHANED = 3
FIRST_WAIT_S = 0.02  # for the first record; the stop word is looked at as often
MORE_RECORDS = 999  # taken with the first, as far as they are there: one instant serves them all
HEARTBEAT_NS = 100_000_000

BESIDE: dict[str, str] = {
    "enable.auto.commit": "false",
    "enable.auto.offset.store": "false",
    "auto.offset.reset": "earliest",
    "partition.assignment.strategy": "cooperative-sticky",  # a rebalance brings new partitions, none is read twice
    "isolation.level": "read_uncommitted",
    "fetch.wait.max.ms": str(FETCH_WAIT_MS),
    "fetch.queue.backoff.ms": "5",
    "allow.auto.create.topics": "false",
    "enable.metrics.push": "false",
}
"""fetch.min.bytes stays librdkafka's, 1: a broker answers at the first byte."""


def end_with_parent(stream: Any) -> None:
    """A thread that ends this process when the coordinator's end of the pipe closes."""

    def watch() -> None:
        while stream.read(1):
            pass
        os._exit(ORPHANED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def beat(slab: Slab, now_ns: int) -> None:
    """Liveness, CPU and memory."""
    slab.words[Header.HEARTBEAT_NS] = now_ns
    slab.words[Header.CPU_NS] = time.process_time_ns()
    slab.words[Header.RSS_KIB_MAX] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def read_beside(plan: ConsumePlan, slab: Slab) -> None:
    """Join the group, say READY when partitions are assigned, read until the stop word.

    Raises:
        Unreachable: credentials or certificates are wrong, or the cluster said no.
    """
    words, counter, heartbeat_due_ns = slab.words, EndToEnd(plan, slab), 0
    said_no: list[str] = []

    def note(error: KafkaError) -> None:
        if error.code() in NOT_BY_WAITING:
            said_no.append(error.str())

    def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for one in partitions:
            one.offset = plan.ranges.get(one.partition, (0, 0))[0]
        consumer.incremental_assign(partitions)
        words[Header.STATE] = max(int(words[Header.STATE]), State.READY)

    consumer = make_consumer(plan.bootstrap, plan.properties, group=plan.group, settings=BESIDE, on_error=note)
    consumer.subscribe([plan.topic], on_assign=assigned)
    try:
        while words[Header.STOP] == Stop.GO:
            first = consumer.poll(FIRST_WAIT_S)  # returns with the first record; consume() would wait for more
            now_ns = time.monotonic_ns()
            if said_no:
                raise Unreachable(f"{plan.bootstrap}: a consumer was refused: {said_no[0]}")
            if now_ns >= heartbeat_due_ns:
                heartbeat_due_ns = now_ns + HEARTBEAT_NS
                beat(slab, now_ns)
            if first is None:
                continue
            messages = [first, *consumer.consume(MORE_RECORDS, 0)]
            now_ns = time.monotonic_ns()
            messages = [one for one in messages if _is_record(one, plan.bootstrap)]
            counter.count(
                list(map(Message.key, messages)), list(map(Message.value, messages)), int(words[Header.T0_NS]), now_ns
            )
    finally:
        consumer.close()
    words[Header.STATE] = State.DONE


def _is_record(message: Message, bootstrap: str) -> bool:
    """Whether it is one, and no event of the client.

    Raises:
        Unreachable: the cluster refuses to let it read.
    """
    error = message.error()
    if error is None:
        return True
    if error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
        raise Unreachable(f"{bootstrap}: a consumer may not read: {error.str()}")
    return False


def drain(plan: ConsumePlan, slab: Slab) -> None:
    """Read all ranges to their ends, then say DONE; or until the stop word, and then not."""
    words, counter = slab.words, EndToEnd(plan, slab)
    words[Header.STATE] = State.READY
    while not words[Header.T0_NS] and words[Header.STOP] == Stop.GO:
        time.sleep(0.001)
    words[Header.STATE] = State.RUNNING
    words[Header.MEASURED_START_NS] = time.monotonic_ns()
    for batch in read_ranges(plan.bootstrap, plan.topic, plan.ranges, plan.properties):
        now_ns = time.monotonic_ns()
        counter.count(batch.keys, batch.values, int(words[Header.T0_NS]), now_ns)
        words[Header.MEASURED_END_NS] = now_ns
        beat(slab, now_ns)
        if words[Header.STOP] != Stop.GO:
            return
    words[Header.STATE] = State.DONE


def main() -> int:
    """Entry point; what went wrong is one JSON line on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stream = os.fdopen(0, "rb")
    plan = read_framed(stream)
    end_with_parent(stream)
    slab = Slab.attach(plan.slab)
    slab.words[Header.PID] = os.getpid()
    gc.disable()  # messages die by their counts
    try:
        read_beside(plan, slab) if plan.way == "beside" else drain(plan, slab)
    except LoadgenError as error:
        slab.words[Header.STATE] = State.FAILED
        sys.stdout.write(msgspec.json.encode({"error": str(error), "exit_code": error.exit_code}).decode() + "\n")
        sys.stdout.flush()
        return error.exit_code
    return 0


if __name__ == "__main__":
    ended = main()
    sys.stdout.flush()
    os._exit(ended)  # the watching thread still waits for its input
