"""`loadgen prove`: the instrument against arithmetic, on this machine, now."""

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter


def prove(
    *, json: Annotated[str | None, Parameter(allow_leading_hyphen=True, help="- for one JSON object.")] = None
) -> int:
    """Stop a broker for 1.4 s and compare with arithmetic; then ask for twice what this host can send. About 20 s."""
    from loadgen.experiments.prove import RATE_PER_S
    from loadgen.experiments.prove import prove as carry_out

    proof = carry_out(lambda line: print(line, file=sys.stderr))
    good = proof.agrees and proof.refused
    if json == "-":
        print(msgspec.json.encode(proof).decode())
        return 0 if good else 5
    print(f"\nA broker that stood still for {proof.stalled_s:.2f} s under {RATE_PER_S:,} msg/s; response time, ms:\n")
    print(f"            {'arithmetic':>12} {'loadgen':>12} {'callback, one at a time':>25}")
    for row in proof.rows:
        print(
            f"  {row.name:<9} {row.arithmetic_s * 1000:12,.1f} {row.loadgen_s * 1000:12,.1f} {row.callback_s * 1000:25,.1f}"
        )
    print("  (p50 of the arithmetic is the run's own: it is the base that the stall is added to)")
    print(
        f"\n{proof.asked_per_s / proof.ceiling_per_s:.0f} times the ceiling: {proof.asked_per_s:,.0f} msg/s asked, "
        f"{(proof.achieved_ratio or 0.0):.0%} of it reached; {proof.refusal}"
    )
    print(
        "  refused: exit 5, the generator was the limit"
        if proof.refused
        else "  NOT REFUSED: this is a bug, please report it"
    )
    if not proof.agrees:
        print("  NOT WITHIN 3 % of the arithmetic: was this machine busy? try again")
    print(f"\n{'PROVED' if good else 'NOT PROVED'}  timed in {proof.instrument}")
    return 0 if good else 5
