"""Who was the limit: the plan, the generator, its settings, the broker or a quota. Pure, from a run's own numbers.

The reasoning, in this order:
  a plan that was kept is its own limit;
  throttle time means a quota, the only trace that one leaves;
  flat out without an acknowledgement in the measured phase (its records waited behind the warm-up's) nobody can tell;
  a thread of ours that filled its core, or a queue that we did not manage to fill, means the generator;
  a full queue with all requests in flight means the round trip: if it is about the shortest seen, the settings
  (window × batch ÷ round trip is all that fits), if it is well above, the broker.
"""

import msgspec

from loadgen.report.result import LimitedBy

KEPT_RATIO = 0.99
QUOTA_SHARE = 0.02  # of the producers' time spent throttled
FULL_CORE = 0.88  # a thread above it has no room: the kernel's own share and sampling take the rest
STARVED_QUEUE_SHARE = 0.05  # a flat-out run whose queue is full less than this was not fed fast enough
WINDOW_USED = 0.75  # mean requests in flight over the most allowed: above it the window is the bound
ROUND_TRIP_GROWTH = 3.0  # median over least: above it the broker takes its time


class LimitEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision rests on; None where the instrument cannot tell.

    Attributes:
        mock: no Kafka was involved: what is not the plan is this machine's own limit.
        busiest_thread_share: of a core, the busiest thread of any worker over the measured phase.
        queue_full_share: of the measured time, mean over producers, in which the client's queue was full.
        throttle_share: throttle time over producers × the whole run's time; above 1 when requests in flight are each held.
        lateness_p99_us: open loop.
        requests_per_s, rtt_mean_us, rtt_p50_us, rtt_least_us: of ProduceRequests, all producers together.
        connections: producers × brokers that lead partitions.
        batch_bytes, window: mean bytes of a request before compression; most requests in flight of a connection.
        host_busy_share: of all cores, with the broker's share in it when it lives here.
    """

    mock: bool
    loop: str
    achieved_ratio: float | None
    duration_s: float
    busiest_thread_share: float
    queue_full_share: float
    throttle_share: float
    lateness_p99_us: float | None
    requests_per_s: float | None
    rtt_mean_us: float | None
    rtt_p50_us: float | None
    rtt_least_us: float | None
    connections: int
    batch_bytes: float | None
    window: int
    host_busy_share: float | None


def limited_by(evidence: LimitEvidence) -> tuple[LimitedBy, str]:
    """The limit, and the arithmetic behind it in a line."""
    e = evidence
    if e.loop == "open" and e.achieved_ratio is not None and e.achieved_ratio >= KEPT_RATIO:
        return "plan", f"the plan was kept ({e.achieved_ratio:.1%} of it)"
    if e.throttle_share > QUOTA_SHARE:
        return "quota", f"the broker throttled these producers {min(e.throttle_share, 1.0):.0%} of the time"
    if e.loop == "closed" and e.duration_s <= 0:
        return "unknown", "of the measured phase nothing was acknowledged: a longer -d, or a queue that empties sooner"
    in_flight = None
    if e.requests_per_s is not None and e.rtt_mean_us:
        in_flight = e.requests_per_s * e.rtt_mean_us / 1e6 / max(e.connections, 1)
    window_full = in_flight is not None and in_flight >= WINDOW_USED * e.window
    if window_full and e.busiest_thread_share < FULL_CORE:
        assert e.rtt_p50_us is not None
        if e.rtt_least_us and e.rtt_p50_us > ROUND_TRIP_GROWTH * e.rtt_least_us:
            return "broker", (
                f"all {e.window} requests in flight, each answered after {e.rtt_p50_us / 1000:.1f} ms; "
                f"the shortest took {e.rtt_least_us / 1000:.1f} ms"
            )
        return "client_settings", _window_arithmetic(e)
    if e.mock:
        return "generator", "a mock cluster shares this machine with its clients: together they are the limit"
    if e.busiest_thread_share >= FULL_CORE:
        return "generator", f"a sending thread used {e.busiest_thread_share:.0%} of its core"
    if e.queue_full_share < STARVED_QUEUE_SHARE and e.loop == "closed":
        return (
            "generator",
            f"the client's queue was full only {e.queue_full_share:.0%} of the time: it was not fed faster",
        )
    if e.queue_full_share >= STARVED_QUEUE_SHARE:
        return "broker", f"the client's queue was full {e.queue_full_share:.0%} of the time while its threads had room"
    if e.lateness_p99_us is not None and e.lateness_p99_us > 10_000:
        return "generator", f"events left {e.lateness_p99_us / 1000:.0f} ms late (p99) with room in the queue"
    return "unknown", "no single cause stands out"


def _window_arithmetic(e: LimitEvidence) -> str:
    batch_kib = (e.batch_bytes or 0) / 1024
    rtt_ms = (e.rtt_mean_us or 0) / 1000
    mib_per_s = e.window * batch_kib / 1024 / (rtt_ms / 1000) * e.connections if rtt_ms else 0.0
    return (
        f"{e.window} in flight × {batch_kib:.0f} KiB ÷ {rtt_ms:.1f} ms"
        f"{f' × {e.connections} connections' if e.connections > 1 else ''} = {mib_per_s:.1f} MiB/s: "
        "raise batch.size or linger.ms, or add producers"
    )
