"""`loadgen doctor`: what would stop or spoil a run, on this host and on a cluster; nothing is sent and nothing changed."""

import os
from typing import Annotated

import msgspec
from cyclopts import Parameter

from loadgen.cli.flags import OUTPUT, RunFlags
from loadgen.doctor.finding import Diagnosis, Finding
from loadgen.errors import UsageError
from loadgen.profile import resolve
from loadgen.report.wording import clean

MARKS = {"good": "ok", "warn": "WARN", "bad": "BAD", "unknown": "?"}


def doctor(
    *,
    flags: RunFlags | None = None,
    json: Annotated[
        str | None, Parameter(group=OUTPUT, allow_leading_hyphen=True, help="- for one JSON object.")
    ] = None,
) -> int:
    """What would stop or spoil a run: reach, versions, leaders, rights, leftovers; this host's clock and limits. No load.

    Exit 0 when nothing stops a run; 3 when the cluster is not reached or does not allow it.
    """
    if json not in (None, "-"):
        raise UsageError(f"--json {json}: - is possible; > FILE writes it to a file")
    found = diagnose((flags or RunFlags()).given())
    if json == "-":
        print(msgspec.json.encode(found).decode())
    else:
        print("\n".join(text(found)))
    return found.exit_code


def diagnose(given: dict[str, object]) -> Diagnosis:
    """Look at this host, and at the cluster where one is named."""
    from loadgen.brokers.target import start_broker
    from loadgen.doctor import cluster, host, settings
    from loadgen.report import folder

    if "start" in given:
        raise UsageError("--start: there is nothing to look at before it is started; name a cluster with -b HOST:PORT")
    named = bool(given.get("bootstrap_server") or given.get("command_config")) or any(
        name in os.environ
        for name in (
            "LOADGEN_BOOTSTRAP_SERVER",
            "LOADGEN_BOOTSTRAP_SERVERS",
            "LOADGEN_COMMAND_CONFIG",
            "RPK_BROKERS",
            "KCAT_CONFIG",
        )
    )
    # without a cluster the settings are read as of a run on a mock: only this host is looked at
    asked = resolve(given if named else {**given, "start": "mock"})
    findings: list[Finding] = [
        *host.look(asked, folder.results_root(None, os.environ)),
        *settings.fights(asked.properties),
    ]
    if asked.bootstrap is not None:
        with start_broker("external", bootstrap=asked.bootstrap) as broker:
            findings = [*cluster.look(asked, broker), *findings]
    return Diagnosis(cluster=asked.bootstrap, findings=findings)


def text(found: Diagnosis) -> list[str]:
    """For a terminal: what stops a run first, then what may spoil one, each with its remedies; a last line counts."""
    order = ("bad", "warn", "unknown", "good")
    lines = []
    for finding in sorted(found.findings, key=lambda one: order.index(one.level)):
        lines.append(f"{MARKS[finding.level]:<5}{finding.subject:<11}{clean(finding.message)}")
        lines += [f"{'':<16}{clean(remedy)}" for remedy in finding.remedies]
    stops = sum(finding.level == "bad" for finding in found.findings)
    spoils = sum(finding.level == "warn" for finding in found.findings)
    asked = f"{found.cluster} and this host" if found.cluster else "this host; name a cluster with -b to look at it too"
    return [*lines, f"looked at {asked}: {stops} would stop a run, {spoils} may spoil one"]
