"""Run folders that cannot be read back, each refused in one line before any cluster is asked."""

from pathlib import Path

import msgspec
import pytest

from loadgen.cli.verify import summary, verify
from loadgen.errors import UsageError
from loadgen.recorder.outcomes import OutcomeRegions, Outcomes, ProducerOutcomes, write_outcomes
from loadgen.report import result as results
from loadgen.report.result import Verified
from loadgen.verify.against import verify_run
from loadgen.verify.stored import VERIFICATION, run_and_outcomes, verify_folder, write_verification
from loadgen.verify.verification import Example, Verification, is_ok
from tests.verify.sent import plan, result

NOBODY = "127.0.0.1:1"


def stored(path: Path, **changes: object) -> Path:
    """A run folder of 60 records in which everything was acknowledged."""
    (path / "result.json").write_bytes(results.encode(result(plan(60, **changes))))
    return path


def test_a_run_without_outcomes_needs_a_ledger_without_a_loss() -> None:
    """Else nobody knows which records must be there; the remedy is named."""
    whole = result(plan(60))
    torn = msgspec.structs.replace(whole, messages=msgspec.structs.replace(whole.messages, acked=59, unknown=1))

    with pytest.raises(UsageError, match=r"no outcomes\.bin and not everything was acknowledged.*--keep-topic"):
        verify_run(torn, None, NOBODY, {}, "ids")


def test_outcomes_of_other_sequences_are_refused() -> None:
    """A file of the right run id whose counts are not the plan's."""
    outcomes = Outcomes([ProducerOutcomes(59, 59)], [b"\x55" * 15])

    with pytest.raises(UsageError, match=r"outcomes of 59 records of 1 producers are not those of this run.*60 with 1"):
        verify_run(result(plan(60)), outcomes, NOBODY, {}, "ids")


def test_records_without_an_id_are_refused(tmp_path: Path) -> None:
    """Before the cluster is asked."""
    with pytest.raises(UsageError, match=r"carry no id.*--events stamped or fresh"):
        verify_folder(stored(tmp_path, events="pool"), NOBODY, {}, "ids")


def test_the_outcomes_of_another_run_are_refused(tmp_path: Path) -> None:
    """Both run ids are in the line."""
    regions = OutcomeRegions.create(1, 60)
    write_outcomes(stored(tmp_path) / "outcomes.bin", "somebody-else", "00000000", [regions.region(0)], [60])

    with pytest.raises(UsageError, match="of run somebody-else, but the result beside it is of run"):
        run_and_outcomes(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema":"loadgen.result/1"}', b"\0" * 100])
def test_a_half_written_run_is_refused(tmp_path: Path, content: bytes) -> None:
    """The file is named; no traceback."""
    (tmp_path / "result.json").write_bytes(content)

    with pytest.raises(UsageError, match=r"result\.json: not a loadgen result"):
        run_and_outcomes(tmp_path)


def test_a_run_that_was_being_saved_is_refused(tmp_path: Path) -> None:
    """A hidden partial folder is what a kill leaves; it is no run, whatever it holds."""
    partial = tmp_path / ".partial-1-abcd"
    partial.mkdir()
    stored(partial)

    with pytest.raises(UsageError, match="it is not whole"):
        run_and_outcomes(partial)
    with pytest.raises(UsageError, match="no such run folder"):
        run_and_outcomes(tmp_path / "nowhere")


FOUND = Verification(
    run_id="r",
    topic="loadgen-1",
    mode="ids",
    ok=False,
    verified=Verified(read=1000, lost=2, duplicated=1, reordered=0, corrupted=0, foreign=3),
    acked=1001,
    unknown_found=4,
    failed_found=0,
    rejected_found=0,
    offsets_without_record=0,
    processes=2,
    elapsed_s=0.5,
    read_per_s=2000.0,
    notes=["headers are not compared"],
    examples=[
        Example(kind="lost", producer=0, sequence=17, why="acknowledged, and no record carries its id"),
        Example(kind="duplicated", partition=3, offset=99, producer=0, sequence=5, why="its event was read before"),
    ],
)


def test_the_summary_says_the_worst_first() -> None:
    """Counts, exit code, what else was seen, examples with their place, limits."""
    assert summary(FOUND) == [
        "DATA WRONG  2 lost, 1 duplicated      exit 4",
        "  read     1,000 records of loadgen-1 in 0.5 s (2,000/s, 2 processes, mode ids)",
        "  also     3 foreign: not this run's",
        "  also     4 of unknown outcome are in the log: they were written",
        "  example  lost producer 0 sequence 17: acknowledged, and no record carries its id",
        "  example  duplicated partition 3 offset 99 producer 0 sequence 5: its event was read before",
        "  note     headers are not compared",
    ]


def test_foreign_records_alone_are_not_wrong() -> None:
    """A topic may be shared; everything else is held against the data."""
    clean = {"read": 1, "lost": 0, "duplicated": 0, "reordered": 0, "corrupted": 0, "foreign": 0}
    assert is_ok(Verified(**clean)) and is_ok(Verified(**{**clean, "foreign": 9}))
    for name in ("lost", "duplicated", "reordered", "corrupted"):
        assert not is_ok(Verified(**{**clean, name: 1}))


def test_a_verification_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Over an older one, without a partial left; a folder that is gone is an error in one line."""
    file = tmp_path / VERIFICATION
    file.write_text("old")

    write_verification(file, FOUND)

    assert msgspec.json.decode(file.read_bytes(), type=Verification) == FOUND
    assert [path.name for path in tmp_path.iterdir()] == [VERIFICATION]
    with pytest.raises(UsageError, match="cannot be written"):
        write_verification(tmp_path / "gone" / VERIFICATION, FOUND)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("kafka", "the kafka of this run was started for it and ended with it"), ("external", "none was stored")],
)
def test_without_a_cluster_the_command_says_what_to_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    """`-b`, or verifying with the run itself."""
    for name in ("LOADGEN_BOOTSTRAP_SERVERS", "LOADGEN_BOOTSTRAP_SERVER", "RPK_BROKERS"):
        monkeypatch.delenv(name, raising=False)
    whole = result(plan(60), command=["loadgen", "run"])
    whole = msgspec.structs.replace(whole, broker=msgspec.structs.replace(whole.broker, kind=kind))
    (tmp_path / "result.json").write_bytes(results.encode(whole))

    with pytest.raises(UsageError, match=f"no cluster to read from: {said}; name one with -b"):
        verify(str(tmp_path))
