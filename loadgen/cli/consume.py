"""`loadgen consume`: how fast a topic can be read, alone: every record that it holds now, by one reader or several."""

import sys
import time
from typing import Annotated

import msgspec
from cyclopts import Parameter

from loadgen.cli.reaching import CommandConfig, settings_to_reach
from loadgen.consumer.beside import Reader, Readers, Told
from loadgen.consumer.plan import ConsumePlan
from loadgen.consumer.topic import TopicGone, topic_extent
from loadgen.errors import UsageError
from loadgen.recorder.slab import Header, State

READY_WITHIN_S = 30.0
ROW_S = 1.0
MIB = 1 << 20


class Consumed(msgspec.Struct, frozen=True, kw_only=True):
    """What reading a topic came to. Rates are of all readers together, from the common start to the last record.

    Attributes:
        offsets: that the topic held at the start: what each group was to read.
        read: records by group; fewer than `offsets` where markers or compaction took some.
        complete: every group came to the end.
    """

    schema: str = "loadgen.consumed/1"
    topic: str
    partitions: int
    groups: int
    offsets: int
    read: list[int]
    complete: bool
    elapsed_s: float
    read_per_s: float
    payload_mib_per_s: float
    cpu_us_per_record: float | None
    per_group_per_s: list[float]


def consume(
    *,
    bootstrap_server: Annotated[
        str | None,
        Parameter(
            name=["-b", "--bootstrap-server", "--bootstrap-servers", "--brokers"],
            help="HOST:PORT,… of the cluster; else LOADGEN_BOOTSTRAP_SERVERS, RPK_BROKERS.",
        ),
    ] = None,
    topic: Annotated[str, Parameter(name=["-t", "--topic"], help="The topic to read.")],
    groups: Annotated[int, Parameter(help="Readers; each reads everything, as a group of its own would.")] = 1,
    duration: Annotated[
        str | None, Parameter(name=["-d", "--duration"], help="At most so long; else until the backlog is drained.")
    ] = None,
    X: Annotated[  # noqa: N803 - named as the flag is
        list[str] | None, Parameter(name=["-X", "--command-property"], help="librdkafka property key=value.")
    ] = None,
    command_config: CommandConfig = None,
    json: Annotated[str | None, Parameter(help="- for one JSON object on stdout and nothing else.")] = None,
) -> int:
    """Read everything a topic holds now, as fast as it goes: consumer throughput and backlog drain.

    Nothing is committed and no group is left on the cluster. Exit 0 when every group came to the end, or to the end of -d.
    """
    if not 1 <= groups <= 64:
        raise UsageError(f"--groups {groups}: 1 to 64 is possible")
    if json not in (None, "-"):
        raise UsageError(f"--json {json}: - is possible; > FILE writes it to a file")
    given = {"bootstrap_server": bootstrap_server, "X": X, "command_config": command_config}
    settings = settings_to_reach({**given, "topic": topic, "duration": duration})
    assert settings.bootstrap is not None
    try:
        ranges = topic_extent(settings.bootstrap, topic, settings.properties)
    except TopicGone:
        raise UsageError(f"-t {topic}: no such topic on {settings.bootstrap}") from None
    plan = ConsumePlan(
        bootstrap=settings.bootstrap, topic=topic, properties=settings.properties, way="drain", ranges=ranges
    )
    offsets = sum(end - begin for begin, end in ranges.values())
    with Readers([plan] * groups) as readers:
        readers.await_ready(READY_WITHIN_S)
        readers.start_at(time.monotonic_ns())
        try:
            _watch(readers, offsets, settings.duration_s if duration else None)
        except KeyboardInterrupt:
            readers.ask_stop()
        told = readers.finish(0, 0.0)
        if told.lost:
            raise readers.members[told.lost[0]].failure()
        found = _consumed(topic, ranges, offsets, readers.members, told)
    if json == "-":
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        print("\n".join(summary(found)))
    return 0


def summary(found: Consumed) -> list[str]:
    """What is told on a terminal."""
    total = sum(found.read)
    cpu = "" if found.cpu_us_per_record is None else f", {found.cpu_us_per_record:.1f} µs of CPU a record"
    lines = [
        f"{found.read_per_s:,.0f} records/s read, {found.payload_mib_per_s:,.1f} MiB/s of values",
        f"  read     {total:,} records in {found.elapsed_s:.2f} s by {found.groups} "
        f"{'group' if found.groups == 1 else 'groups'}{cpu}",
        f"  topic    {found.topic}, {found.partitions} partitions, {found.offsets:,} offsets at the start",
    ]
    if not found.offsets:
        lines[0] = "nothing to read: the topic is empty"
    elif not found.complete:
        left = sum(found.offsets - read for read in found.read)
        lines.append(f"  backlog  not drained: {left:,} left, by all groups together")
    elif found.groups > 1:
        slow, fast = min(found.per_group_per_s), max(found.per_group_per_s)
        lines.append(f"  groups   {slow:,.0f}/s the slowest, {fast:,.0f}/s the fastest")
    return lines


def _watch(readers: Readers, offsets: int, longest_s: float | None) -> None:
    """A row a second on standard error until all are through or time is up."""
    started = row_at = time.monotonic()
    before = 0
    while not readers.finished:
        time.sleep(0.01)
        now = time.monotonic()
        if longest_s is not None and now - started > longest_s:
            readers.ask_stop()
            return
        if now - row_at >= ROW_S and sys.stderr.isatty():
            read = sum(member.read for member in readers.members)
            left = max(offsets * len(readers.members) - read, 0)
            print(
                f"{now - started:5.0f} s  {(read - before) / (now - row_at):12,.0f}/s  {left:,} left", file=sys.stderr
            )
            before, row_at = read, now


def _consumed(
    topic: str, ranges: dict[int, tuple[int, int]], offsets: int, members: list[Reader], told: Told
) -> Consumed:
    def span_s(member: Reader) -> float:
        start, end = (int(member.slab.words[at]) for at in (Header.MEASURED_START_NS, Header.MEASURED_END_NS))
        return max((end - start) / 1e9, 0.0)

    spans = [span_s(member) for member in members]
    elapsed_s, total = max(spans), sum(told.read)
    cpu_ns = sum(int(member.slab.words[Header.CPU_NS]) for member in members)
    return Consumed(
        topic=topic,
        partitions=len(ranges),
        groups=len(members),
        offsets=offsets,
        read=told.read,
        complete=all(member.state == State.DONE for member in members),
        elapsed_s=elapsed_s,
        read_per_s=total / elapsed_s if elapsed_s else 0.0,
        payload_mib_per_s=sum(told.payload_bytes) / elapsed_s / MIB if elapsed_s else 0.0,
        cpu_us_per_record=cpu_ns / 1000 / total if total else None,
        per_group_per_s=[read / span if span else 0.0 for read, span in zip(told.read, spans, strict=True)],
    )
