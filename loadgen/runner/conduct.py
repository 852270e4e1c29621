"""The hot part of a run as the coordinator sees it: start together, read the slabs once a second, stop, drain, end.

It writes three words a slab (t0, stop, breaker) and else only reads. What it returns is everything the result is made
from; nothing is judged here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from loadgen.recorder.slab import Count, Header, Metric, Phase, State, Stop
from loadgen.report.merge import Tally, quantile_us, tally
from loadgen.report.recovery import Looks
from loadgen.report.result import Doubt, Interval
from loadgen.runner.ack_watch import AckWatch
from loadgen.runner.circuit import Circuit
from loadgen.runner.environment import steal_and_total
from loadgen.runner.host_watch import HostWatch
from loadgen.runner.limits import Limits
from loadgen.runner.plan import RunPlan
from loadgen.runner.shutdown import Interruption
from loadgen.runner.team import Member, Team, book_announced

START_MARGIN_NS = 50_000_000
INTERVAL_S = 1.0
LOST_WITHIN_S = 2.0  # a lost worker ends the run: the others drain first, at most this long
SIGNAL_EXIT_S = 1.0
MIB = 1 << 20

OnInterval = Callable[[Interval], None]


@dataclass
class Conducted:
    """What happened.

    Attributes:
        t0_ns: the shared start, monotonic.
        warmup, measured: sums of all workers; by_worker the measured and warm-up sums of each.
        thread_shares: of a core, by worker, its busiest thread in the measured phase.
        steal: (stolen, busy, all) CPU seconds of the host before and after.
        looks: at the acknowledgements, from the measured phase on.
        ended: why it was stopped before its plan's end, and by no signal.
        circuit: that sending was interrupted because the cluster failed; given_up: why it was ended for that.
        host_stall_us, control_p99_us: overshoot of bare sleeps beside the run, the longest and 99 % of them.
        lost, lost_ns: workers that ended before they were done, as (index, exit); when the first was noticed.
    """

    t0_ns: int
    warmup: Tally
    measured: Tally
    by_worker: list[tuple[Tally, Tally]]
    members: list[Member]
    looks: Looks
    intervals: list[Interval] = field(default_factory=list)
    thread_shares: list[float] = field(default_factory=list)
    coordinator_cpu_s: float = 0.0
    steal: tuple[tuple[float, float, float], tuple[float, float, float]] = ((0, 0, 0), (0, 0, 0))
    host_stall_us: int = 0
    control_p99_us: float | None = None
    signal: int | None = None
    lost: list[tuple[int, int | None]] = field(default_factory=list)
    ended: Doubt | None = None
    circuit: Doubt | None = None
    given_up: str | None = None
    lost_ns: int | None = None


class ThreadShares:
    """The busiest thread of each worker: one that fills its core is the limit, however idle the others are.

    Looked at four times a second while the workers send; a thread's CPU time comes in ticks of 10 ms.
    """

    EVERY_NS = 250_000_000

    def __init__(self, team: Team) -> None:
        self.members = team.members
        self._at_start: list[dict[int, float]] = [{} for _ in team.members]
        self._latest = self._at_start
        self._start_ns = self._latest_ns = 0

    def begin(self, now_ns: int) -> None:
        """The measured phase begins."""
        self._at_start = self._latest = [member.threads() for member in self.members]
        self._start_ns = self._latest_ns = now_ns

    def look(self, now_ns: int) -> None:
        """Take a sample when it is time and all still send."""
        if now_ns - self._latest_ns >= self.EVERY_NS and all(member.state <= State.RUNNING for member in self.members):
            self._latest, self._latest_ns = [member.threads() for member in self.members], now_ns

    def busiest(self) -> list[float]:
        """Of a core, each worker's busiest thread from the measured start to the last sample."""
        length_s = (self._latest_ns - self._start_ns) / 1e9
        if length_s <= 0:
            return [0.0 for _ in self.members]
        return [
            max((seconds - before.get(thread, 0.0) for thread, seconds in now.items()), default=0.0) / length_s
            for before, now in zip(self._at_start, self._latest, strict=True)
        ]


class Watch:
    """Turns snapshots into rows: one second is one snapshot minus the one before."""

    def __init__(self, team: Team, plan: RunPlan, t0_ns: int) -> None:
        self.team, self.plan, self.t0_ns = team, plan, t0_ns
        self.before = Tally.empty()
        self.before_ns = t0_ns
        self.before_cpu_ns = 0
        self.draining = False
        self.rows: list[Interval] = []

    def row(self, now_ns: int) -> Interval:
        """The interval since the last call."""
        words = self.team.words()
        now = tally(words, Phase.WARMUP).merged(tally(words, Phase.MEASURED))
        cpu_ns = sum(int(member.slab.words[Header.CPU_NS]) for member in self.team.members)
        part, length_s = now.since(self.before), max((now_ns - self.before_ns) / 1e9, 1e-9)
        shown = Metric.RESPONSE if self.plan.loop == "open" else Metric.REQUEST_RTT
        if not part.cells(shown).any():
            shown = Metric.SERVICE
        acked, payload = part.count(Count.ACKED), part.count(Count.PAYLOAD_BYTES)
        attempted, total_answered = (
            now.count(Count.ATTEMPTED),
            sum(now.count(name) for name in (Count.REJECTED, Count.ACKED, Count.FAILED, Count.UNKNOWN)),
        )
        row = Interval(
            second=(now_ns - self.t0_ns) / 1e9,
            length_s=length_s,
            phase=self._phase((now_ns + self.before_ns) // 2),
            attempted=part.count(Count.ATTEMPTED),
            acked=acked,
            failed=part.count(Count.FAILED),
            unknown=part.count(Count.UNKNOWN),
            rejected=part.count(Count.REJECTED),
            acked_per_s=acked / length_s,
            payload_mib_per_s=payload / length_s / MIB,
            p50_us=quantile_us(part.cells(shown), 0.5),
            p99_us=quantile_us(part.cells(shown), 0.99),
            max_us=float(part.maxima_us[shown]) if part.cells(shown).any() else None,
            lateness_p99_us=quantile_us(part.cells(Metric.LATENESS), 0.99),
            request_rtt_p50_us=quantile_us(part.cells(Metric.REQUEST_RTT), 0.5),
            request_rtt_p99_us=quantile_us(part.cells(Metric.REQUEST_RTT), 0.99),
            outstanding=attempted - total_answered,
            backpressure_us=part.count(Count.BACKPRESSURE_US),
            cpu_share=(cpu_ns - self.before_cpu_ns) / 1e9 / length_s if self.before_cpu_ns else None,
        )
        self.before, self.before_ns, self.before_cpu_ns = now, now_ns, cpu_ns
        self.rows.append(row)
        return row

    def _phase(self, middle_ns: int) -> Literal["warmup", "measured", "drain"]:
        """Of an interval, by its middle; a run that ends by its count drains from the row after its workers do."""
        offset_ns = middle_ns - self.t0_ns
        past_end = self.plan.end_ns is not None and offset_ns > self.plan.end_ns
        was_draining, self.draining = self.draining, all(member.state >= State.DRAINING for member in self.team.members)
        if past_end or was_draining:
            return "drain"
        return "warmup" if offset_ns <= self.plan.warmup_ns else "measured"


def conduct(
    plan: RunPlan,
    team: Team,
    interruption: Interruption,
    limits: Limits,
    on_interval: OnInterval | None = None,
    on_start: Callable[[int], None] | None = None,
) -> Conducted:
    """Run a ready team to its end.

    Args:
        interruption: entered; the first signal drains, the second leaves within a second.
        limits: what may end it before its plan does.
        on_interval: called with each row as it is made.
    """
    t0_ns = time.monotonic_ns() + START_MARGIN_NS
    if on_start is not None:
        on_start(t0_ns)
    team.start_at(t0_ns)
    steal_before, cpu_before = steal_and_total(), None
    watch, host = Watch(team, plan, t0_ns), HostWatch()
    host.start()
    threads, acks = ThreadShares(team), AckWatch(team.members)
    circuit = Circuit(team.members, team.breaker, t0_ns)
    measured_from = t0_ns + plan.warmup_ns
    hard_end_ns = None if plan.end_ns is None else t0_ns + plan.end_ns + round((plan.drain_s + 5) * 1e9)
    next_row_ns = t0_ns + round(INTERVAL_S * 1e9)
    draining_since_ns = 0
    ended: Doubt | None = None
    lost_ns: int | None = None
    while not team.finished:
        time.sleep(0.005)
        now_ns = time.monotonic_ns()
        if cpu_before is None and now_ns >= measured_from:
            cpu_before = time.process_time()
            threads.begin(now_ns)
            host.reset()
        elif cpu_before is not None:
            threads.look(now_ns)
            acks.look(now_ns)
        ended = ended or limits.ending((now_ns - t0_ns) / 1e9)
        circuit.look(now_ns)
        if (interruption.times == 1 or ended or circuit.given_up) and not draining_since_ns:
            team.ask(Stop.DRAIN)
            draining_since_ns = now_ns
        elif (
            interruption.times > 1
            or (ended is not None and ended.invalid)
            or (hard_end_ns is not None and now_ns > hard_end_ns)
        ):
            team.ask(Stop.NOW)
            hard_end_ns = None
            _await(team, SIGNAL_EXIT_S)
            break
        if any(member.lost for member in team.members):
            lost_ns = now_ns
            team.ask(Stop.DRAIN)
            _await(team, LOST_WITHIN_S)
            team.ask(Stop.NOW)
            _await(team, 0.5)
            break
        if now_ns >= next_row_ns:
            next_row_ns += round(INTERVAL_S * 1e9)
            row = watch.row(now_ns)
            if on_interval is not None:
                on_interval(row)
    conducted = _conducted(team, watch, host, threads, acks, t0_ns, steal_before, cpu_before, interruption)
    conducted.ended, conducted.lost_ns = ended, lost_ns
    conducted.circuit, conducted.given_up = circuit.doubt(), circuit.given_up
    return conducted


def _await(team: Team, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not team.finished and time.monotonic() < deadline:
        time.sleep(0.005)


def _conducted(
    team: Team,
    watch: Watch,
    host: HostWatch,
    threads: "ThreadShares",
    acks: AckWatch,
    t0_ns: int,
    steal_before: tuple[float, float, float],
    cpu_before: float | None,
    interruption: Interruption,
) -> Conducted:
    cpu_s = time.process_time() - cpu_before if cpu_before is not None else 0.0
    watch.row(time.monotonic_ns())
    host.stop()
    team.end()
    for member in team.members:
        if member.lost:
            book_announced(member.slab, member.producers)
    by_worker = [
        (
            tally([(member.words, member.producers)], Phase.WARMUP),
            tally([(member.words, member.producers)], Phase.MEASURED),
        )
        for member in team.members
    ]
    words = team.words()
    return Conducted(
        t0_ns=t0_ns,
        warmup=tally(words, Phase.WARMUP),
        measured=tally(words, Phase.MEASURED),
        by_worker=by_worker,
        members=team.members,
        looks=acks.looks(),
        intervals=watch.rows,
        thread_shares=threads.busiest(),
        coordinator_cpu_s=cpu_s,
        steal=(steal_before, steal_and_total()),
        host_stall_us=host.longest_us,
        control_p99_us=host.p99_us(),
        signal=interruption.first,
        lost=[(member.index, member.exit) for member in team.members if member.lost],
    )
