"""The flags of `run`, shared by the commands that start runs. Text in, text out: `profile.resolve` reads and checks them.

One dataclass, so that the help of each command lists them once and in the same groups.
"""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from cyclopts import Group, Parameter

TARGET = Group("Where to", sort_key=1)
LOAD = Group("How much, how long", sort_key=2)
RECORDS = Group("What to send", sort_key=3)
CLIENT = Group("Client settings", sort_key=4)
JUDGE = Group("What must hold", sort_key=5)
OUTPUT = Group("What comes out", sort_key=6)
GUARDS = Group("Guards", sort_key=7)


@Parameter(name="*", negative_iterable=())
@dataclass
class RunFlags:
    """Every setting of a run as it may be given on the command line; None or empty means not given."""

    bootstrap_server: Annotated[
        str | None,
        Parameter(
            name=["-b", "--bootstrap-server", "--bootstrap-servers", "--brokers"],
            group=TARGET,
            help="HOST:PORT,… of the cluster; else LOADGEN_BOOTSTRAP_SERVERS, RPK_BROKERS.",
        ),
    ] = None
    start: Annotated[
        str | None,
        Parameter(group=TARGET, help="Start one for this run: kafka, redpanda, or mock (no Kafka: the client alone)."),
    ] = None
    topic: Annotated[
        str | None,
        Parameter(name=["-t", "--topic"], group=TARGET, help="Default: a topic of this run's own, removed at its end."),
    ] = None
    keep_topic: Annotated[bool | None, Parameter(group=TARGET, negative=(), help="Do not remove it at the end.")] = None
    partitions: Annotated[str | None, Parameter(group=TARGET, help="Of a created topic; auto is 6 a broker.")] = None
    replication_factor: Annotated[
        str | None, Parameter(group=TARGET, help="Of a created topic; broker is the cluster's own.")
    ] = None
    topic_config: Annotated[
        list[str] | None, Parameter(group=TARGET, help="key=value of a created topic; repeatable.")
    ] = None
    like: Annotated[
        str | None, Parameter(group=TARGET, help="Create the topic with that topic's partitions, factor, settings.")
    ] = None
    rate: Annotated[
        str | None,
        Parameter(
            name=["-r", "--rate", "--throughput"],
            group=LOAD,
            allow_leading_hyphen=True,
            help="200k/s, 80MiB/s of payload, 70% of a flat-out probe, or max; total over all workers.",
        ),
    ] = None
    arrival: Annotated[str | None, Parameter(group=LOAD, help="uniform or poisson.")] = None
    ramp: Annotated[str | None, Parameter(group=LOAD, help="10k/s..200k/s over -d.")] = None
    steps: Annotated[str | None, Parameter(group=LOAD, help="10k/s,20k/s,40k/s share -d equally.")] = None
    duration: Annotated[
        str | None, Parameter(name=["-d", "--duration"], group=LOAD, help="Of the measured phase; 30s.")
    ] = None
    count: Annotated[
        str | None,
        Parameter(
            name=["-n", "--count", "--num-records"], group=LOAD, help="Measured records; with -d, the first reached."
        ),
    ] = None
    warmup: Annotated[str | None, Parameter(group=LOAD, help="Sent and shown, never counted; 5s.")] = None
    workers: Annotated[str | None, Parameter(name=["-w", "--workers"], group=LOAD, help="Processes; auto.")] = None
    producers: Annotated[str | None, Parameter(group=LOAD, help="Clients in all; one a worker.")] = None
    events: Annotated[
        str | None,
        Parameter(group=RECORDS, help="stamped, fresh, pool, pool:MODULE:FUNCTION or fresh:MODULE:FUNCTION."),
    ] = None
    serializer: Annotated[str | None, Parameter(group=RECORDS, help="msgspec, orjson or pydantic.")] = None
    line_items: Annotated[str | None, Parameter(group=RECORDS, help="Least-most per order; 1-5.")] = None
    record_size: Annotated[str | None, Parameter(group=RECORDS, help="Raw records of that many bytes.")] = None
    entropy: Annotated[
        str | None, Parameter(group=RECORDS, help="Share of a raw record that cannot be compressed.")
    ] = None
    payload_file: Annotated[str | None, Parameter(group=RECORDS, help="A file's records, in order.")] = None
    payload_format: Annotated[str | None, Parameter(group=RECORDS, help="lines, len32 or base64.")] = None
    keys: Annotated[str | None, Parameter(group=RECORDS, help="order, none, uniform:N, zipf:S:N or hot:SHARE.")] = None
    header: Annotated[
        list[str] | None, Parameter(name=["-H", "--header"], group=RECORDS, help="name=value; repeatable.")
    ] = None
    seed: Annotated[str | None, Parameter(group=RECORDS, help="The same seed makes the same orders.")] = None
    pool_size: Annotated[str | None, Parameter(group=RECORDS, help="Events made before the run.")] = None
    profile: Annotated[
        str | None,
        Parameter(group=CLIENT, help="low-latency, balanced, high-throughput, seed, librdkafka, java, or a TOML file."),
    ] = None
    X: Annotated[
        list[str] | None,
        Parameter(name=["-X", "--command-property"], group=CLIENT, help="librdkafka property key=value; repeatable."),
    ] = None
    command_config: Annotated[
        str | None,
        Parameter(
            name=["-F", "--command-config"],
            group=CLIENT,
            help="A client.properties as Kafka's own tools take it (JAAS, PEM), or librdkafka's names.",
        ),
    ] = None
    instrument: Annotated[str | None, Parameter(group=CLIENT, help="auto, c or python.")] = None
    consume: Annotated[str | None, Parameter(group=CLIENT, help="Consumer groups that read beside the run.")] = None
    slo: Annotated[list[str] | None, Parameter(group=JUDGE, help="A rule like response.p99<25ms; repeatable.")] = None
    verify: Annotated[str | None, Parameter(group=JUDGE, help="Read everything back: ids or full.")] = None
    drain: Annotated[str | None, Parameter(group=JUDGE, help="How long to wait for what is outstanding; 10s.")] = None
    name: Annotated[str | None, Parameter(group=OUTPUT, help="Of the run, part of its folder's name.")] = None
    label: Annotated[list[str] | None, Parameter(group=OUTPUT, help="key=value in the result; repeatable.")] = None
    dry_run: Annotated[
        bool | None, Parameter(group=GUARDS, negative=(), help="Print the plan; open no socket, send nothing.")
    ] = None
    yes: Annotated[bool | None, Parameter(group=GUARDS, negative=(), help="Write to a topic that is not ours.")] = None
    confirm: Annotated[str | None, Parameter(group=GUARDS, help="The cluster id, for clusters that are not local.")] = (
        None
    )
    max_bytes: Annotated[
        str | None,
        Parameter(group=GUARDS, help="Most payload, all runs together; 50GiB."),
    ] = None
    max_time: Annotated[str | None, Parameter(group=GUARDS, help="Longest run; 1h.")] = None
    allow_unsafe: Annotated[
        bool | None, Parameter(group=GUARDS, negative=(), help="Let properties through that can run code.")
    ] = None

    def given(self) -> dict[str, Any]:
        """What was given, by setting name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}
