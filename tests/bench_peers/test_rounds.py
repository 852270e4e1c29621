"""The order of runs, what is told of them, and that nothing wrong becomes a figure."""

import math
from collections.abc import Sequence

import pytest

from bench.peers.contestants import Contestant, Leg
from bench.peers.process import Spent
from bench.peers.rounds import Row, in_turn, marginal, pairs, race
from bench.peers.summary import FRESH, JAVA, OPEN, RAW, STAMPED, TIMED, UNTIMED, Figure, figures, standings, table


def contestant(name: str, paced_by: str | None = None, share: float = 1.0) -> Contestant:
    """One whose command is its leg and whose output is its count."""

    def command(leg: Leg) -> list[str]:
        return [name, str(leg.messages), "" if leg.rate_per_s is None else f"{leg.rate_per_s:g}"]

    return Contestant(name, "", share, command, lambda output: int(output) if output else None, paced_by)


def spent(messages: int, us: float, start_s: float = 2.0) -> Spent:
    """A tool that takes `start_s` to start and `us` a message, half of it on the clock."""
    return Spent(0, start_s + messages * us / 2e6, start_s + messages * us / 1e6, str(messages), "")


def run_all(contestants: Sequence[Contestant], rounds: int, run: object, messages: int = 1000) -> list[Row]:
    names = iter(range(10**6))
    return list(race(contestants, rounds, messages, "h:1", lambda: f"topic-{next(names)}", run))  # type: ignore[arg-type]


def test_each_round_runs_everybody_short_and_long_in_another_order() -> None:
    """The order moves on by one; who keeps to another's rate comes last."""
    three = [contestant("a"), contestant("p", paced_by="a"), contestant("b")]

    assert [[one.name for one in in_turn(three, number)] for number in range(3)] == [
        ["a", "b", "p"],
        ["b", "a", "p"],
        ["b", "a", "p"],
    ]
    rows = run_all(three, 1, lambda command: spent(int(command[1]), 1.0))
    assert [(row.contestant, row.messages) for row in rows] == [
        ("a", 250), ("a", 1000), ("b", 250), ("b", 1000), ("p", 250), ("p", 1000)
    ]  # fmt: skip


def test_what_is_told_is_marginal() -> None:
    """Two seconds of starting up are in neither figure."""
    rows = run_all([contestant("a"), contestant("slow", share=0.1)], 1, lambda command: spent(int(command[1]), 4.0))

    for pair in pairs(rows):
        assert pair.cpu_us_per_message == pytest.approx(4.0)
        assert pair.messages_per_s == pytest.approx(500_000)
    assert {row.messages for row in rows if row.contestant == "slow"} == {25, 100}


def test_a_pace_is_seven_tenths_of_the_flat_out_rate_of_the_same_session() -> None:
    """Marginal rate 500,000/s, so 350,000/s is asked for."""
    asked: list[str] = []

    def run(command: list[str]) -> Spent:
        asked.append(command[2])
        return spent(int(command[1]), 4.0)

    run_all([contestant("a"), contestant("p", paced_by="a")], 1, run)

    assert asked == ["", "", "350000", "350000"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Spent(3, 1.0, 1.0, "", "no connection"), "ended with code 3: no connection"),
        (Spent(0, 1.0, 1.0, "999", ""), "999 of 1000 messages were acknowledged"),
        (Spent(-9, 300.0, 1.0, "", ""), "ended with code -9: "),
    ],
)
def test_a_run_that_went_wrong_is_a_row_and_no_figure(wrong: Spent, reason: str) -> None:
    """With its reason; the other rounds still count, and nobody keeps to a rate that was not measured."""

    def run(command: list[str]) -> Spent:
        return wrong if command[:2] == ["a", "1000"] else spent(int(command[1]), 1.0)

    rows = run_all([contestant("a"), contestant("p", paced_by="a")], 1, run)

    assert [row.error for row in rows] == [None, reason] + ["a gave no rate to keep to"] * 2
    assert pairs(rows) == []


def test_a_clock_that_did_not_move_gives_no_rate() -> None:
    """Noise larger than the run: said as not a number, not as a record."""
    short = Row(round=0, contestant="a", messages=10, wall_s=3.0, cpu_s=1.0)
    long = Row(round=0, contestant="a", messages=40, wall_s=2.9, cpu_s=2.0)

    assert math.isnan(marginal(short, long).messages_per_s)


def costs(**us: float) -> list[Row]:
    """One round in which each contestant costs what is said."""
    names = {
        "raw": RAW,
        "stamped": STAMPED,
        "open": OPEN,
        "fresh": FRESH,
        "timed": TIMED,
        "untimed": UNTIMED,
        "java": JAVA,
    }
    chosen = [contestant(names[name]) for name in us]
    by_name = {names[name]: value for name, value in us.items()}
    return run_all(chosen, 3, lambda command: spent(int(command[1]), by_name[command[0]]), messages=100_000)


def test_ratios_are_of_the_same_rounds_and_know_their_bounds() -> None:
    """Planted costs come out as planted ratios, met or missed on the right side."""
    told = figures(pairs(costs(raw=0.6, stamped=1.2, open=1.5, fresh=9.0, timed=1.0, untimed=0.5, java=2.5)))

    found = {(figure.name, figure.what): figure for figure in told}
    expected = {
        ("I1", f"CPU a message, {RAW} ÷ {TIMED}"): (0.6, True, True),
        ("I1", f"CPU a message, {RAW} ÷ {UNTIMED}"): (1.2, False, False),
        ("I1", f"CPU a message, {RAW} ÷ {JAVA}"): (0.24, True, True),
        ("I2", f"CPU a message, {STAMPED} ÷ {RAW}"): (2.0, True, False),
        ("I2", f"CPU a message, {OPEN} ÷ {STAMPED}"): (1.25, False, False),
        ("I1", f"messages/s, {RAW} ÷ the fastest peer"): (0.5 / 0.6, False, False),
        ("I2", f"CPU a message, {FRESH}, µs"): (9.0, True, True),
    }
    assert found.keys() == expected.keys()
    for key, (value, met, stretched) in expected.items():
        assert found[key].value == pytest.approx(value)
        assert (found[key].met, found[key].stretched) == (met, stretched), key


def test_a_missing_peer_leaves_the_other_figures() -> None:
    """Only ratios whose both sides ran are told."""
    told = figures(pairs(costs(raw=0.6, timed=1.0)))

    assert [figure.what for figure in told] == [
        f"CPU a message, {RAW} ÷ {TIMED}",
        f"messages/s, {RAW} ÷ the fastest peer",
    ]


def test_the_table_names_everybody_and_every_bound() -> None:
    """Cheapest first."""
    found = pairs(costs(raw=0.6, timed=1.0, java=2.5))
    lines = table(standings(found), figures(found)).splitlines()

    assert [line.split("  ")[0] for line in lines[1:4]] == [RAW, TIMED, JAVA]
    assert "0.60 [0.60–0.60]" in lines[1]
    assert any("≤ 0.8 met, stretch 0.7 met" in line for line in lines)


def test_a_bound_of_speed_is_a_floor() -> None:
    """More is better there."""
    figure = Figure(
        name="I1", what="", value=0.95, low=0.9, high=1.0, rounds=3, bound=0.9, stretch=1.0, side="at_least"
    )

    assert (figure.met, figure.stretched) == (True, False)
