"""From settings and a target to the plan that every worker is told: everything decided, nothing started."""

import os
import time
from collections.abc import Mapping

import msgspec
import psutil

from loadgen.messages.source import EventPlan
from loadgen.profile import RunSettings
from loadgen.properties import canonical
from loadgen.runner.instruments import Instrument
from loadgen.runner.plan import RunPlan, pieces_of
from loadgen.runner.target import Target

START_ALLOWANCE_US = 400_000  # from the plan to the first event, about; only what `created_at` says hangs on it
QUEUE_RAM_SHARE = 0.25  # of all memory, for the clients' queues together


def make_plan(
    settings: RunSettings,
    target: Target,
    token: str,
    per_s: float | None,
    instrument: Instrument,
    most_records: int | None = None,
) -> RunPlan:
    """Everything the workers need, decided."""
    pieces = pieces_of(
        per_s=per_s,
        ramp=settings.ramp,
        steps=settings.steps,
        warmup_s=settings.warmup_s,
        duration_s=settings.duration_s,
    )
    workers = settings.workers or auto_workers(target.broker.bootstrap, started_here=settings.start is not None)
    producers = settings.producers or workers
    start_epoch_us = time.time_ns() // 1000 + START_ALLOWANCE_US
    events = event_plan(settings, token, start_epoch_us)
    sender = instrument.sender(settings)
    return RunPlan(
        bootstrap=target.broker.bootstrap,
        topic=target.topic,
        partitions=target.shape.partitions,
        properties=client_properties(settings.properties, producers),
        loop="open" if pieces else "closed",
        pieces=pieces,
        arrival=settings.arrival,
        warmup_s=settings.warmup_s,
        duration_s=settings.duration_s,
        count=settings.count,
        workers=min(workers, producers),
        producers=producers,
        events=events,
        headers=list(settings.headers),
        drain_s=settings.drain_s,
        instrument=instrument.kind,
        sender=sender,
        most_records=most_records,
    )


def client_properties(properties: Mapping[str, str], producers: int) -> dict[str, str]:
    """A run's properties: the profile's, the queue sized from memory where it is silent, and what is always ours."""
    kbytes = min(1_048_576, int(psutil.virtual_memory().total * QUEUE_RAM_SHARE / 1024 / producers))
    given = {canonical(name) for name in properties}
    queue = {} if "queue.buffering.max.kbytes" in given else {"queue.buffering.max.kbytes": str(max(kbytes, 1024))}
    return {
        **queue,
        **properties,
        "allow.auto.create.topics": "false",
        "enable.metrics.push": "false",
    }


def event_plan(settings: RunSettings, token: str, start_epoch_us: int) -> EventPlan:
    """What is sent, before a producer's own index is put in."""
    kind, _, function = settings.events.partition(":")
    if settings.record_size is not None:
        kind = "raw"
    elif settings.payload_file is not None:
        kind = "payload_file"
    return msgspec.convert(
        {
            "kind": kind,
            "seed": settings.seed,
            "run_token": token,
            "producer": 0,
            "producers": 1,
            "start_epoch_us": start_epoch_us,
            "serializer": settings.serializer,
            "line_items": settings.line_items,
            "record_size": settings.record_size,
            "entropy": settings.entropy,
            "payload_file": settings.payload_file,
            "payload_format": settings.payload_format,
            "keys": settings.keys,
            "pool_size": settings.pool_size,
            "function": function or None,
        },
        EventPlan,
    )


def auto_workers(bootstrap: str, *, started_here: bool) -> int:
    """Cores − 1 against a cluster elsewhere, half of them beside one that lives here."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    hosts = {address.rpartition(":")[0].strip("[]") for address in bootstrap.split(",")}
    beside = started_here or hosts <= {"localhost", "127.0.0.1", "::1"}
    return max(cores // 2 if beside else cores - 1, 1)
