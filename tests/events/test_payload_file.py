"""Payload files: three formats there and back, and what a broken one is told."""

import base64
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadgen.errors import UsageError
from loadgen.events.payload_file import PayloadFormat, read_payload_file

any_records = st.lists(st.binary(max_size=50), min_size=1, max_size=20)
ANEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


@ANEW
@given(any_records)
def test_len32_and_base64_carry_any_bytes(tmp_path: Path, records: list[bytes]) -> None:
    """Records of any bytes, LF and empty ones included, come back in order."""
    framed = tmp_path / "framed"
    framed.write_bytes(b"".join(len(record).to_bytes(4, "big") + record for record in records))
    lines = tmp_path / "lines"
    lines.write_bytes(b"".join(base64.b64encode(record) + b"\r\n" for record in records))

    assert records == read_payload_file(str(framed), "len32")
    assert records == read_payload_file(str(lines), "base64")


@ANEW
@given(st.lists(st.binary(max_size=50).map(lambda record: record.replace(b"\n", b"")), min_size=1), st.booleans())
def test_lines_with_and_without_a_last_lf(tmp_path: Path, records: list[bytes], ended: bool) -> None:
    """A record a line; the last LF may be missing when the last record is not empty."""
    ended = ended or not records[-1]
    file = tmp_path / "lines"
    file.write_bytes(b"\n".join(records) + b"\n" * ended)

    assert records == read_payload_file(str(file), "lines")


@pytest.mark.parametrize(
    ("content", "payload_format", "named"),
    [
        (b"", "lines", "no record"),
        (b"", "len32", "no record"),
        (b"\0\0\0\5abc", "len32", "byte 0: a record of 5 bytes is announced, 3 follow"),
        (b"\0\0\0\1a\0\0", "len32", "byte 5"),
        (b'{"a":1}\n', "len32", "is it --payload-format len32"),
        (b"YQ==\n!!!\n", "base64", "line 2 is not base64"),
        (b"YQ=\n", "base64", "line 1 is not base64"),
        (b"a\n", "xml", "--payload-format xml"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, content: bytes, payload_format: PayloadFormat, named: str) -> None:
    """Broken content is a usage error of one line that says where."""
    file = tmp_path / "payloads"
    file.write_bytes(content)

    with pytest.raises(UsageError, match=named) as caught:
        read_payload_file(str(file), payload_format)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["absent", "."])
def test_unreadable_files_are_named(tmp_path: Path, path: str) -> None:
    """A missing file, or a folder, is a usage error with its path."""
    with pytest.raises(UsageError, match="--payload-file") as caught:
        read_payload_file(str(tmp_path / path))

    assert str(tmp_path / path) in str(caught.value)
