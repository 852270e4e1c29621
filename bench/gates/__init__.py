"""`python -m bench gates COMMAND`: does the gate keep what it promises, on simulated machines and on this one?

Goal: how often `loadgen gate` alarms on equal sides, how often it passes them, and how often it catches a loss that was
planted, each beside what theory or the pairs' spread predicts.
Non-goal: how fast anything is.

simulate   thousands of gates over simulated machines: false alarms, coverage, power, changes, creep
calibrate  20 pairs of equal sides here: the limits that short gates can hold, and what a busy loop costs a message
same       short gates of equal sides at those limits
slower     short gates whose candidate gets 10 % less through: a busy loop in each message
costlier   short gates whose candidate takes 5 % more CPU for a message, with a limit of 3 %
default    the default gate with all its pairs: how long it takes
summary    counts beside predictions, and a picture

The real ones append a row a gate to `gates-KIND.jsonl` as it ends: start the same command again and it goes on.
"""


def main(argv: list[str]) -> int:
    """Run the command; its exit code."""
    from bench.gates.command import main as command

    return command(argv)
