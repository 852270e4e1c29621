"""The gate over simulated systems, and the twenty bad inputs that no gate may pass on."""

import copy
import math
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from loadgen.errors import NotValid
from loadgen.judge.conditions import MARKED, MUST_MATCH, at, conditions, differences
from loadgen.judge.gate import GatePlan, GateRun, Measured, Side, carry_out
from loadgen.judge.limit import parse_limit
from loadgen.judge.looks import ALARM_ERROR, plan_looks
from loadgen.judge.order import pair_order
from loadgen.judge.reading import complaints, values
from loadgen.judge.variant import Variant
from tests.judge.simulated import open_result, result

ACKED, CPU, P99 = "throughput.acked_per_s", "cost.cpu_us_per_message", "latency_us.response.p99"
AS_IT_IS = Variant()
NAMED = Variant(text="linger.ms=20", properties={"linger.ms": "20"})


class Machine:
    """A simulated machine: what a run gives depends on the side, the noise, and on how far the session is.

    Attributes:
        ratio: candidate ÷ baseline of throughput; CPU moves the other way.
        session: a factor by the number of the run in the session, shared by both sides: drift, a neighbour, a cold cache.
        runs: sides in the order they were run.
    """

    def __init__(
        self, ratio: float = 1.0, noise: float = 0.02, session: Callable[[int], float] = lambda run: 1.0, seed: int = 1
    ) -> None:
        self.ratio, self.noise, self.session = ratio, noise, session
        self.generator = np.random.default_rng(seed)
        self.runs: list[Side] = []

    def __call__(self, side: Side, pair: int) -> Measured:
        factor = self.session(len(self.runs)) * self.generator.lognormal(0, self.noise)
        self.runs.append(side)
        factor *= self.ratio if side == "candidate" else 1.0
        return read(result(acked_per_s=200_000 * factor, cpu_us=3 / factor))


def unclear() -> Machine:
    """Half of the limit lost, and a noise in which neither "loss" nor "no loss" can be said."""
    return Machine(0.95, noise=0.12)


def read(data: dict[str, Any], at_rate: bool = False) -> Measured:
    """A result as the gate's runs hand it over."""
    return Measured(
        metrics=values(data, [ACKED, CPU, P99, "latency_us.service.p99"]),
        conditions=conditions(data),
        complaints=complaints(data, at_rate=at_rate),
    )


def plan(pairs: int = 16, limits: tuple[str, ...] = (f"{ACKED}-10%", f"{CPU}+10%"), **more: Any) -> GatePlan:
    settings: dict[str, Any] = {"baseline": AS_IT_IS, "candidate": NAMED, "seed": 7, **more}
    return GatePlan(limits=[parse_limit(text) for text in limits], looks=plan_looks(pairs), **settings)


def ran(machine: Callable[[Side, int], Measured], gate_plan: GatePlan | None = None) -> GateRun:
    return carry_out(gate_plan or plan(), machine, lambda: 0.0)


@pytest.mark.parametrize(
    ("ratio", "verdict", "pairs"), [(1.0, "pass", 12), (0.8, "regressed", 12), (1.25, "improved", 12)]
)
def test_a_clear_answer_ends_at_the_first_look(ratio: float, verdict: str, pairs: int) -> None:
    """Equal passes, a loss of 20 % regresses, a gain improves; each after 12 of 16 pairs."""
    run = ran(Machine(ratio))

    assert (run.verdict.verdict, run.verdict.pairs, run.stopped_by) == (verdict, pairs, "verdict")


def test_an_unclear_answer_takes_all_pairs_and_says_so() -> None:
    """Half of the limit lost, with noise: all 16 pairs, then inconclusive with exit 6, the smallest loss that it catches
    printed.
    """
    run = ran(unclear())

    assert (run.verdict.verdict, run.verdict.pairs, run.stopped_by) == ("inconclusive", 16, "last look")
    assert run.verdict.exit_code == 6
    assert all(metric.smallest_detectable for metric in run.verdict.metrics if metric.decides)


def test_the_order_inside_each_pair_is_the_drawn_one_and_is_kept() -> None:
    """G6: what ran first is what the seed drew, pair by pair, and stands in the record."""
    machine = Machine()
    run = ran(machine)

    drawn = [pair_order(7, pair) for pair in range(12)]
    first = ["candidate first" if side == "candidate" else "baseline first" for side in machine.runs[0::2]]

    assert [pair.order for pair in run.pairs] == first == drawn
    assert {"baseline first", "candidate first"} == set(drawn)


def test_the_same_runs_give_the_same_record() -> None:
    """G10: two gates over the same machine and seed are equal in every field."""
    assert ran(Machine(0.93)) == ran(Machine(0.93))


def clock(step_s: float) -> Callable[[], float]:
    """A clock that moves on by `step_s` each time it is asked."""
    times = iter(range(10_000))
    return lambda: next(times) * step_s


def test_a_budget_ends_the_gate_with_the_pairs_it_allows() -> None:
    """The gate stops before a pair that would overrun, and judges what it has with the same errors."""
    run = carry_out(plan(budget_s=100), Machine(0.8), clock(10))

    assert (run.verdict.pairs, run.stopped_by, run.verdict.verdict) == (10, "budget", "regressed")


def test_a_budget_too_short_for_any_answer_is_not_valid() -> None:
    """Fewer than seven pairs show nothing; the message says what budget would."""
    with pytest.raises(NotValid, match=r"4 pairs, 7 are the fewest.*--budget"):
        carry_out(plan(budget_s=40), Machine(), clock(10))


# The twenty bad inputs. Those that spoil a comparison end in NotValid (exit 5); the others in an honest verdict.


def test_bad_1_equal_sides_pass() -> None:
    """1: A = A passes, and never regresses."""
    verdicts = [ran(Machine(seed=seed)).verdict.verdict for seed in range(20)]

    assert verdicts.count("pass") >= 19 and "regressed" not in verdicts


def test_bad_2_three_runs_a_side_are_inconclusive() -> None:
    """2: three pairs say nothing, however equal."""
    assert ran(Machine(noise=0.001), plan(3)).verdict.verdict == "inconclusive"


def test_bad_3_no_variance_is_doubted() -> None:
    """3: a metric that never varies passes only with the doubt that it was not measured."""
    run = ran(Machine(noise=0.0))

    assert run.verdict.verdict == "pass"
    assert all("no_variation" in {doubt.code for doubt in metric.doubts} for metric in run.verdict.metrics)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -1.0, 0.0])
@pytest.mark.parametrize("metric", [ACKED, CPU])
def test_bad_4_values_without_a_logarithm(wrong: float, metric: str) -> None:
    """4: NaN, infinite, negative or zero in one run of a deciding metric is exit 5, never a pass."""
    machine = Machine()

    def broken(side: Side, pair: int) -> Measured:
        measured = machine(side, pair)
        return measured if pair != 2 else msgspec.structs.replace(measured, metrics={**measured.metrics, metric: wrong})

    with pytest.raises(NotValid, match=metric):
        ran(broken)


@pytest.mark.parametrize("metric", [ACKED, CPU, P99])
def test_bad_5_a_deciding_metric_is_missing(metric: str) -> None:
    """5, G8: any required key that one run lacks is exit 5."""

    def without(side: Side, pair: int) -> Measured:
        metrics = {ACKED: 2e5, CPU: 3.0, P99: 5e3}
        if (side, pair) == ("candidate", 4):
            del metrics[metric]
        return Measured(metrics=metrics)

    with pytest.raises(NotValid, match=f"{metric} is missing in pair 5"):
        ran(without, plan(limits=(f"{ACKED}-10%", f"{CPU}+10%", f"{P99}+20%")))


COMPLETE = open_result(
    **{
        path: 1
        for path in (*MUST_MATCH, *MARKED)
        if path.startswith(("client.", "environment.", "broker.topic.")) or path in {"plan.entropy", "plan.record_size"}
    }
)
REQUIRED = sorted(
    {
        *(path for path in (*MUST_MATCH, *MARKED) if at(COMPLETE, path) not in (None, [])),
        *("verdict.valid", "messages.acked", "messages.failed", "messages.unknown", "throughput.achieved_ratio"),
        *(ACKED, CPU, P99, "bytes.payload"),
    }
)


@pytest.mark.parametrize("wrong", [None, math.nan])
@pytest.mark.parametrize("path", REQUIRED)
def test_bad_5_any_required_key_that_is_gone(path: str, wrong: float | None) -> None:
    """G8: each of the keys that a verdict rests on, gone or no number in one run of the candidate, is exit 5."""

    def run(side: Side, pair: int) -> Measured:
        data = copy.deepcopy(COMPLETE)
        if (side, pair) == ("candidate", 3):
            *parents, last = path.split(".")
            at(data, ".".join(parents))[last] = wrong
        return read(data, at_rate=True)

    with pytest.raises(NotValid):
        ran(run, plan(limits=(f"{ACKED}-10%", f"{CPU}+10%", f"{P99}+20%")))


def test_bad_5_nothing_is_wrong_with_the_complete_one() -> None:
    """What the test above removes keys from does pass, so that each refusal is that key's."""
    run = ran(lambda side, pair: read(copy.deepcopy(COMPLETE), at_rate=True))

    assert run.verdict.verdict == "pass" and len(REQUIRED) > 40


def test_bad_6_milliseconds_for_microseconds() -> None:
    """6: a factor of a thousand is another unit, not a regression and not an improvement."""

    def in_seconds(side: Side, pair: int) -> Measured:
        return Measured(metrics={P99: 5_000.0 if side == "baseline" else 5.0 + pair / 100})

    with pytest.raises(NotValid, match="another unit"):
        ran(in_seconds, plan(limits=(f"{P99}+20%",)))


def mismatched(path: str, value: Any, make: Callable[..., dict[str, Any]] = result) -> Callable[[Side, int], Measured]:
    return lambda side, pair: read(make(**({path: value} if side == "candidate" else {})))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("environment.cpu_model", "Another 1"),
        ("environment.kernel", "6.9"),
        ("environment.python", "3.13.0"),
        ("environment.host", "elsewhere"),
        ("environment.cores", 4),
        ("client.librdkafka", "2.15.0"),
        ("client.properties", {"linger.ms": "5", "acks": "1"}),
        ("client.instrument", "python"),
        ("broker.version", "4.4.0"),
        ("broker.cluster_id", "restarted"),
        ("plan.partitions", 12),
        ("plan.warmup_s", 0.0),
        ("plan.record_size", 100),
        ("plan.keys", "none"),
        ("plan.workers", 2),
        ("plan.serializer", "pydantic"),
    ],
)
def test_bad_13_14_15_what_no_variant_names_must_be_equal(path: str, value: Any) -> None:
    """G7, 13, 14, 15: another machine, a restarted broker, a warm-up on one side only: exit 5, and it is named."""
    with pytest.raises(NotValid, match=path.split(".")[-1]) as caught:
        ran(mismatched(path, value))

    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("path", "value"),
    [("broker.cluster_id", "restarted"), ("plan.partitions", 12), ("environment.governor", "powersave")],
)
def test_bad_13_what_changes_during_the_gate_ends_it(path: str, value: Any) -> None:
    """13: a broker restarted or a topic grown between two pairs is equal on both sides of each pair, and still exit 5."""

    def restarted(side: Side, pair: int) -> Measured:
        return read(result(**({path: value} if pair >= 4 else {})))

    with pytest.raises(NotValid, match=f"pair 5: baseline is no longer.*{path.split('.')[-1]}"):
        ran(restarted)


@pytest.mark.parametrize(("records", "alike"), [(8_000, True), (800_000, False)])
def test_the_mean_of_few_records_is_not_known_to_one_percent(records: int, alike: bool) -> None:
    """Two short runs that send a few more or fewer of the same orders are comparable; long runs 2 % apart are not."""
    sides = [
        conditions(result(**{"messages.acked": records, "bytes.payload": weight * records})) for weight in (550, 561)
    ]

    assert (differences(*sides) == []) is alike


def test_orders_of_another_seed_may_weigh_more() -> None:
    """The mean payload belongs to a pair, not to the gate; inside a pair it must be equal."""
    machine = Machine()

    def heavier(side: Side, pair: int) -> Measured:
        return msgspec.structs.replace(
            machine(side, pair), conditions=conditions(result(**{"bytes.payload": 320_000_000 + 8_000_000 * pair}))
        )

    assert ran(heavier).verdict.verdict == "pass"
    with pytest.raises(NotValid, match="payload_bytes_per_message"):
        ran(mismatched("bytes.payload", 310_000_000))


def test_what_a_variant_names_may_differ() -> None:
    """The property that the candidate was given differs, is listed, and is compared."""
    machine = Machine()

    def lingering(side: Side, pair: int) -> Measured:
        measured = machine(side, pair)
        properties = {"linger.ms": "20" if side == "candidate" else "5", "acks": "-1"}
        return Measured(metrics=measured.metrics, conditions=conditions(result(**{"client.properties": properties})))

    run = ran(lingering)

    assert run.verdict.verdict == "pass"
    assert [str(difference) for difference in run.changed] == ["client.properties.linger.ms: 5 → 20"]


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("plan.offered_per_s", 60_000.0, "offered_per_s"),
        ("verdict.limited_by", "generator", "generator was the limit"),
        ("throughput.achieved_ratio", 0.97, "97.0% of the offered rate"),
        ("messages.failed", 4_000, "records failed"),
        ("messages.unknown", 4_000, "records unknown"),
        ("verdict.valid", False, "does not say that it is valid"),
        ("messages.acked", 0, "nothing was acknowledged"),
    ],
)
def test_bad_7_8_9_latencies_compare_only_at_one_kept_rate(path: str, value: Any, complaint: str) -> None:
    """G9, 7, 8, 9: another rate, a client that was the limit, failures: exit 5."""

    def at_rate(side: Side, pair: int) -> Measured:
        return read(open_result(**({path: value} if side == "candidate" else {})), at_rate=True)

    with pytest.raises(NotValid, match=complaint):
        ran(at_rate, plan(limits=(f"{P99}+20%",)))


SESSIONS: dict[str, Callable[[int], float]] = {
    "10 one tenfold outlier": lambda run: 0.1 if run == 9 else 1.0,
    "11 linear drift": lambda run: 1.0 - 0.01 * run,
    "12 a neighbour from midway": lambda run: 0.6 if run >= 13 else 1.0,
    "13 a cold cache at first": lambda run: 0.7 if run < 2 else 1.0,
}


@pytest.mark.parametrize("session", SESSIONS)
def test_bad_10_to_13_what_the_machine_does_is_no_regression(session: str) -> None:
    """10 to 13: of 60 gates on a drifting, shared or cold machine with equal sides at most one raises an alarm, even
    with a limit of nearly nothing; and with the default limits most of them still pass.
    """
    nothing = plan(limits=(f"{ACKED}-0.001%",))
    machines = [
        (Machine(session=SESSIONS[session], seed=seed), Machine(session=SESSIONS[session], seed=seed))
        for seed in range(60)
    ]
    alarms = sum(
        ran(first, replaced(nothing, seed)).verdict.verdict == "regressed" for seed, (first, _) in enumerate(machines)
    )
    passes = sum(
        ran(second, replaced(plan(), seed)).verdict.verdict == "pass" for seed, (_, second) in enumerate(machines)
    )

    assert alarms <= 2
    assert passes >= 45


def replaced(gate_plan: GatePlan, seed: int) -> GatePlan:
    return GatePlan(baseline=AS_IT_IS, candidate=NAMED, limits=gate_plan.limits, looks=gate_plan.looks, seed=seed)


def test_bad_17_two_levels_are_said() -> None:
    """17: a candidate whose p99 doubles every other run is inconclusive with both levels told."""

    def bimodal(side: Side, pair: int) -> Measured:
        jitter = 1 + (pair * 7 % 5) / 100
        level = 2.0 if side == "candidate" and pair % 2 else 1.0
        return Measured(metrics={P99: 5_000.0 * level * jitter})

    run = ran(bimodal, plan(limits=(f"{P99}+20%",)))

    assert run.verdict.verdict == "inconclusive"
    assert "two_levels" in {doubt.code for doubt in run.verdict.metrics[0].doubts}


def test_bad_19_swapped_labels_are_an_improvement() -> None:
    """19: the same machines the other way round mirror regressed into improved."""
    loss = Machine(0.8)
    pairs = {(side, pair): loss(side, pair) for pair in range(16) for side in ("baseline", "candidate")}
    other: dict[Side, Side] = {"baseline": "candidate", "candidate": "baseline"}

    there = ran(lambda side, pair: pairs[side, pair])
    back = ran(lambda side, pair: pairs[other[side], pair])

    assert (there.verdict.verdict, back.verdict.verdict) == ("regressed", "improved")


def test_bad_20_reruns_until_green_share_one_error() -> None:
    """20: five starts said beforehand each spend a fifth: what one start alone would call regressed is not yet enough."""
    alone, shared = plan_looks(tries=1), plan_looks(tries=5)

    assert shared.alarm_error == pytest.approx(alone.alarm_error / 5)
    assert shared.pass_error == pytest.approx(alone.pass_error / 5)
    assert 5 * len(shared.pairs) * shared.alarm_error <= ALARM_ERROR * 1.000001


def test_what_many_runs_doubted_of_themselves_is_told_once() -> None:
    """A stall in one run is that run's; in most of them it is the gate's."""
    machine = Machine()

    def stalling(side: Side, pair: int) -> Measured:
        return Measured(metrics=machine(side, pair).metrics, doubts=["host_stall", *(["drift"] if pair == 0 else [])])

    codes = {doubt.code: doubt.message for doubt in ran(stalling).verdict.doubts}

    assert "24 of 24 runs" in codes["runs_host_stall"]
    assert "runs_drift" not in codes


def test_after_every_pair_the_caller_is_told() -> None:
    """Progress gets each pair as it ends, and the verdict at the looks only."""
    told: list[tuple[int, bool]] = []

    carry_out(
        plan(),
        unclear(),
        lambda: 0.0,
        lambda pairs, verdict: told.append((len(pairs), verdict is not None)),
    )

    assert told == [(n, n in {12, 16}) for n in range(1, 17)]
