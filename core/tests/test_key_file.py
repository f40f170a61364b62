"""How a ring of keys is written, kept in a file, and read again by a process that runs."""

import base64
import multiprocessing
import os
import stat
from datetime import date
from threading import Thread

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env
from core.encryption import key_file, keyring
from core.encryption.keyring import DecryptionError, FileKeyring

pytestmark = pytest.mark.embedded
SECRET = bytes(range(32))
ENCODED = base64.b64encode(SECRET).decode()


def test_date_of_an_entry_is_optional():
    keys = key_file.parse(f"3@2026-11-21:{ENCODED}, 1:{ENCODED}")
    assert list(keys) == [3, 1]
    assert (keys[3].made, keys[1].made) == (date(2026, 11, 21), None)
    assert keys[3] == keys[1] == SECRET


def test_entries_are_separated_by_lines_or_commas():
    assert list(key_file.parse(f"2@2026-11-21:{ENCODED}\n1:{ENCODED}\r\n\n")) == [2, 1]


@pytest.mark.parametrize("made", [None, date(2026, 11, 21)])
def test_write_and_parse_round_trip(made):
    entry = key_file.entry_of(65535, key_file.Key(SECRET, made))
    assert key_file.entry_of(65535, key_file.parse(entry)[65535]) == entry


@pytest.mark.parametrize(
    "text",
    [
        "nonsense", "1:", f"x:{ENCODED}", f"0:{ENCODED}", f"65536:{ENCODED}", f"1@2026-13-01:{ENCODED}",
        f"1@:{ENCODED}", f"1@21.11.2026:{ENCODED}", "1:AAAA", f"1:{'YWFh' * 10}YWE=",
        f"1:{ENCODED},1:{ENCODED}", f"-1:{ENCODED}", f"1:{ENCODED} 2:{ENCODED}",
    ],
)  # fmt: skip
def test_invalid_ring_is_refused_without_quoting_it(text):
    with pytest.raises(key_file.InvalidKeyFile) as refusal:
        key_file.parse(text)
    assert ENCODED not in str(refusal.value)


def test_repr_does_not_contain_the_key():
    assert "made 2026-11-21" in repr(key_file.parse(f"1@2026-11-21:{ENCODED}"))
    assert "\\x" not in repr(key_file.parse(f"1:{ENCODED}"))


def test_new_key_is_random_and_of_today():
    first, second = key_file.Key.new(), key_file.Key.new()
    assert first != second and len(first) == 32
    assert first.made is not None


# --- FIELD_ENCRYPTION_KEYS and FIELD_ENCRYPTION_KEYS_FILE


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "keys"
    path.touch(mode=0o640)
    key_file.write(path, {1: key_file.Key.new()})
    return path


def test_file_is_read(monkeypatch, file):
    monkeypatch.delenv("FIELD_ENCRYPTION_KEYS")
    monkeypatch.setenv("FIELD_ENCRYPTION_KEYS_FILE", str(file))
    assert list(env.encryption_keys("FIELD_ENCRYPTION_KEYS", file=env.file("FIELD_ENCRYPTION_KEYS_FILE"))) == [1]


def test_variable_and_file_together_are_refused(file):
    with pytest.raises(
        ImproperlyConfigured, match=r"^FIELD_ENCRYPTION_KEYS and FIELD_ENCRYPTION_KEYS_FILE are both set"
    ):
        env.encryption_keys("FIELD_ENCRYPTION_KEYS", file=file)


def _missing(path):
    path.unlink()


def _folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_missing, "cannot be read (.*): No such file"),
        (_folder, "cannot be read (.*): Is a directory"),
        (lambda path: path.write_text("\n"), "is empty"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "is not a text file"),
        (lambda path: path.write_text("1:AAAA"), "must be 'id:key' or 'id@date:key' entries.*Make a key with"),
    ],
)
def test_invalid_file_raises_one_sentence(monkeypatch, file, spoil, reason):
    monkeypatch.delenv("FIELD_ENCRYPTION_KEYS")
    spoil(file)
    with pytest.raises(ImproperlyConfigured, match=f"^FIELD_ENCRYPTION_KEYS_FILE {reason}"):
        env.encryption_keys("FIELD_ENCRYPTION_KEYS", file=file)


def test_missing_keys_are_refused(monkeypatch):
    monkeypatch.delenv("FIELD_ENCRYPTION_KEYS")
    with pytest.raises(ImproperlyConfigured, match=r"^FIELD_ENCRYPTION_KEYS is not set\. Set it to '1:' and a key"):
        env.encryption_keys("FIELD_ENCRYPTION_KEYS", file=None)


def test_write_keeps_the_mode_and_leaves_no_other_file(file):
    link = file.with_name("link")
    link.symlink_to(file)
    key_file.write(link, {2: key_file.Key.new(), **key_file.parse(file.read_text())})
    assert list(key_file.parse(file.read_text())) == [2, 1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(path.name for path in file.parent.iterdir()) == ["keys", "link"]


def test_failed_write_leaves_the_old_ring(file, monkeypatch):
    before = file.read_text()

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        key_file.write(file, {2: key_file.Key.new()})
    assert file.read_text() == before
    assert [path.name for path in file.parent.iterdir()] == ["keys"]


def _add_keys(path, start, added):
    start.wait()
    while len(added) < 20:
        try:
            added.append(key_file.add_key(path, before=next(iter(key_file.parse(path.read_text())))))
        except key_file.InvalidKeyFile as refusal:
            assert "someone else has just added another" in str(refusal)


@pytest.mark.slow  # processes are started
def test_concurrent_processes_lose_no_added_key(file):
    first = key_file.parse(file.read_text())[1]
    own = multiprocessing.get_context("spawn")
    with own.Manager() as manager:
        start, added = manager.Barrier(2), [manager.list(), manager.list()]
        processes = [own.Process(target=_add_keys, args=(file, start, ids)) for ids in added]
        for process in processes:
            process.start()
        for process in processes:
            process.join(300)
        assert [process.exitcode for process in processes] == [0, 0]
        ids = [*added[0], *added[1]]
    keys = key_file.parse(file.read_text())
    assert sorted(ids) == list(range(2, 42))
    assert list(keys) == list(range(41, 0, -1))
    assert keys[1] == first and len(set(keys.values())) == 41


def test_key_is_not_added_if_the_ring_has_changed(file):
    key_file.add_key(file, before=1)
    keys = file.read_text()
    with pytest.raises(key_file.InvalidKeyFile, match="no longer begins with key 1"):
        key_file.add_key(file, before=1)
    assert file.read_text() == keys


# --- A process that runs


def test_running_process_uses_a_new_key(file):
    here, there = FileKeyring(file), FileKeyring(file)
    old = here.encrypt(b"old", b"l")

    key_file.write(file, {2: key_file.Key.new(), **key_file.parse(file.read_text())})

    new = here.encrypt(b"new", b"l")
    assert new[1:3] == b"\x00\x02"  # nothing is written under the old key any more
    assert there.decrypt(new, b"l") == b"new"  # a key that it has not met yet
    assert there.decrypt(old, b"l") == b"old"


@pytest.mark.parametrize(
    "spoil", [_missing, lambda path: path.write_text("half a ri"), lambda path: path.write_text("")]
)
def test_invalid_file_does_not_stop_a_running_process(file, spoil):
    keyring = FileKeyring(file)
    envelope = keyring.encrypt(b"x", b"l")
    spoil(file)
    assert keyring.decrypt(keyring.encrypt(b"y", b"l"), b"l") == b"y"
    assert keyring.decrypt(envelope, b"l") == b"x"
    with pytest.raises(DecryptionError, match="key 9 is missing"):
        keyring.decrypt(b"\x01\x00\x09" + envelope[3:], b"l")


def test_no_thread_encrypts_under_the_old_key_while_another_reads_the_new_one(file, monkeypatch):
    here, parse, envelopes = FileKeyring(file), key_file.parse, []
    other = Thread(target=lambda: envelopes.append(here.encrypt(b"x", b"l")))

    def parse_late(text):
        if not other.ident:
            other.start()
            other.join(0.3)  # it waits for this thread, or is through with the old key
        return parse(text)

    key_file.add_key(file, before=1)
    monkeypatch.setattr(keyring, "parse", parse_late)
    envelopes.append(here.encrypt(b"x", b"l"))
    other.join()
    assert [envelope[1:3] for envelope in envelopes] == [b"\x00\x02"] * 2
