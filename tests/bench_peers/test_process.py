"""What a run took: its own CPU and its children's, its output, its end."""

import sys

import pytest

from bench.peers.process import run

BURN = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"


def test_cpu_of_a_child_and_of_its_children_is_counted() -> None:
    """A tool that works in processes of its own is not cheaper for it."""
    nested = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])\n{BURN}print('done')"

    spent = run([sys.executable, "-c", nested], 60)

    assert spent.code == 0
    assert spent.output == "done\n"
    assert spent.cpu_s >= 0.4
    assert spent.wall_s > 0


def test_waiting_is_not_cpu() -> None:
    """Nothing but starting Python."""
    assert run(["sleep", "0.3"], 60).cpu_s < 0.2


def test_the_code_and_the_last_words_are_kept() -> None:
    """For the row's reason."""
    spent = run([sys.executable, "-c", "import sys; print('a\\nb', file=sys.stderr); sys.exit(3)"], 60)

    assert (spent.code, spent.last_words) == (3, "b")


def test_one_that_does_not_end_is_killed() -> None:
    """And says so by its code."""
    assert run(["sleep", "1000"], 0.1).code == -9


def test_a_program_that_is_not_there_raises() -> None:
    """The caller looked for it before."""
    with pytest.raises(FileNotFoundError):
        run(["/nowhere/tool"], 1)
