"""What a killed worker must leave, clause by clause: each broken alone is seen."""

from typing import Any

import msgspec
import pytest

from bench.kills import Kill, summary

WELL = Kill(
    rate=None,
    at_s=1.0,
    noticed_s=0.1,
    ended_s=1.5,
    exit_code=5,
    unknown=50,
    most_unknown=100,
    acked=1000,
    delta=1040,
    read=1040,
    wrong=0,
    doubts=["worker_lost"],
)


def test_a_kill_that_went_well_is_ok() -> None:
    """The log may hold anything from acked to acked + unknown."""
    assert WELL.ok
    for delta in (1000, 1050):
        assert msgspec.structs.replace(WELL, delta=delta, read=delta).ok


@pytest.mark.parametrize(
    "change",
    [
        {"exit_code": 0},
        {"doubts": []},
        {"delta": None},
        {"delta": 999, "read": 999},
        {"delta": 1051, "read": 1051},
        {"unknown": 101},
        {"read": 1039},
        {"wrong": 1},
    ],
    ids=str,
)
def test_an_account_that_does_not_add_up_is_seen(change: dict[str, Any]) -> None:
    """Exit, doubt, bracket, bound, read-back."""
    assert not msgspec.structs.replace(WELL, **change).is_accounted


@pytest.mark.parametrize("change", [{"noticed_s": 1.1}, {"noticed_s": None}, {"ended_s": 3.1}], ids=str)
def test_a_late_end_is_not_ok_but_accounted(change: dict[str, Any]) -> None:
    """Times are a matter of the host as well; they are told apart."""
    late = msgspec.structs.replace(WELL, **change)

    assert late.is_accounted and not late.ok
    assert summary([WELL, late])["ok"] == 1
    assert summary([WELL, late])["accounted"] == 2
