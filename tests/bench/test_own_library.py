"""A user's own struct and serializer: the README's example as it stands there, and files that are wrong."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cases import Case, all_cases, fast_cases
from bench.libraries import LIBRARIES, add_from
from bench.samples import OwnEvents
from bench.sizes import compressed_bytes
from bench.verify import check
from loadgen.errors import UsageError

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text("utf-8")


@pytest.fixture
def payments(tmp_path: Path) -> Path:
    """The file of the README."""
    (program,) = (
        block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "from bench.libraries" in block
    )
    path = tmp_path / "payments.py"
    path.write_text(program)
    return path


@pytest.fixture(autouse=True)
def only_for_this_test() -> Iterator[None]:
    """What a test adds to the table is gone after it."""
    before = dict(LIBRARIES)
    yield
    LIBRARIES.clear()
    LIBRARIES.update(before)


def test_the_readme_s_example_is_measured(payments: Path, tmp_path: Path) -> None:
    """The command beside it times both libraries on payments, in worker processes that know them."""
    assert f"--with {payments.name} --only payments" in README
    command = [sys.executable, "-m", "bench", "serializers", "--fast", "--with", str(payments), "--only", "payments"]
    shorter = ["--only", "build+encode", "--out", str(tmp_path)]
    subprocess.run([*command, *shorter], cwd=REPOSITORY, check=True, capture_output=True)
    rows = [row for row in json.loads((tmp_path / "serializers.json").read_text()) if row["shape"] == "payments"]

    assert {row["case"] for row in rows} == {"build+encode payments struct", "build+encode payments dict"}
    assert all((row["status"], row["processes"], row["median_ns"] > 0) == ("ok", 3, True) for row in rows)


def test_own_events_have_cases_of_their_own(payments: Path) -> None:
    """Four operations on payments for each; nobody else's cases change, and orders are none of theirs."""
    before = all_cases()
    add_from(payments)
    added = [case for case in all_cases() if case not in before]

    assert len(added) == 8
    assert {case.shape.name for case in added} == {"payments"}
    assert all(check(case).status == "ok" for case in added)
    assert len(fast_cases()) == 12 + 6
    assert compressed_bytes("struct", added[0].shape)["zstd"] is not None


def test_own_events_that_do_not_come_back_are_an_error(payments: Path) -> None:
    """Other objects after decoding, NaN among them, are an error row here too."""
    payments.write_text(payments.read_text().replace("number / 4", "float('nan')"))
    add_from(payments)
    shape = LIBRARIES["struct"].own
    assert isinstance(shape, OwnEvents)

    assert "decoding does not give back" in check(Case("encode", shape, "dict")).detail
    assert check(Case("encode", shape, "struct")).status == "error"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, "FileNotFoundError"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("x = 1", "adds no library"),
        ("from bench.libraries import library\nlibrary('json', requires='json', about='')", "'json' is there already"),
    ],
)
def test_a_file_that_is_wrong_is_one_line(text: str | None, named: str, tmp_path: Path) -> None:
    """Not there, not running, adding nothing, taking a name that is taken: what, and in which file."""
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)

    with pytest.raises(UsageError, match=named) as raised:
        add_from(path)
    assert str(path) in str(raised.value)
