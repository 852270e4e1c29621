"""All pictures of a run, in the order in which they are read."""

from loadgen.report.breakdown import breakdown
from loadgen.report.percentiles import percentiles
from loadgen.report.plot import Picture
from loadgen.report.stored import Run
from loadgen.report.timeline import timeline


def pictures(run: Run) -> list[Picture]:
    """Those that the run's numbers carry. 1 s of CPU for importing matplotlib, then 0.3 s each.

    Raises:
        UsageError: matplotlib is not installed.
    """
    return [picture for picture in (timeline(run), percentiles([run]), breakdown(run)) if picture is not None]
