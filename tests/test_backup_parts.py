"""Backups without a database: what is sealed opens again or says what is wrong, what stays, and the log's names."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.backup.keeping import id_of, instant_of, kept
from ralph.backup.manifest import Manifest, read_signed, sign
from ralph.backup.sealing import CHUNK_BYTES, MAGIC, SALT_BYTES, TAG_BYTES, BackupKey, Opening, Sealing
from ralph.backup.segments import parse_segment, segment_name, unbroken, usable
from ralph.backup.vault import DRAFT, Folder, get_bytes, open_vault, put_bytes
from ralph.errors import BadBackup, Misconfigured

KEY = BackupKey(bytes(range(32)))
OTHER = BackupKey(bytes(32))
SEGMENT = 1 << 24
NAME = "backups/x/base.tar.sealed"


class Dribbling:
    """A source that gives a few bytes at a time, as sockets do."""

    def __init__(self, content: bytes, step: int) -> None:
        self._file = io.BytesIO(content)
        self._step = step

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(min(size, self._step) if size >= 0 else self._step)


def sealed(content: bytes, name: str = NAME, key: BackupKey = KEY) -> bytes:
    return Sealing(io.BytesIO(content), key, name).read()


def opened(content: bytes, name: str = NAME, key: BackupKey = KEY) -> bytes:
    return Opening(io.BytesIO(content), key, name).read()


@given(st.binary(max_size=5_000), st.integers(1, 700), st.integers(1, 700))
def test_what_is_sealed_opens_again(content: bytes, taken: int, step: int) -> None:
    """Whatever the sizes in which it is read on either side."""
    sealing = Sealing(Dribbling(content, step), KEY, NAME)
    parts = bytearray()
    while part := sealing.read(taken):
        parts += part
    assert sealing.sealed_bytes == len(parts)
    opening = Opening(Dribbling(bytes(parts), taken), KEY, NAME)
    back = bytearray()
    while part := opening.read(step):
        back += part
    assert bytes(back) == content


def incompressible(size: int) -> bytes:
    import random

    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 400, CHUNK_BYTES, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 1])
def test_files_of_several_chunks_open_again(size: int) -> None:
    """Also where a chunk ends exactly at the end."""
    content = incompressible(size)
    assert opened(sealed(content)) == content


def test_nothing_of_the_content_can_be_seen() -> None:
    """And the same content never looks the same."""
    content = b"owner's positions" * 100
    assert b"positions" not in sealed(content)
    assert sealed(content) != sealed(content)


@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place: int, flip: int) -> None:
    """Wherever it is; and the file is named."""
    whole = bytearray(sealed(b"rows " * 200))
    whole[place % len(whole)] ^= flip
    with pytest.raises(BadBackup, match=NAME):
        opened(bytes(whole))


def test_cut_moved_and_repeated_chunks_are_noticed() -> None:
    """A file that ends early, even between chunks, or has its chunks in another order, does not open."""
    whole = sealed(incompressible(3 * CHUNK_BYTES))
    head, step = len(MAGIC) + SALT_BYTES, CHUNK_BYTES + TAG_BYTES
    chunks = [whole[at : at + step] for at in range(head, len(whole), step)]
    assert len(chunks) > 3
    for wrong in (chunks[:-1], chunks[:1], [], [chunks[1], chunks[0], *chunks[2:]], [chunks[0], *chunks]):
        with pytest.raises(BadBackup, match=NAME):
            opened(whole[:head] + b"".join(wrong))
    with pytest.raises(BadBackup, match=NAME):
        opened(whole + b"x")


def test_a_file_opens_only_with_its_key_and_under_its_name() -> None:
    """A file put in another's place is noticed."""
    with pytest.raises(BadBackup):
        opened(sealed(b"rows", key=OTHER))
    with pytest.raises(BadBackup):
        opened(sealed(b"rows", name="backups/y/base.tar.sealed"))


def test_a_key_is_made_once_and_private(tmp_path: Path) -> None:
    """Later calls read it; a file without a key is refused."""
    path = tmp_path / "backup.key"
    first = BackupKey.load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert BackupKey.load_or_make(path).id == first.id == BackupKey.load(path).id
    assert first.id != KEY.id
    path.write_text("no key\n")
    with pytest.raises(Misconfigured, match="backup key"):
        BackupKey.load_or_make(path)
    with pytest.raises(Misconfigured, match="backup key"):
        BackupKey.load(tmp_path / "missing")


def test_signed_files_name_what_is_wrong(tmp_path: Path) -> None:
    """A changed manifest, one moved to another place, and a wrong key each say so."""
    vault = Folder(tmp_path)
    now = datetime(2026, 11, 21, tzinfo=UTC)
    manifest = Manifest("a", "dump", now, now, "1", "0001", 18, KEY.id, now, {"bars": 3}, [])
    sign(vault, "backups/a/manifest.json", manifest, KEY)
    assert msgspec.json.decode(read_signed(vault, "backups/a/manifest.json", KEY), type=Manifest) == manifest
    with pytest.raises(Misconfigured, match=OTHER.id):
        read_signed(vault, "backups/a/manifest.json", OTHER)
    text = get_bytes(vault, "backups/a/manifest.json")
    put_bytes(vault, "backups/b/manifest.json", text)
    put_bytes(vault, "backups/c/manifest.json", text.replace(b'"bars":3', b'"bars":4'))
    put_bytes(vault, "backups/d/manifest.json", text[:-5])
    for name in ("b", "c", "d"):
        with pytest.raises(BadBackup, match=f"backups/{name}/manifest.json"):
            read_signed(vault, f"backups/{name}/manifest.json", KEY)


def test_a_folder_holds_whole_files_only(tmp_path: Path) -> None:
    """A write that fails leaves the file that was there, and no draft."""

    class Failing:
        def read(self, size: int = -1, /) -> bytes:
            raise OSError(28, "No space left on device")

    vault = Folder(tmp_path / "vault")
    assert vault.names() == []
    put_bytes(vault, "a/b", b"1")
    with pytest.raises(Exception, match="No space"):
        vault.put("a/b", Failing())
    assert get_bytes(vault, "a/b") == b"1"
    assert not [path for path in (tmp_path / "vault").rglob("*") if path.name.startswith(DRAFT)]
    assert (tmp_path / "vault").stat().st_mode & 0o777 == 0o700
    assert vault.names("a/") == ["a/b"]
    vault.remove("a/b")
    assert vault.names() == []
    with pytest.raises(BadBackup, match="a/b"):
        get_bytes(vault, "a/b")


def test_places_that_are_none_are_refused() -> None:
    """With what would do."""
    for place in ("ftp://host/x", "s3://"):
        with pytest.raises(Misconfigured, match=r"s3://|bucket"):
            open_vault(place)


def test_a_bucket_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys from variables or files; none of them is told."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID_FILE", "AWS_SECRET_ACCESS_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Misconfigured, match="AWS_ACCESS_KEY_ID or AWS_ACCESS_KEY_ID_FILE"):
        open_vault("s3://bucket/prefix")
    (tmp_path / "key").write_text("id\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(Misconfigured, match="missing cannot be read"):
        open_vault("s3://bucket/prefix")


@given(st.lists(st.integers(0, 400 * 86_400), min_size=1, max_size=80), st.integers(1, 40), st.integers(0, 20))
def test_daily_and_weekly_backups_stay(seconds: list[int], days: int, weeks: int) -> None:
    """The newest always; the newest of each of the last days and weeks; of older ones none."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    ids = {id_of(first + timedelta(seconds=each)) for each in seconds}
    staying = kept(ids, days, weeks)
    newest = max(ids)
    assert newest in staying
    assert staying <= ids
    over = {each for each in staying if instant_of(each).date() != instant_of(newest).date()}
    assert len(over) <= days + weeks
    latest_days = sorted({instant_of(each).date() for each in ids})[-days:]
    for day in latest_days:
        assert max(each for each in ids if instant_of(each).date() == day) in staying
    assert kept(staying, days, weeks) == staying


def test_a_year_of_nightly_backups_leaves_thirty_and_twelve() -> None:
    """Thirty days, and of the weeks before them those that twelve weeks reach back."""
    first = datetime(2026, 1, 1, 3, tzinfo=UTC)
    staying: set[str] = set()
    for day in range(365):
        staying = kept(staying | {id_of(first + timedelta(days=day))}, 30, 12)
    assert len(staying) == 30 + 7  # the newest five weeks' newest are among the thirty days
    assert instant_of(min(staying)) >= first + timedelta(days=364 - 12 * 7)


@given(st.integers(1, 2**20), st.integers(0, 2**32))
def test_segments_are_counted_through(timeline: int, number: int) -> None:
    """A name leads to its number and back, whole or begun."""
    name = segment_name(timeline, number, SEGMENT)
    whole, begun = parse_segment(name, SEGMENT), parse_segment(f"{name}.partial", SEGMENT)
    assert whole is not None
    assert begun is not None
    assert (whole.timeline, whole.number, whole.partial, begun.partial) == (timeline, number, False, True)
    assert begun.number == number
    assert usable([begun, whole]) == [whole]
    assert parse_segment(f"{timeline:08X}.history", SEGMENT) is None


def test_a_hole_in_the_log_is_found() -> None:
    """What follows on it is not used; what the backup holds itself need not be there."""
    parsed = [parse_segment(segment_name(1, number, SEGMENT), SEGMENT) for number in (3, 4, 5, 7, 8)]
    found = [each for each in parsed if each is not None]
    following, missing = unbroken(found, held=3)
    assert [each.number for each in following] == [3, 4, 5]
    assert missing == 6
    following, missing = unbroken(found, held=6)
    assert [each.number for each in following] == [3, 4, 5, 7, 8]
    assert missing is None
    assert unbroken([], held=3) == ([], None)
