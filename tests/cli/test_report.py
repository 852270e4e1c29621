"""`loadgen report`: from a run's folder to a page, text or markdown."""

import pytest

from loadgen.cli.app import main
from loadgen.report import folder, wording
from loadgen.report.text import summary
from tests.report.samples import run_of


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two stored runs in the results folder that the command looks in."""
    monkeypatch.setenv("LOADGEN_RESULTS", str(tmp_path / "runs"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    saved = {}
    for name, short in (("orders_run", "orders"), ("flat_out_mock", "mock")):
        run = run_of(name)
        saved[short] = folder.save(tmp_path / "runs", short, run.result, run.intervals, run.histograms)
    return saved


def test_the_page_goes_into_the_run_and_its_path_to_stdout(runs, capfd):
    """Without flags the last run's page is made where the run is; standard output is the path and nothing else."""
    pytest.importorskip("matplotlib")

    assert main(["report", "orders"]) == 0
    assert capfd.readouterr().out == f"{runs['orders'] / 'report.html'}\n"
    assert wording.headline(run_of("orders_run").result) in (runs["orders"] / "report.html").read_text()


def test_text_is_the_summary_again(runs, capfdbinary):
    """`--format text` prints what the run printed, byte for byte."""
    assert main(["report", "orders", "--format", "text"]) == 0

    assert capfdbinary.readouterr().out.decode() == summary(run_of("orders_run").result, runs["orders"], color=False)


def test_the_ending_of_the_output_is_its_format(runs, tmp_path, capfd):
    """-o x.md is markdown, -o x.txt text; several runs go into one file."""
    assert main(["report", "orders", "mock", "-o", "both.md"]) == 0
    assert main(["report", "mock", "-o", "mock.txt"]) == 0

    assert "## 2 runs of loadgen" in (tmp_path / "both.md").read_text()
    assert (tmp_path / "mock.txt").read_text().startswith(wording.MOCK_LINE)
    assert capfd.readouterr().out == "both.md\nmock.txt\n"


def test_a_run_that_is_not_there_is_exit_2(runs, capfd):
    """One line that lists what is there; nothing is written."""
    assert main(["report", "nothing"]) == 2

    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1 and "no run 'nothing'" in said.err and "-orders" in said.err


def test_a_damaged_run_is_exit_2(runs, capfd):
    """A result that was cut off is one line of an error, no traceback."""
    result = runs["orders"] / "result.json"
    result.write_bytes(result.read_bytes()[:500])

    assert main(["report", "orders", "--format", "text"]) == 2
    assert "not a loadgen result" in capfd.readouterr().err


def test_an_output_that_cannot_be_written_is_exit_2(runs, tmp_path, capfd):
    """The path and the reason in one line; no half-written file stays behind."""
    (tmp_path / "taken").mkdir()
    before = sorted(tmp_path.iterdir())

    for output, reason in (("absent/x.md", "No such file or directory"), ("taken", "Is a directory")):
        assert main(["report", "orders", "--format", "md", "-o", output]) == 2
        assert f"{output}: cannot be written ({reason})" in capfd.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
