"""What single settings allow but not side by side; each line names both and the way out."""

from collections.abc import Mapping
from typing import Any

from loadgen.profile.sources import Sourced


def problems_together(parsed: Mapping[str, Any], settings: Mapping[str, Sourced]) -> list[str]:
    """What single values allow but not side by side."""
    problems: list[str] = []
    if parsed["bootstrap_server"] is None and parsed["start"] is None:
        problems.append(
            "no cluster to send to: name one with -b HOST:PORT, or let one be started with --start kafka "
            "(a real Apache Kafka) or --start mock (no Kafka: what this machine's client can send)"
        )
    named_by = settings["bootstrap_server"].origin
    if parsed["bootstrap_server"] is not None and named_by.startswith("--") and parsed["start"] is not None:
        named_by = "-b" if named_by == "--bootstrap-server" else named_by.removeprefix("--command-config ")
        problems.append(f"{named_by} and --start exclude each other: load that cluster, or start one?")
    planned = [name for name in ("ramp", "steps") if parsed[name]]
    if parsed["rate"].kind != "max":
        planned.append("rate")
    if len(planned) > 1:
        problems.append(f"--{' and --'.join(planned)} exclude each other: one plan a run")
    if ("ramp" in planned or "steps" in planned) and parsed["duration"] is None:
        problems.append(f"--{planned[0]} needs -d: over how long?")
    if parsed["duration"] is not None and parsed["duration"] + parsed["warmup"] > parsed["max_time"]:
        problems.append(
            f"the run would take {parsed['duration'] + parsed['warmup']:,.0f} s with its warm-up, more than --max-time "
            f"{parsed['max_time']:,.0f} s; raise it if it is meant"
        )
    rate = parsed["rate"]
    if parsed["duration"] is None and parsed["count"] is not None and rate.kind == "events":
        length_s = parsed["count"] / rate.value + parsed["warmup"]
        if length_s > parsed["max_time"]:
            problems.append(
                f"-n {parsed['count']:,} at {rate.value:,.0f}/s would take {length_s:,.0f} s, more than --max-time "
                f"{parsed['max_time']:,.0f} s; raise it if it is meant"
            )
    if any(rule.is_latency and "request_rtt" not in rule.metric for rule in parsed["slo"]) and not planned:
        problems.append(
            "--slo on a latency needs a rate: flat out a record waits in the client's own queue, so its latency says "
            "how deep that is; use -r 70% (of what a flat-out probe reaches) or -r 50k/s"
        )
    if parsed["producers"] is not None and parsed["workers"] is not None and parsed["producers"] < parsed["workers"]:
        problems.append(
            f"--producers {parsed['producers']} is less than --workers {parsed['workers']}: each worker owns one"
        )
    named_in = settings["events"].origin
    if ":" in parsed["events"] and not named_in.startswith(("--", "LOADGEN_")) and not parsed["allow_unsafe"]:
        problems.append(
            f"refused: events = {parsed['events']} ({named_in}) runs a function that a file names; "
            f"to allow it: --events {parsed['events']}, or --allow-unsafe"
        )
    raw = [name for name in ("record_size", "payload_file") if parsed[name] is not None]
    if len(raw) > 1:
        problems.append("--record-size and --payload-file exclude each other")
    if raw and settings["events"].origin != "built-in":
        problems.append(f"--{raw[0].replace('_', '-')} and --events exclude each other: raw records are no events")
    if parsed["verify"] and (raw or parsed["events"].startswith("pool") or ":" in parsed["events"]):
        problems.append("--verify needs records with an id: use --events stamped or fresh")
    if parsed["verify"] and parsed["start"] == "mock":
        problems.append("--verify cannot read back from the mock (it keeps 5 MB a partition): use --start kafka")
    return problems
