"""What ends a run before its plan does: caps of bytes and time, and a guard that looks again while the run sends."""

import threading
from typing import Any

import msgspec
import pytest

from loadgen.brokers.guard import Decision, Seen
from loadgen.brokers.target import Broker
from loadgen.errors import Refused, Unreachable, UsageError
from loadgen.profile import resolve
from loadgen.runner import target as target_module
from loadgen.runner.coordinator import carry_out
from loadgen.runner.guard_watch import GuardWatch
from loadgen.runner.limits import Limits, most_records, planned_bytes

MOCK = {"start": "mock", "record_size": "1000"}
HERE, ELSEWHERE = Seen(["127.0.0.1:1"], ["127.0.0.1:1"], "id"), Seen(["127.0.0.1:1"], ["203.0.113.7:1"], "id")


@pytest.mark.parametrize(
    ("flags", "planned"),
    [
        ({"rate": "100/s", "duration": "10s", "warmup": "5s"}, 1_500_000),
        ({"rate": "100kB/s", "duration": "10s", "warmup": "5s"}, 1_500_000),
        ({"ramp": "0.5/s..100/s", "duration": "10s", "warmup": "0s"}, 502_500),
        ({"steps": "10,20,60", "duration": "10s", "warmup": "1s"}, 310_000),
        ({"count": "1000", "warmup": "0s"}, 1_000_000),
        ({"rate": "100/s", "count": "50", "duration": "10s", "warmup": "1s"}, 150_000),
        ({"duration": "10s"}, 0),
    ],
)
def test_what_a_plan_will_send_is_known_before(flags: dict[str, str], planned: int) -> None:
    """Rates, ramps, steps and counts; flat out for a time only the run itself tells."""
    assert planned_bytes(resolve({**MOCK, **flags}, {}), 1000.0) == pytest.approx(planned)


def test_a_plan_beyond_the_cap_is_refused_before_anything_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Naming what it would send and the flag; no broker is started."""
    monkeypatch.setattr(target_module, "start_broker", pytest.fail)
    settings = resolve({**MOCK, "rate": "1000/s", "duration": "10s", "warmup": "0s", "max_bytes": "9MB"}, {})

    with pytest.raises(UsageError, match=r"more than --max-bytes 8\.58 MiB"):
        carry_out(settings)


@pytest.mark.parametrize("instrument", ["c", "python"])
def test_flat_out_no_byte_beyond_the_cap_is_sent(instrument: str) -> None:
    """2,000 records of 1,000 bytes and not one more, over all producers and both phases; the result says why."""
    flags = {"duration": "20s", "warmup": "0s", "workers": "2", "producers": "3", "max_bytes": "2MB"}
    result = carry_out(resolve({**MOCK, **flags, "instrument": instrument}, {})).result

    assert result.messages.attempted + result.messages.warmup.attempted == 2_000
    assert result.messages.acked == 2_000
    (doubt,) = [doubt for doubt in result.verdict.doubts if doubt.code == "max_bytes"]
    assert "--max-bytes" in doubt.message + doubt.remedy
    assert not doubt.invalid


def test_the_probe_of_a_rate_in_percent_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probe and run together stay below the cap."""
    monkeypatch.setattr("loadgen.runner.coordinator.PROBE_S", 0.2)
    monkeypatch.setattr("loadgen.runner.coordinator.PROBE_WARMUP_S", 0.0)
    settings = resolve({**MOCK, "rate": "50%", "duration": "60s", "warmup": "0s", "max_bytes": "30MB"}, {})
    result = carry_out(settings).result

    assert 0 < result.messages.attempted < 30_000
    assert any(doubt.code == "max_bytes" for doubt in result.verdict.doubts)


def test_max_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run by count, whose length nobody knows before, ends at --max-time with a drain and all accounted for."""
    settings = resolve({**MOCK, "count": "1G", "warmup": "0s", "max_time": "1s", "max_bytes": "1TiB"}, {})
    result = carry_out(settings).result

    assert 0 < result.messages.acked < 10**9
    assert result.messages.open == 0
    assert "max_time" in [doubt.code for doubt in result.verdict.doubts]


def test_nothing_ends_a_run_within_its_limits() -> None:
    """Neither early nor without a watch."""
    limits = Limits(10.0)

    assert limits.ending(9.9) is None
    ended = limits.ending(10.1)
    assert ended is not None and ended.code == "max_time" and not ended.invalid


class Looking:
    """What a cluster shows, look by look; the last one stays."""

    def __init__(self, *shows: Any) -> None:
        self.shows, self.looked = list(shows), threading.Semaphore(0)

    def __call__(self) -> Seen:
        shown = self.shows.pop(0) if len(self.shows) > 1 else self.shows[0]
        self.looked.release()
        if isinstance(shown, Exception):
            raise shown
        return shown  # type: ignore[no-any-return]


def judged(seen: Seen, confirm: str | None) -> Decision:
    near = all(address.startswith("127.") for address in seen.advertised)
    return Decision(near, "advertised elsewhere", "--confirm id")


def test_brokers_that_come_to_be_named_elsewhere_end_the_run() -> None:
    """Silence of the cluster says nothing; the same brokers are not judged again; others are, and refused at once."""
    look = Looking(HERE, Unreachable("down"), HERE, ELSEWHERE)
    with GuardWatch(HERE, look, None, every_s=0.001, judge=judged) as watch:
        for _ in range(3):
            assert look.looked.acquire(timeout=10)
        watch._thread.join(10)

    ended = Limits(1e9, watch).ending(3.0)
    assert ended is not None
    assert ended.invalid
    assert "advertised elsewhere" in ended.message and "--confirm id" in ended.remedy


def test_a_quiet_cluster_is_watched_to_the_end() -> None:
    """And the watch ends with the run, not at its next look."""
    look = Looking(HERE)
    with GuardWatch(HERE, look, None, every_s=0.001, judge=judged) as watch:
        assert look.looked.acquire(timeout=10)
    assert watch.refusal is None
    assert not watch._thread.is_alive()


def test_a_run_ends_when_the_guard_changes_its_mind(mock: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sends on to brokers elsewhere: the run stops within the second, is refused (exit 2), and closes its ledger."""
    watch = GuardWatch(HERE, Looking(HERE, HERE, ELSEWHERE), None, every_s=0.3, judge=judged)
    monkeypatch.setattr(target_module.Target, "watch", lambda self, settings: watch)
    result = carry_out(resolve({**MOCK, "rate": "500/s", "duration": "60s", "warmup": "0s"}, {}), broker=mock).result

    assert result.verdict.exit_code == 2
    assert result.verdict.headline.startswith("REFUSED")
    assert result.messages.attempted < 60 * 500 / 2
    assert result.messages.open == 0


@pytest.mark.kafka
def test_a_cluster_elsewhere_is_refused_and_a_topic_that_is_not_ours(
    kafka: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a real cluster: the refusal prints its id, which then opens it; somebody's topic takes --yes. Nothing is written."""
    from loadgen.brokers import admin, guard

    flags = {"bootstrap_server": kafka.bootstrap, "rate": "100/s", "duration": "1s", "warmup": "0s"}
    identity = admin.describe_cluster(kafka, {}).cluster_id
    theirs = topic.removeprefix("loadgen-")
    admin.create_topic(kafka, theirs, {}, partitions=1)
    with pytest.raises(Refused, match=r"topic .* may be somebody's; to allow it: --yes$"):
        carry_out(resolve({**flags, "topic": theirs}, {}))
    assert admin.end_offsets(kafka, theirs, {}) == [0]
    assert carry_out(resolve({**flags, "topic": theirs, "yes": True}, {})).result.messages.acked == 100

    real = guard.resolve_host
    monkeypatch.setattr(guard.decide, "__defaults__", (None, lambda host: ["203.0.113.7"]))
    with pytest.raises(Refused, match=f"to allow it: --confirm {identity}$"):
        carry_out(resolve(flags, {}))
    assert carry_out(resolve({**flags, "confirm": str(identity)}, {})).result.messages.acked == 100
    assert real("127.0.0.1") == ["127.0.0.1"]


def test_a_record_larger_than_the_cap_is_one_record() -> None:
    """A cap below one record does not mean without end."""
    settings = msgspec.structs.replace(resolve(MOCK, {}), max_bytes=1)

    assert most_records(settings) == 1
