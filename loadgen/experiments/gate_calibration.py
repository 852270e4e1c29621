"""What pairs of equal variants say of a runner: the limits that a gate can hold there, into gate.toml, and the doubts about a
gate that has others or runs elsewhere.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from loadgen.errors import UsageError
from loadgen.experiments.record import write_whole
from loadgen.judge.calibrate import Calibrated, calibrate
from loadgen.judge.gate import GateRun, samples
from loadgen.judge.gate_file import GateFile, with_calibration
from loadgen.judge.limit import Limit
from loadgen.judge.looks import Looks
from loadgen.judge.power import pass_probability
from loadgen.report.result import Doubt
from loadgen.runner.environment import before


def calibration_of(run: GateRun, limits: Sequence[Limit], looks: Looks) -> list[Calibrated]:
    """The limits that gates can hold here, from finished pairs of equal variants.

    Args:
        looks: of the gates that will be held to them.
    """
    return calibrate(samples(run.pairs, limits), [limit.metric for limit in limits], looks)


def write_calibration(path: Path, found: Sequence[Calibrated]) -> None:
    """Into gate.toml, its other parts untouched.

    Raises:
        UsageError: it cannot be read or written.
    """
    try:
        text = path.read_text("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    content = with_calibration(text, found, kind_of_runner(), datetime.now(UTC).isoformat(timespec="seconds"))
    write_whole(path, content.encode())


def calibration_doubts(limits: Sequence[Limit], known: GateFile, looks: Looks) -> list[Doubt]:
    """A limit tighter than this runner was found to hold is accepted, and how often it will end nowhere is said; so is a
    calibration that another kind of runner made.
    """
    found = []
    if known.calibrated_on is not None and known.calibrated_on != (here := kind_of_runner()):
        found.append(
            Doubt(
                "calibrated_elsewhere",
                f"{known.origin} was calibrated on {known.calibrated_on}, this is {here}",
                "loadgen gate --calibrate on this kind of runner",
            )
        )
    for limit in limits:
        spread = known.spreads.get(limit.metric)
        if spread is None:
            continue
        inconclusive = 1 - pass_probability(limit.log_loss, spread, looks.pairs[-1], error=looks.pass_error)
        if inconclusive > 0.1:
            found.append(
                Doubt(
                    "tighter_than_calibrated",
                    f"{limit.text}: on {known.calibrated_on or 'the calibrated machine'} equal variants would end "
                    f"inconclusive in {inconclusive:.0%} of the gates",
                    "the calibrated limit, more pairs or longer runs",
                )
            )
    return found


def kind_of_runner() -> str:
    """What a calibration holds for: not a host's name, which a CI draws anew each time."""
    machine = before()
    return f"{machine['cpu_model'] or machine['machine']}, {machine['cores']} cores"
