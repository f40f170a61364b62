"""Keeping files, in a folder and in S3: what goes in comes out, under a key of its own."""

import pytest
from django.core.management import call_command

from core.encryption import ring
from core.encryption.keyring import get_keyring
from core.encryption.streams import CHUNK_BYTES, DamagedFile, Spool, new_key, stored_size
from core.tenancy import practice_scope
from records.files import storing
from records.models import Attachment
from records.tests.files.conftest import ADDRESS, rows, stored_names

SIZES = [1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5]


@pytest.fixture(autouse=True)
def _both(either):
    pass


def stored_bytes(name):
    with storing.storage().open(name, "rb") as stored:
        return stored.read()


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_back_as_it_was(keep, size):
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]

    file = keep(content=content)

    assert b"".join(storing.open_file(file)) == content
    assert len(stored_bytes(file.storage_name)) == stored_size(size)
    assert content[:16] not in stored_bytes(file.storage_name) or size < 16


def test_through_the_api_it_is_added_and_handed_out(doctor, send):
    content = b"Bone density: normal\n" * 20_000

    added = send(doctor, content).json()

    assert doctor.get(f"{ADDRESS}/{added['id']}/content").getvalue() == content


def test_each_file_has_a_key_of_its_own(keep):
    one, other = keep(), keep()

    assert one.data_key != other.data_key
    assert stored_bytes(one.storage_name) != stored_bytes(other.storage_name)


def test_a_file_in_another_files_place_is_damaged_there(keep):
    one, other = keep(), keep()
    one.storage_name = other.storage_name

    with pytest.raises(DamagedFile):
        storing.open_file(one)
    one.data_key = other.data_key
    with pytest.raises(DamagedFile):
        storing.open_file(one)


def test_what_is_gone_is_not_stored(keep):
    file = keep()
    file.erase()
    file.erase()

    with pytest.raises(storing.NotStored):
        storing.open_file(file)
    assert stored_names() == []
    assert not storing.exists(file.storage_name)
    assert storing.modified_at(file.storage_name) is None


def test_only_what_is_named_as_we_name_files_is_listed(keep):
    file = keep()
    ours = file.storage_name
    others = ("readme.txt", "a/readme.txt", f"a/{'cd' * 16}", f"ab/ab{'0' * 29}", f"o/{'ab' * 16}", f"{ours}.tmp")
    for name in others:
        with Spool(key=new_key()) as spool:
            storing.save(name, spool.fill([b"x"]))

    assert stored_names() == [ours]


def test_a_rotation_of_keys_leaves_the_stored_bytes_and_the_old_key_may_go(keep, practice, settings, tmp_path):
    file = keep()
    before = stored_bytes(file.storage_name)
    keys = tmp_path / "keys"
    keys.touch(mode=0o600)
    ring.write(keys, settings.FIELD_ENCRYPTION_KEYS)
    settings.FIELD_ENCRYPTION_KEYS_FILE = keys

    get_keyring.cache_clear()
    call_command("rotate_keys", "--new")
    newest, _ = keys.read_text().splitlines()
    keys.write_text(newest)
    get_keyring.cache_clear()

    with practice_scope(practice.pk):
        found = Attachment.objects.get(pk=file.pk)
    assert b"".join(storing.open_file(found)) == b"Bone density: normal"
    assert (found.data_key, found.name) == (file.data_key, file.name)
    assert stored_bytes(file.storage_name) == before


def test_an_upload_that_is_not_taken_leaves_nothing(doctor, send, practice):
    assert send(doctor, b"", name="letter.txt").status_code == 400
    assert rows(practice) == stored_names() == []
