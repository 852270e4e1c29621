"""`python -m bench message-cost`: its dearest case runs, and medians are what they say."""

from bench import message_cost
from bench.message_cost import CASES, cost, line, scaling, table


def test_records_of_a_mebibyte_are_sent_and_weighed() -> None:
    """The largest size, once: all acknowledged."""
    row = cost(next(case for case in CASES if case.name == "1 MiB"), seconds=0.5)

    assert row["bad"] == 0
    assert row["acked_per_s"] > 0
    assert row["cpu_us_per_message"] > 0


def test_sixteen_producers_of_one_process() -> None:
    """Each with a client of its own; all of what was sent is acknowledged."""
    row = cost(next(case for case in CASES if (case.table, case.name) == ("producers", "16")), seconds=0.5)

    assert row["bad"] == 0
    assert row["acked_per_s"] > 0


def test_two_workers_are_told_as_a_ratio_to_one() -> None:
    """Two processes to nowhere."""
    told = scaling(seconds=0.1)

    assert told["ratio"] == told["two_per_s"] / told["one_per_s"] > 0


def test_a_table_has_the_median_of_the_rounds() -> None:
    """Three rounds of one case; the others did not run."""
    rows = [
        {
            "table": "size",
            "case": "200 B",
            "cpu_us_per_message": cpu_us,
            "acked_per_s": 1e6,
            "payload_mib_per_s": 190.7,
        }
        for cpu_us in (0.9, 0.6, 0.7)
    ]
    told = table(rows, [{"ratio": 1.8}])

    assert told[0]["cpu_us_per_message"] == {"median": 0.7, "from": 0.6, "to": 0.9}
    assert [row["table"] for row in told] == ["size", "workers"]
    assert "0.70 µs [0.60–0.90]" in line(told[0])
    assert f"asked ≥ {message_cost.SCALING_BOUND}" in line(told[1])
