"""The memory figure's own work is done: every event marked, and the ones left out found missing."""

from bench.read_back import WAYS, settle


def test_what_is_settled_was_marked() -> None:
    """One event of each of two producers is left out; no more and no fewer are lost; a bit an event and two for outcomes."""
    told = settle(400_000)

    assert told["ok"]
    assert told["lost"] == 2
    assert told["bits_mb"] == 400_000 * (1 + 1 + 2) / 8 / 1e6


def test_the_bounds_are_those_that_were_asked() -> None:
    """Records a second and process: ids 300,000; byte for byte 200,000 stamped and 100,000 fresh."""
    assert {way: asked for way, (_, _, asked) in WAYS.items()} == {
        "ids": 300_000,
        "full stamped": 200_000,
        "full fresh": 100_000,
    }
