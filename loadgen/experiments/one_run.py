"""The other side of `run_door.RunApart`: one request on standard input, its outcome or failure on standard output.

Started as `python -m loadgen.experiments.one_run`, also by another version of this program: the request's and the
outcome's keys only ever grow.
"""

import sys

import msgspec

from loadgen.errors import LoadgenError, UsageError
from loadgen.experiments.run_door import Failure, Request, RunOutcome, carry_out_and_keep


def answer(words: bytes) -> RunOutcome | Failure:
    """The run that was asked for, or why there is none."""
    try:
        return carry_out_and_keep(msgspec.json.decode(words, type=Request))
    except UsageError as error:
        return Failure(list(error.problems), error.exit_code)
    except LoadgenError as error:
        return Failure([str(error)], error.exit_code)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(answer(sys.stdin.buffer.read())))
