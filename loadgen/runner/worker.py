"""A worker process: reads its plan, readies its producers, sends from the shared instant on, drains, accounts, leaves.

Started as `python -m loadgen.runner.worker`, never forked (librdkafka's threads do not survive a fork). It imports
neither CLI, pydantic, structlog, matplotlib nor OpenTelemetry: ready in half the time. SIGINT reaches the whole process
group, so it is ignored here; the coordinator's stop word is obeyed. When the coordinator dies, its end of standard
input closes and the worker ends at once: no orphan goes on sending.
"""

import gc
import os
import resource
import signal
import struct
import sys
import threading
import time
from typing import Any

import msgspec

from loadgen import native
from loadgen.clock import SystemClock
from loadgen.errors import LoadgenError, UsageError
from loadgen.messages.source import EventSource
from loadgen.producer.drain import drain
from loadgen.producer.errors import ClientFatal, outcome_of
from loadgen.producer.kafka import KafkaTransport
from loadgen.recorder.acks import Acks
from loadgen.recorder.outcomes import OutcomeRegions
from loadgen.recorder.ring import Ring
from loadgen.recorder.slab import CODE_OFFSET, Header, Slab, Slot, State, Stop, producer_at
from loadgen.runner.hot_loop import Course, LaneState, drive
from loadgen.runner.native_lane import NativeLane
from loadgen.runner.plan import WorkerPlan, batch_limit
from loadgen.runner.python_lane import PythonLane

HEARTBEAT_NS = 100_000_000
ORPHANED = 3
FATAL = -150  # librdkafka: the client cannot go on


class SlabHeartbeat:
    """Writes liveness, CPU time and the sending loop's own stalls into the slab."""

    def __init__(self, slab: Slab) -> None:
        self.words = slab.words
        self._due_ns = 0
        self._last_ns = 0

    def begin(self, now_ns: int) -> None:
        """The loop starts: state RUNNING."""
        self.words[Header.STATE] = State.RUNNING
        self.words[Header.CPU_NS_START] = time.process_time_ns()
        self._last_ns = now_ns

    def measured_start(self, now_ns: int) -> None:
        """The warm-up is over; its stalls do not count."""
        self.words[Header.CPU_NS_MEASURED_START] = time.process_time_ns()
        self.words[Header.MEASURED_START_NS] = now_ns
        self.words[Header.CLIENT_STALL_US_MAX] = 0
        self._last_ns = now_ns

    def round(self, now_ns: int, wait_ns: int) -> None:
        """Once a turn of the loop; `wait_ns` is what it is about to sleep."""
        stall_us = (now_ns - self._last_ns) // 1000
        if stall_us > self.words[Header.CLIENT_STALL_US_MAX]:
            self.words[Header.CLIENT_STALL_US_MAX] = stall_us
        self._last_ns = now_ns + min(max(wait_ns, 0), 20_000_000)
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + HEARTBEAT_NS
            self.beat(now_ns)

    def resumed(self, now_ns: int) -> None:
        """A lane came back from a wait whose stalls it has noted itself."""
        self._last_ns = now_ns

    def beat(self, now_ns: int) -> None:
        """Liveness, CPU and memory, ten times a second."""
        self.words[Header.HEARTBEAT_NS] = now_ns
        self.words[Header.CPU_NS] = time.process_time_ns()
        self.words[Header.RSS_KIB_MAX] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def measured_end(self, now_ns: int) -> None:
        """Everything is answered: what comes after is not the measured phase's cost."""
        self.beat(now_ns)
        self.words[Header.CPU_NS_MEASURED_END] = self.words[Header.CPU_NS]
        self.words[Header.MEASURED_END_NS] = now_ns


def read_plan(stream: Any) -> WorkerPlan:
    """The plan: eight bytes of length, then MessagePack."""
    (length,) = struct.unpack("<Q", stream.read(8))
    return msgspec.msgpack.decode(stream.read(length), type=WorkerPlan)


def end_with_parent(stream: Any) -> None:
    """A thread that ends this process when the coordinator's end of the pipe closes."""

    def watch() -> None:
        while stream.read(1):
            pass
        os._exit(ORPHANED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


class Station:
    """One producer of this worker: client, instrument, lane, and what is outstanding."""

    def __init__(self, plan: WorkerPlan, slab: Slab, slot: int, regions: OutcomeRegions | None) -> None:
        run = plan.run
        self.index = plan.first_producer + slot
        self.slab, self.slot = slab, slot
        slab.words[producer_at(slot) + Slot.INDEX] = self.index
        events = msgspec.structs.replace(run.events, producer=self.index, producers=run.producers)
        self.schedule = run.schedule_of(self.index)
        first_measured, end_sequence = run.limits_of(self.index)
        self.course = Course(
            self.schedule, first_measured, end_sequence, run.count_of(self.index), run.most_of(self.index)
        )
        timed = run.properties.get("acks", "-1") != "0"
        properties = {**run.properties, "bootstrap.servers": run.bootstrap}
        self.client: Any = None
        if run.instrument == "c":
            self.client = native.load().Client(slab.words, slot, run.sender, timed=timed)
            properties["plugin.library.paths"] = self.client.plugin_path
        self.transport = KafkaTransport(properties, on_throttle=self._throttled)
        source = EventSource(events)
        self.lane: PythonLane | NativeLane
        if self.client is not None and regions is not None:
            self.client.set_outcomes(regions.region(slot))
        mark = None if self.client or regions is None else regions.marker(slot)
        if run.sender == "native":
            self.lane = NativeLane(self.client, self.transport, run.topic, source, self.schedule)
        else:
            self.acks = Acks(slab, slot, timed=timed, outcome_of=outcome_of, mark=mark)
            ring = Ring(slab, slot)
            self.acks.on_failed = lambda sequence, code, _message: ring.put(sequence, code)
            self.lane = PythonLane(
                self.transport,
                run.topic,
                source,
                self.schedule,
                lambda: int(slab.words[Header.T0_NS]),
                on_ack=None if self.client else self.acks.count,
                client=self.client,
                mark=mark,
                headers=run.headers,
            )
        self.state = LaneState(self.lane, self.course, slab, slot)

    def outstanding(self) -> int:
        """Records accepted and not yet answered."""
        answered = int(self.client.answered) if self.client else self.acks.answered[0]
        return self.lane.accepted - answered

    def _throttled(self, event: Any) -> None:
        """The broker asks to slow down: the only word a quota leaves."""
        milliseconds = int(event.throttle_time * 1000)
        at = producer_at(self.slot)
        self.slab.words[at + Slot.THROTTLE_MS_SUM] += milliseconds
        self.slab.words[at + Slot.THROTTLE_MS_MAX] = max(self.slab.words[at + Slot.THROTTLE_MS_MAX], milliseconds)


class Together:
    """Several clients drained as one: each poll serves all, so that none waits behind another."""

    def __init__(self, transports: list[KafkaTransport]) -> None:
        self.transports = transports
        self.fatal = None

    def poll(self, timeout_s: float) -> int:
        """Serve what each has to report, waiting at most that long in all."""
        return sum(transport.poll(timeout_s / len(self.transports)) for transport in self.transports)

    def purge(self) -> None:
        """Give up what each holds."""
        for transport in self.transports:
            transport.purge()


def equipped(plan: WorkerPlan, slab: Slab, regions: OutcomeRegions | None) -> list[Station]:
    """This worker's producers.

    Raises:
        UsageError: the host gives too few files or too little memory for so many.
    """
    try:
        return [Station(plan, slab, slot, regions) for slot in range(plan.producer_count)]
    except (OSError, MemoryError) as error:
        what = error.strerror if isinstance(error, OSError) else "not enough memory"
        count = plan.producer_count
        raise UsageError(
            f"worker {plan.worker} cannot have {count} producer{'s' if count > 1 else ''}: {what}; "
            "fewer --producers, more --workers, or higher limits (ulimit -n, ulimit -v)"
        ) from None


def work(plan: WorkerPlan, slab: Slab) -> None:
    """The worker's life, from ready to done.

    Raises:
        LoadgenError: the cluster cannot be reached, or the plan cannot be carried out.
    """
    words, clock = slab.words, SystemClock()
    words[Header.PID] = os.getpid()
    regions = None if plan.outcomes is None else OutcomeRegions(plan.outcomes, plan.producer_count)
    stations = equipped(plan, slab, regions)
    for station in stations:
        station.transport.prime(plan.run.topic, timeout_s=10.0)
    # what lives now lives to the end; the records that come and go are freed by their counts, without a collector
    gc.collect()
    gc.freeze()
    gc.disable()
    heartbeat = SlabHeartbeat(slab)
    heartbeat.beat(clock.now_ns())
    words[Header.STATE] = State.READY
    while not words[Header.T0_NS]:
        if words[Header.STOP] != Stop.GO:
            break
        time.sleep(0.001)
    try:
        drive(
            [station.state for station in stations],
            slab,
            clock,
            warmup_ns=plan.run.warmup_ns,
            end_ns=plan.run.end_ns,
            batch_limit=batch_limit(plan.run.sender, plan.producer_count),
            heartbeat=heartbeat,
        )
    except ClientFatal as error:
        # the client purges what it holds; every record is still accounted for, and the run says what happened
        words[Header.FATAL_CODE] = (error.code or FATAL) + CODE_OFFSET
    words[Header.STATE] = State.DRAINING
    drain(
        Together([station.transport for station in stations]),
        lambda: sum(station.outstanding() for station in stations),
        clock.now_ns() + round(plan.run.drain_s * 1e9),
        clock,
        give_up=lambda: words[Header.STOP] == Stop.NOW,
    )
    heartbeat.measured_end(clock.now_ns())
    words[Header.POLL_GAP_US_MAX] = max(station.lane.poll_gap_ns_max for station in stations) // 1000
    words[Header.STATE] = State.DONE


def main() -> int:
    """Entry point; what went wrong is one JSON line on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stream = os.fdopen(0, "rb")
    plan = read_plan(stream)
    end_with_parent(stream)
    slab = Slab.attach(plan.slab)
    try:
        work(plan, slab)
    except LoadgenError as error:
        slab.words[Header.STATE] = State.FAILED
        sys.stdout.write(msgspec.json.encode({"error": str(error), "exit_code": error.exit_code}).decode() + "\n")
        sys.stdout.flush()
        return error.exit_code
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # closing a client may wait for what was purged already; everything is accounted for, so leave at once
    os._exit(code)
