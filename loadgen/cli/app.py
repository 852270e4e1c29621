"""The command tree. A command's module is imported when it is called, so `--help` and a typo cost 0.2 s."""

import sys
from typing import Any

from cyclopts import App, Group
from cyclopts.exceptions import CycloptsError

from loadgen import __version__
from loadgen.errors import LoadgenError, UsageError

MEASURE = Group("measure", sort_key=1)
LOOK = Group("look", sort_key=2)
JUDGE = Group("judge", sort_key=3)
REST = Group("rest", sort_key=4)

COMMANDS: tuple[tuple[str, str, Group, str], ...] = (
    ("run", "loadgen.cli.run:run", MEASURE, "One run: send by a plan, time every acknowledgement, judge the result."),
    ("capacity", "loadgen.cli.capacity:capacity", MEASURE, "The highest rate that holds an SLO, with an interval."),
    ("sweep", "loadgen.cli.sweep:sweep", MEASURE, "A grid of settings in repeated blocks: which one moved what."),
    ("tune", "loadgen.cli.tune:tune", MEASURE, "Linger, batches, compression: the Pareto front, and what to run."),
    ("gate", "loadgen.cli.gate:gate", JUDGE, "A paired A/B verdict for CI."),
    ("compare", "loadgen.cli.compare:compare", JUDGE, "Two stored runs or experiments, in three grades."),
    ("history", "loadgen.cli.history:app", JUDGE, "Stored runs over time: list, plot."),
    ("dead-letters", "loadgen.cli.dead_letters:app", REST, "What could not be delivered: list, replay."),
    ("verify", "loadgen.cli.verify:verify", LOOK, "Read everything back and compare it with what was sent."),
    ("doctor", "loadgen.cli.doctor:doctor", LOOK, "Reach, rights, versions, limits, leftovers; no load."),
    ("consume", "loadgen.cli.consume:consume", REST, "Consumer throughput, or draining what a topic holds."),
    ("prove", "loadgen.cli.prove:prove", REST, "The instrument against arithmetic, on this machine."),
    ("ceiling", "loadgen.cli.ceiling:ceiling", REST, "What this host can send, no broker involved."),
    ("report", "loadgen.cli.report:report", LOOK, "A stored run as page, text or markdown."),
    ("up", "loadgen.cli.up:up", REST, "A broker in the foreground: mock, kafka or redpanda."),
    ("config", "loadgen.cli.config:app", REST, "Settings: show, list, check FILE, help KEY."),
)

app = App(
    name="loadgen",
    version=__version__,
    help="A load generator for Kafka and Redpanda whose numbers are judged before they are believed.",
)
app["--help"].group = REST
app["--version"].group = REST
for _name, _target, _group, _help in COMMANDS:
    app.command(_target, name=_name, group=_group, help=_help)


def main(tokens: list[str] | None = None) -> int:
    """Run a command line and return its exit code; errors are one line each on standard error.

    Args:
        tokens: the arguments; None: of this process.
    """
    arguments = sys.argv[1:] if tokens is None else tokens
    if not arguments:
        arguments = ["--help"]
    try:
        answer: Any = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        print(f"loadgen: {_one_line(error)}", file=sys.stderr)
        return UsageError.exit_code
    except UsageError as error:
        for problem in error.problems:
            print(problem if problem.startswith("refused:") else f"loadgen: {problem}", file=sys.stderr)
        return error.exit_code
    except LoadgenError as error:
        print(f"loadgen: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return 0  # the reader of a pipe has seen enough
    return answer if isinstance(answer, int) else 0


def _one_line(error: CycloptsError) -> str:
    text = " ".join(str(error).split())
    if text.startswith("Unknown option: --broker."):
        return "--broker is no flag, because it may mean two: -b HOST:PORT names a cluster, --start KIND starts one"
    return f"{text} (loadgen --help)" if "--help" not in text else text
