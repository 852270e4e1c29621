"""Who was the limit, as a table of evidence."""

from typing import Any

import pytest

from loadgen.report.limit import LimitEvidence, limited_by

USUAL: dict[str, Any] = {
    "mock": False,
    "loop": "closed",
    "achieved_ratio": None,
    "duration_s": 10.0,
    "busiest_thread_share": 0.4,
    "queue_full_share": 0.9,
    "throttle_share": 0.0,
    "lateness_p99_us": None,
    "requests_per_s": 250.0,
    "rtt_mean_us": 4_000.0,
    "rtt_p50_us": 3_800.0,
    "rtt_least_us": 500.0,
    "connections": 1,
    "batch_bytes": 16_384.0,
    "window": 5,
    "host_busy_share": 0.5,
}

ROWS = [
    ("plan", {"loop": "open", "achieved_ratio": 0.999}, "the plan was kept"),
    ("unknown", {"mock": True, "duration_s": 0.0, "requests_per_s": None}, "nothing was acknowledged"),
    ("quota", {"throttle_share": 0.4}, "throttled these producers 40%"),
    ("quota", {"throttle_share": 3.1, "duration_s": 0.0, "requests_per_s": None}, "throttled these producers 100%"),
    ("generator", {"busiest_thread_share": 0.97}, "97% of its core"),
    ("generator", {"mock": True}, "mock cluster shares this machine"),
    ("generator", {"queue_full_share": 0.01}, "was not fed faster"),
    (
        "client_settings",
        {"requests_per_s": 250.0, "rtt_mean_us": 20_000.0, "rtt_p50_us": 20_000.0, "rtt_least_us": 19_500.0},
        "5 in flight × 16 KiB ÷ 20.0 ms = 3.9 MiB/s",
    ),
    (
        "broker",
        {"requests_per_s": 250.0, "rtt_mean_us": 20_000.0, "rtt_p50_us": 20_000.0, "rtt_least_us": 900.0},
        "the shortest took 0.9 ms",
    ),
    ("broker", {}, "queue was full 90%"),
    ("generator", {"loop": "open", "achieved_ratio": 0.5, "queue_full_share": 0.0, "lateness_p99_us": 2e6}, "late"),
    (
        "unknown",
        {"loop": "open", "achieved_ratio": 0.9, "queue_full_share": 0.0, "lateness_p99_us": 100.0},
        "no single cause",
    ),
]


@pytest.mark.parametrize(("limit", "changed", "words"), ROWS)
def test_the_limit_follows_from_the_evidence(limit: str, changed: dict[str, Any], words: str) -> None:
    """Each row's evidence leads to its limit, with the arithmetic in words."""
    found, reason = limited_by(LimitEvidence(**{**USUAL, **changed}))

    assert found == limit
    assert words in reason


def test_without_request_times_nothing_is_claimed_of_the_window() -> None:
    """The Python instrument knows no round trips: the verdict does without them."""
    found, _ = limited_by(
        LimitEvidence(
            **{**USUAL, "requests_per_s": None, "rtt_mean_us": None, "rtt_p50_us": None, "rtt_least_us": None}
        )
    )

    assert found == "broker"
