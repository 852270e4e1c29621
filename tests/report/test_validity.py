"""The judge of a run: doubts, exit codes, headline."""

from typing import Any

import pytest

from loadgen.report.result import Messages, RuleOutcome, Steady
from loadgen.report.validity import RunFacts, doubts, exit_code, headline, outcomes
from loadgen.slo import parse_rule

GOOD: dict[str, Any] = {
    "kind": "kafka",
    "loop": "open",
    "warmup_s": 5.0,
    "measured_s": 30.0,
    "offered_per_s": 1000.0,
    "achieved_ratio": 1.0,
    "messages": Messages(attempted=30_000, acked=30_000),
    "warmup_messages": Messages(attempted=5_000, acked=5_000),
    "worker_messages": [],
    "lost_workers": [],
    "limited_by": "plan",
    "limit_reason": "the plan was kept",
    "lateness": None,
    "response": None,
    "steady": Steady(first_third_per_s=1000.0, last_third_per_s=1000.0, drift_pct=0.0),
    "brokers": 1,
    "replication_factor": 1,
    "instrument": "c",
    "instrument_note": None,
    "acks": "all",
    "callback_errors": 0,
    "fatal": None,
    "negative": 0,
    "overflow": 0,
    "consumed_all": None,
    "unsent": 0,
    "client_stall_us": 900,
    "host_stall_us": 900,
    "bracket": (35_000, 35_000, 35_000),
    "signal": None,
    "unreachable": None,
}

OPEN = Messages(attempted=10, acked=9, open=1)
DOUBTS = [
    ("worker_lost", True, {"lost_workers": [(1, -9)]}),
    ("ledger_open", True, {"messages": OPEN}),
    ("ledger_open", True, {"warmup_messages": OPEN}),
    ("ledger_open", True, {"worker_messages": [Messages(attempted=1, acked=2, open=-1)]}),
    ("callback_errors", True, {"callback_errors": 1}),
    ("fatal_error", True, {"fatal": "_FATAL"}),
    ("log_disagrees", True, {"bracket": (35_000, 34_999, 35_000)}),
    ("log_disagrees", True, {"bracket": (35_000, 35_001, 35_000)}),
    ("rate_missed_by_generator", True, {"achieved_ratio": 0.9, "limited_by": "generator"}),
    ("nothing_measured", True, {"messages": Messages()}),
    ("rate_missed", False, {"achieved_ratio": 0.9, "limited_by": "broker"}),
    ("mock_broker", False, {"kind": "mock"}),
    ("replication_1", False, {"brokers": 3}),
    ("acks_0", False, {"acks": "0"}),
    ("instrument", False, {"instrument_note": "timed in Python callbacks"}),
    ("short_run", False, {"measured_s": 2.0}),
    ("plan_unfinished", False, {"unsent": 7}),
    ("drift", False, {"steady": Steady(first_third_per_s=100.0, last_third_per_s=72.0, drift_pct=-28.0)}),
    ("host_stall", False, {"host_stall_us": 400_000}),
    ("client_stall", False, {"client_stall_us": 1_400_000}),
    ("negative_times", False, {"negative": 3}),
    ("overflow", False, {"overflow": 3}),
    ("not_all_consumed", False, {"consumed_all": False}),
    ("unknown_outcomes", False, {"messages": Messages(attempted=2, acked=1, unknown=1)}),
]


def facts(**changed: Any) -> RunFacts:
    return RunFacts(**{**GOOD, **changed})


def test_a_good_run_has_no_doubt() -> None:
    """Nothing is doubted without a reason."""
    assert doubts(facts()) == []


@pytest.mark.parametrize(("code", "invalid", "changed"), DOUBTS)
def test_each_reason_is_a_doubt_with_a_remedy(code: str, invalid: bool, changed: dict[str, Any]) -> None:
    """Every reason is found, says what would remove it, and makes the run invalid only where its numbers cannot stand."""
    found = {doubt.code: doubt for doubt in doubts(facts(**changed))}

    assert code in found
    assert found[code].invalid is invalid
    assert found[code].remedy


def test_a_lost_workers_open_records_are_said_once() -> None:
    """A killed worker leaves records open: the doubt is the worker, not the ledger."""
    codes = [doubt.code for doubt in doubts(facts(lost_workers=[(0, -9)], messages=OPEN))]

    assert codes[0] == "worker_lost"
    assert "ledger_open" not in codes


KEPT, MISSED, NULL = RuleOutcome("r", 1.0, True), RuleOutcome("r", 9.0, False), RuleOutcome("r", None, None)
CODES = [
    (0, {}, [KEPT]),
    (99, {}, [KEPT, MISSED]),
    (99, {}, [NULL]),
    (5, {"callback_errors": 1}, [MISSED]),
    (130, {"signal": 2, "callback_errors": 1}, [MISSED]),
    (143, {"signal": 15}, []),
    (3, {"unreachable": "no answer", "callback_errors": 1}, []),
]


@pytest.mark.parametrize(("code", "changed", "slo"), CODES)
def test_exit_codes_in_the_contracts_order(code: int, changed: dict[str, Any], slo: list[RuleOutcome]) -> None:
    """Of several that apply the first of 1 2 130 143 3 4 5 99 98 6 is taken; a null keeps no rule."""
    given = facts(**changed)

    assert exit_code(given, doubts(given), slo) == code


def test_wrong_data_is_exit_4() -> None:
    """Lost, duplicated or reordered records outrank an invalid run."""
    given = facts(callback_errors=1)

    assert exit_code(given, doubts(given), [], data_wrong=True) == 4


def test_the_implied_rules_hold_unless_others_were_asked_of_the_same_metric() -> None:
    """With a rate the achieved ratio is judged; asking for another bound replaces the implied one."""
    result = {"throughput": {"achieved_ratio": 0.95}, "messages": {"failed_ratio": 0.0}}
    implied = outcomes([], result, with_rate=True)
    asked = outcomes([parse_rule("throughput.achieved_ratio>=0.9")], result, with_rate=True)

    assert {outcome.rule: outcome.ok for outcome in implied} == {
        "messages.failed_ratio<0.0001": True,
        "throughput.achieved_ratio>=0.99": False,
    }
    assert all(outcome.ok for outcome in asked)
    assert [outcome.rule for outcome in outcomes([], result, with_rate=False)] == ["messages.failed_ratio<0.0001"]


def test_flat_out_at_the_generators_limit_says_at_least() -> None:
    """A host that was the limit cannot say what the cluster takes."""
    told = headline(facts(loop="closed", limited_by="generator"), 512_345.6, [KEPT], valid=True)

    assert told == "at least 512,346 msg/s; this host was the limit"
