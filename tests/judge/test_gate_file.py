"""gate.toml and calibration."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from loadgen.errors import UsageError
from loadgen.judge.calibrate import calibrate
from loadgen.judge.gate_file import read_gate_file, with_calibration
from loadgen.judge.limit import parse_limit
from loadgen.judge.looks import plan_looks
from loadgen.judge.verdict import Sample, judge

ACKED, CPU = "throughput.acked_per_s", "cost.cpu_us_per_message"
TEXT = """# guards the release
fail_if = ["throughput.acked_per_s-5%"]
pairs = 20

[run]
start = "kafka"   # a comment

[baseline]
linger.ms = 5

[candidate]
properties = { "linger.ms" = 20 }
"""


def noisy(spread: float, pairs: int = 20, seed: int = 1) -> Sample:
    generator = np.random.default_rng(seed)
    return Sample(list(generator.lognormal(0, spread, pairs)), [1.0] * pairs)


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    """Limits, settings and tables, nothing resolved."""
    path = tmp_path / "gate.toml"
    path.write_text(TEXT)

    read = read_gate_file(path)

    assert read.limits == ["throughput.acked_per_s-5%"]
    assert (read.settings, read.run) == ({"pairs": 20}, {"start": "kafka"})
    assert read.baseline == {"linger": {"ms": 5}}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("fail_iff = []", "did you mean fail_if"),
        ("pairs = '16'", "must be a int"),
        ("pairs = true", "must be a int"),
        ("run = 5", "must be a table"),
        ("fail_if = [5]", "list of texts"),
        ("pairs = ", "not TOML"),
        ("[calibrated]\nfail_if = 'x'", "make it again"),
        ("[calibrated]\nspread.x = 'wide'", "make it again"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(text: str, complaint: str, tmp_path: Path) -> None:
    """Unknown keys, wrong types, no TOML: named, with the nearest right word."""
    path = tmp_path / "gate.toml"
    path.write_text(text)

    with pytest.raises(UsageError, match=complaint) as caught:
        read_gate_file(path)

    assert str(path) in str(caught.value)


def test_a_file_that_is_no_text_or_absent_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, and no file at all."""
    (tmp_path / "gate.toml").write_bytes(b"\xff\xfe")

    for path, complaint in ((tmp_path / "gate.toml", "not UTF-8"), (tmp_path / "none.toml", "cannot be read")):
        with pytest.raises(UsageError, match=complaint):
            read_gate_file(path)


@pytest.mark.parametrize("text", ["", TEXT, TEXT + "\n[calibrated]\n"[:1]])
def test_calibration_leaves_everything_else_as_it_was(text: str, tmp_path: Path) -> None:
    """Comments and order stay; a second calibration replaces the first; the file reads back with the limits found."""
    found = calibrate({ACKED: noisy(0.05), CPU: noisy(0.02)}, [ACKED, CPU], plan_looks())

    once = with_calibration(text, found, 'ci "large"', "2026-11-24T10:00:00+00:00")
    twice = with_calibration(once, found, "another", "2026-11-25T10:00:00+00:00")
    path = tmp_path / "gate.toml"
    path.write_text(twice)
    read = read_gate_file(path)

    assert once.startswith(text.rstrip())
    assert twice.count("[calibrated]") == 1
    assert tomllib.loads(once)["calibrated"]["machine"] == 'ci "large"'
    assert read.calibrated == [one.limit.text for one in found]
    assert (read.calibrated_on, read.spreads[ACKED]) == ("another", pytest.approx(found[0].spread, rel=1e-3))


def test_equal_variants_pass_at_the_calibrated_limits() -> None:
    """Calibrated on 20 pairs, 100 further gates on the same machine end in PASS 95 times in the mean of ten
    calibrations, and in at most one of them fewer than 85 times; no limit is twice what the true spread needs.
    """
    passes = []
    for seed in range(10):
        found = calibrate({ACKED: noisy(0.05, seed=seed)}, [ACKED], plan_looks())
        limit = found[0].limit
        generator = np.random.default_rng(100 + seed)
        ended = []
        for _ in range(100):
            sample = Sample(list(generator.lognormal(0, 0.05, 16)), [1.0] * 16)
            first = judge({ACKED: Sample(sample.baseline[:12], sample.candidate[:12])}, [limit], plan_looks())
            ended.append(first if first.settled else judge({ACKED: sample}, [limit], plan_looks()))
        passes.append(sum(verdict.verdict == "pass" for verdict in ended))
        assert limit.log_loss < 0.11

    assert np.mean(passes) >= 95
    assert sum(share < 85 for share in passes) <= 1


def test_a_noisier_machine_gets_a_wider_limit() -> None:
    """Limits rise with the spread, are written with three digits, and fall with the pairs that a gate may run."""
    limits = [calibrate({ACKED: noisy(spread)}, [ACKED], plan_looks())[0].limit for spread in (0.01, 0.03, 0.1)]
    (more,) = calibrate({ACKED: noisy(0.03)}, [ACKED], plan_looks(40))

    assert [limit.log_loss for limit in limits] == sorted(limit.log_loss for limit in limits)
    assert all(parse_limit(limit.text) == limit for limit in limits)
    assert more.limit.log_loss < limits[1].log_loss / 1.3
