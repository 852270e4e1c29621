"""One run on one host, from settings to a judged result.

settings → target (cluster, topic) → [flat-out probe for a rate in percent] → plan → team → conduct → result
"""

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from loadgen.brokers.target import Broker
from loadgen.consumer.beside import Readers, Told
from loadgen.consumer.groups import plans_beside
from loadgen.errors import UsageError
from loadgen.messages.source import EventSource
from loadgen.producer.library import client_versions, error_names
from loadgen.profile import RunSettings
from loadgen.recorder.outcomes import OutcomeRegions
from loadgen.recorder.slab import Count, Metric
from loadgen.report.merge import Sums
from loadgen.report.result import Interval, PayloadFile, Result
from loadgen.runner import environment
from loadgen.runner.assemble import assemble
from loadgen.runner.circumstances import Circumstances
from loadgen.runner.conduct import Conducted, OnInterval, conduct
from loadgen.runner.headroom import remembered
from loadgen.runner.instruments import Instrument, choose_instrument
from loadgen.runner.limits import Limits, most_records
from loadgen.runner.plan import RunPlan
from loadgen.runner.planning import event_plan, make_plan
from loadgen.runner.shutdown import Interruption
from loadgen.runner.target import Target, open_target
from loadgen.runner.team import Team
from loadgen.runner.truth import OUTCOMES, merged_outcomes, outcome_regions, read_back
from loadgen.runner.undelivered import FILE as UNDELIVERED
from loadgen.runner.undelivered import dead_letters

PROBE_S, PROBE_WARMUP_S = 5.0, 1.0
GROUPS_READY_S = 30.0
Say = Callable[[str], None]


@dataclass
class Run:
    """A finished run.

    Attributes:
        histograms: counts by metric name, measured phase.
        hurried: it was interrupted twice.
        extra_files: what belongs into its folder beside the result, by name.
    """

    result: Result
    intervals: list[Interval]
    histograms: Mapping[str, Sums]
    hurried: bool = False
    extra_files: dict[str, bytes] = field(default_factory=dict)


def carry_out(
    settings: RunSettings,
    *,
    command: Sequence[str] = (),
    on_interval: OnInterval | None = None,
    say: Say | None = None,
    broker: Broker | None = None,
) -> Run:
    """Carry out one run.

    Args:
        broker: one that is there already, for several runs on it; None: as the settings say.
        command: as it was called, for the result.
        on_interval: gets each one-second row as it is made.
        say: gets a line now and then of what is being done.

    Raises:
        UsageError, Unreachable, WorkerFailed: it could not be started; nothing was sent.
    """
    tell = say or (lambda _: None)
    token = secrets.token_hex(4)
    most = most_records(settings)
    with Interruption() as interruption, open_target(settings, f"loadgen-{token}", broker) as target:
        if interruption.times:
            raise KeyboardInterrupt
        instrument = choose_instrument(settings)
        per_s, probed = _asked_per_s(settings, target, instrument, tell, on_interval, interruption, most)
        plan = make_plan(settings, target, token, per_s, instrument, max(most - probed, 1))
        kept = outcome_regions(plan) if settings.verify or settings.keep_topic else None
        happened, growth, begin, read = _conducted(
            plan, target, settings, interruption, on_interval, kept, settings.consume
        )
        around = Circumstances(
            run_id=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token}",
            command=list(command),
            settings=settings,
            broker=target.record(),
            versions=client_versions(),
            instrument_note=instrument.note,
            payload_file=_payload_file(settings),
            environment=environment.before(),
            end_offset_delta=growth,
            names=error_names(),
            ceiling_per_s=ceiling.mock_per_s if (ceiling := remembered(settings)) else None,
            unreachable=happened.given_up,
            verified=None,
            read=read,
        )
        outcomes = None if kept is None else merged_outcomes(kept, around.run_id, plan, happened)
        if settings.verify and interruption.times <= 1:
            tell(f"reading everything back ({settings.verify})")
            found = read_back(assemble(plan, happened, around), outcomes, target, settings, begin)
            around = replace(around, verified=found.verified)
    # the target is left: what was made is removed by now, and the record says so
    around = replace(around, broker=target.record())
    letters = dead_letters(plan, happened.members)
    return Run(
        assemble(plan, happened, around),
        happened.intervals,
        _histograms(happened),
        interruption.times > 1,
        {name: content for name, content in ((UNDELIVERED, letters), (OUTCOMES, outcomes)) if content},
    )


class Outcome(NamedTuple):
    """What a run left: what happened, how far the log grew and from where, what consumers beside it read."""

    happened: Conducted
    growth: int | None
    begin: list[int] | None
    read: Told | None


def _conducted(
    plan: RunPlan,
    target: Target,
    settings: RunSettings,
    interruption: Interruption,
    on_interval: OnInterval | None,
    kept: list[OutcomeRegions] | None = None,
    groups: int = 0,
) -> Outcome:
    """Run it, with consumer groups beside it, and ask the log before and after how far it grew."""
    before = target.offsets_at_start(settings.properties)
    target.fresh = False
    read = None
    with contextlib.ExitStack() as stack:
        readers = stack.enter_context(readers_beside(plan, groups, before)) if groups else None
        team = Team(plan, None if kept is None else [regions.descriptor for regions in kept])
        stack.callback(team.end)
        team.await_ready()
        if readers is not None:
            readers.await_ready(GROUPS_READY_S)
        watch = target.watch(settings)
        with watch or contextlib.nullcontext():
            limits = Limits(settings.max_time_s, watch)
            happened = conduct(plan, team, interruption, limits, on_interval, readers.start_at if readers else None)
        if readers is not None:
            acked = happened.warmup.count(Count.ACKED) + happened.measured.count(Count.ACKED)
            read = readers.finish(acked, plan.drain_s)
    target.silent = interruption.times > 1  # whoever asks twice wants to be out, and not to wait for a last question
    after = target.end_offsets(settings.properties) if before is not None and not target.silent else None
    growth = None if before is None or after is None else sum(after) - sum(before)
    return Outcome(happened, growth, before, read)


def readers_beside(plan: RunPlan, groups: int, begin: list[int] | None) -> Readers:
    """Consumer groups that read what a run writes, each everything."""
    events = plan.events
    return Readers(
        plans_beside(
            groups,
            bootstrap=plan.bootstrap,
            topic=plan.topic,
            properties=plan.properties,
            begin=begin,
            run_token=events.run_token,
            events=f"{events.kind}:{events.function}" if events.function else events.kind,
            keys=events.keys,
            pieces=plan.pieces,
            arrival=plan.arrival,
            producers=plan.producers,
            seed=events.seed,
            warmup_ns=plan.warmup_ns,
        )
    )


def _asked_per_s(
    settings: RunSettings,
    target: Target,
    instrument: Instrument,
    tell: Say,
    on_interval: OnInterval | None,
    interruption: Interruption,
    most: int,
) -> tuple[float | None, int]:
    """(events a second over all producers, records that finding it took); None flat out, or where a ramp or steps say it."""
    rate = settings.rate
    if rate.kind == "events":
        return rate.value, 0
    if rate.kind == "bytes":
        return rate.value / EventSource(event_plan(settings, "00000000", 0)).mean_bytes, 0
    if rate.kind == "percent":
        tell(f"probing flat out for {PROBE_S:.0f} s: {rate.value:g} % of that is the rate")
        probe = msgspec.structs.replace(settings, duration_s=PROBE_S, count=None, warmup_s=PROBE_WARMUP_S)
        plan = make_plan(probe, target, secrets.token_hex(4), None, instrument, most)
        happened = _conducted(plan, target, settings, interruption, on_interval).happened
        measured, sent = happened.measured, happened.measured.merged(happened.warmup).count(Count.ATTEMPTED)
        acked = measured.count(Count.ACKED)
        length_s = (measured.last_ack_ns - measured.first_sent_ns) / 1e9
        if not acked or length_s <= 0:
            why = "--max-bytes ends it before it measures" if sent >= most else "is the cluster up?"
            raise UsageError(f"-r {rate.value:g}%: the flat-out probe got nothing acknowledged; {why}")
        return rate.value / 100 * acked / length_s, sent
    return None, 0


def _payload_file(settings: RunSettings) -> PayloadFile | None:
    if settings.payload_file is None:
        return None
    content = Path(settings.payload_file).read_bytes()
    return PayloadFile(settings.payload_file, hashlib.sha256(content).hexdigest(), settings.payload_format)


def _histograms(happened: Conducted) -> dict[str, Sums]:
    names: dict[str, Metric] = {metric.name.lower(): metric for metric in Metric}
    return {
        name: np.array(happened.measured.cells(metric))
        for name, metric in names.items()
        if happened.measured.cells(metric).any()
    }
