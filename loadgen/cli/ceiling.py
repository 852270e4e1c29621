"""`loadgen ceiling`: what this host can send with this payload and these settings; no broker is involved."""

import os
import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter

from loadgen.cli.flags import OUTPUT, RunFlags
from loadgen.profile import resolve


def ceiling(
    *,
    flags: RunFlags | None = None,
    json: Annotated[
        str | None, Parameter(group=OUTPUT, allow_leading_hyphen=True, help="- for one JSON object.")
    ] = None,
) -> int:
    """What this host can send, measured on librdkafka's mock cluster; kept, and shown beside every run as its headroom."""
    from loadgen.runner.ceiling import measure
    from loadgen.runner.headroom import remember

    given = {"start": "mock"} | {
        name: value
        for name, value in (flags or RunFlags()).given().items()
        if name not in {"bootstrap_server", "start"}
    }
    # a cluster's address does not matter here, and an empty variable must not stop it
    environ = {name: value for name, value in os.environ.items() if "BOOTSTRAP" not in name and name != "RPK_BROKERS"}
    settings = resolve(given, environ)
    found = measure(settings, say=lambda line: print(line, file=sys.stderr))
    path = remember(settings, found)
    if json == "-":
        print(msgspec.json.encode(found).decode())
        return 0
    print("MOCK  no Kafka was involved: this is what this machine's client can send")
    print(
        f"  {found.mock_per_s:,.0f} msg/s of {found.mean_bytes:.0f} B, {found.workers} workers, through the whole client"
    )
    if found.cpu_us_per_message is not None:
        print(f"  {found.cpu_us_per_message:.2f} µs of CPU a message")
    if found.null_per_s is not None:
        print(f"  {found.null_per_s:,.0f} msg/s a process if the client cost nothing (the Python side alone)")
    print(f"  kept in {path}; runs with this payload show their headroom from it")
    return 0
