"""A grid in randomised blocks. Pure over the callable that runs one combination.

Every block holds each combination once, in an order drawn for that block, so that a drift of the machine falls on all
alike. What the runs then say is in `sweep_effects`.
"""

from collections.abc import Callable, Sequence

import msgspec

from loadgen.experiments.grid import Combination, Parameter, combinations
from loadgen.judge.order import block_order


class SweepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the grid; a complaint keeps it out of every effect."""

    block: int
    position: int
    combination: Combination
    metrics: dict[str, float]
    complaint: str | None = None
    folder: str | None = None


RunOne = Callable[[Combination, int, int], SweepRun]


def carry_out(
    parameters: Sequence[Parameter],
    blocks: int,
    run: RunOne,
    *,
    seed: int = 1,
    done: Sequence[SweepRun] = (),
    on_run: Callable[[list[SweepRun]], None] | None = None,
) -> list[SweepRun]:
    """Run every combination in every block.

    Args:
        run: (combination, block, position) → its run.
        done: of a sweep that ended early; they are not run again.
        on_run: called after each.
    """
    grid = combinations(parameters)
    runs = list(done)
    there = {(each.block, each.position) for each in done}
    for block in range(blocks):
        for position, index in enumerate(block_order(seed, block, len(grid))):
            if (block, position) in there:
                continue
            runs.append(run(grid[index], block, position))
            if on_run:
                on_run(runs)
    return runs
