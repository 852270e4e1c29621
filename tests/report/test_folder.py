"""Run folders: complete or absent, and found again."""

import errno
import os
from pathlib import Path

import msgspec
import pytest

from loadgen.errors import UsageError
from loadgen.report import folder, hlog
from loadgen.report.result import read_result
from tests.report.samples import HISTOGRAMS, intervals, listed, orders_run

FILES = ["intervals.jsonl", "latency.hlog", "result.json"]


def save(root, name="orders", at="2026-11-23T20:30:11.000+00:00", **options):
    run = msgspec.structs.replace(orders_run(), started_at=at)
    return folder.save(root, name, run, intervals(run), HISTOGRAMS, **options)


def test_a_saved_run_is_read_back_whole(tmp_path):
    """Result, rows and histograms come back equal from the folder that save names."""
    run = orders_run()
    saved = folder.save(tmp_path / "new" / "runs", "orders", run, intervals(run), HISTOGRAMS)

    assert saved == tmp_path / "new" / "runs" / "20261123T203011Z-orders"
    assert sorted(path.name for path in saved.iterdir()) == FILES
    assert read_result(saved) == run
    assert folder.read_intervals(saved) == intervals(run)
    assert listed(hlog.read(saved / "latency.hlog").sums()) == HISTOGRAMS
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_extra_files_are_saved_with_the_rest(tmp_path):
    """Bytes are written, files are copied; a name that leaves the folder is refused."""
    (tmp_path / "log").write_bytes(b"{}\n")
    saved = save(tmp_path / "runs", extra_files={"report.html": b"<html>", "log.jsonl": tmp_path / "log"})

    assert (saved / "report.html").read_bytes() == b"<html>"
    assert (saved / "log.jsonl").read_bytes() == b"{}\n"
    for name in ("../out", "a/b", "result.json", ".hidden", ""):
        with pytest.raises(ValueError, match="cannot be the name"):
            save(tmp_path / "runs", extra_files={name: b""})


def test_two_runs_of_one_second_are_both_kept(tmp_path):
    """The second gets another name, and the name finds the newer one."""
    first, second = save(tmp_path), save(tmp_path)

    assert first != second
    assert folder.find_run("orders", tmp_path) == second
    assert folder.find_run(first.name, tmp_path) == first


def test_an_exact_folder_is_made_but_never_overwritten(tmp_path):
    """`folder` is where the run goes; one that holds something is in the way and stays as it was."""
    assert save(tmp_path, folder=tmp_path / "here" / "mine") == tmp_path / "here" / "mine"
    before = sorted(path.name for path in (tmp_path / "here" / "mine").iterdir())
    with pytest.raises(UsageError, match="not saved"):
        save(tmp_path, folder=tmp_path / "here" / "mine")

    assert sorted(path.name for path in (tmp_path / "here" / "mine").iterdir()) == before
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["mine"]


@pytest.mark.parametrize("failing", range(3))
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, failing, code):
    """Whichever file the disk fails at, the error is one line of a usage error and the results folder is as before."""
    earlier = save(tmp_path, at="2026-11-22T00:00:00+00:00")
    real, calls = os.fsync, iter(range(100))

    def fsync(descriptor):
        if next(calls) == failing:
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(UsageError) as caught:
        save(tmp_path)

    assert os.strerror(code) in str(caught.value) and str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [earlier]


def test_an_interrupt_while_saving_leaves_nothing(tmp_path, monkeypatch):
    """A second Ctrl-C in the middle of saving takes its half-written files with it."""

    def fsync(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_everything_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """Each file is synced while the folder still has its temporary name: a power cut cannot leave half a run."""
    seen = []
    real = os.fsync

    def fsync(descriptor):
        seen.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), [path.name for path in tmp_path.iterdir()]))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    saved = save(tmp_path)
    synced = [path.rsplit("/", 1)[1] for path, names in seen if not any(name == saved.name for name in names)]

    assert sorted(name for name in synced if not name.startswith(".")) == FILES
    assert seen[-1][0] == str(tmp_path)  # the rename itself


@pytest.mark.parametrize("root", ["/proc/no-such/runs", "/dev/null/runs"])
def test_an_unwritable_root_is_refused_before_the_run(root):
    """A read-only or impossible results folder is one line of a usage error that names the way out."""
    with pytest.raises(UsageError, match=r"no run was started.*LOADGEN_RESULTS"):
        folder.check_writable(Path(root))


def test_a_full_disk_is_found_before_the_run(tmp_path, monkeypatch):
    """The probe writes and syncs, so a disk without room is refused; it leaves nothing either way."""
    folder.check_writable(tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []

    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(UsageError, match="No space left"):
        folder.check_writable(tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "last", "x" * 81, "a b", "a\x1bb", "-rf"])
def test_names_that_are_refused(tmp_path, name):
    """A name cannot leave the results folder, hide itself, look like a flag or be `last`."""
    with pytest.raises(UsageError, match="--name"):
        save(tmp_path, name=name)
    assert list(tmp_path.iterdir()) == []


def test_find_run(tmp_path):
    """A run is found by folder, file, `last`, name and unique prefix; a half-saved one never."""
    old = save(tmp_path, name="orders", at="2026-11-22T00:00:00+00:00")
    new = save(tmp_path, name="orders", at="2026-11-23T00:00:00+00:00")
    other = save(tmp_path, name="zipf-keys", at="2026-11-24T00:00:00+01:00")
    (tmp_path / ".partial-1-abc").mkdir()
    (tmp_path / "20270101T000000Z-empty").mkdir()

    assert folder.runs(tmp_path) == [old, new, other]
    assert folder.find_run("last", tmp_path) == other
    assert folder.find_run("orders", tmp_path) == new
    assert folder.find_run("zipf", tmp_path) == other
    assert folder.find_run("20261122", tmp_path) == old
    assert folder.find_run(str(old), tmp_path / "elsewhere") == old
    assert folder.find_run(str(old / "result.json"), tmp_path) == old


def test_what_is_not_found_lists_what_is_there(tmp_path):
    """An ambiguous prefix names the runs that it fits, an unknown one those that exist."""
    save(tmp_path, name="orders", at="2026-11-22T00:00:00+00:00")
    save(tmp_path, name="orders2", at="2026-11-22T00:00:01+00:00")
    with pytest.raises(UsageError, match=r"'ord' fits 2 runs.*-orders, .*-orders2"):
        folder.find_run("ord", tmp_path)
    for spec in ("nothing", ""):
        with pytest.raises(UsageError, match=r"no run .*-orders2"):
            folder.find_run(spec, tmp_path)
    with pytest.raises(UsageError, match="no runs in"):
        folder.find_run("last", tmp_path / "absent")


def test_results_root_precedence(tmp_path):
    """Argument, then LOADGEN_RESULTS (set but empty counts as not set), then results/runs."""
    assert folder.results_root(tmp_path, {"LOADGEN_RESULTS": "/x"}) == tmp_path
    assert str(folder.results_root(None, {"LOADGEN_RESULTS": "/x"})) == "/x"
    assert str(folder.results_root(None, {"LOADGEN_RESULTS": ""})) == "results/runs"


def test_a_damaged_row_is_named(tmp_path):
    """A row that was cut off is one line of a usage error with its number; a folder without rows has none."""
    saved = save(tmp_path)
    rows = (saved / "intervals.jsonl").read_bytes().splitlines(keepends=True)
    (saved / "intervals.jsonl").write_bytes(rows[0] + rows[1][:30])
    with pytest.raises(UsageError, match="line 2"):
        folder.read_intervals(saved)
    (saved / "intervals.jsonl").unlink()

    assert folder.read_intervals(saved) == []
