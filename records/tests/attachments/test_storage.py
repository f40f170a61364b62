"""Storing files in a folder and in S3: what goes in comes out, under its own key."""

import pytest
from django.core.management import call_command

from core.encryption import key_file
from core.encryption.keyring import get_keyring
from core.encryption.streams import CHUNK_BYTES, DamagedFile, Spool, new_key, stored_size
from core.tenancy.scope import practice_scope
from patients.deletion.services import DELETABLES
from records.attachments import storage
from records.models import Attachment
from records.tests.attachments.conftest import ADDRESS, rows, stored_names

SIZES = [1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5]


@pytest.fixture(autouse=True)
def _both(any_storage):
    pass


def stored_bytes(name):
    with storage.storage().open(name, "rb") as stored:
        return stored.read()


@pytest.mark.parametrize("size", SIZES)
def test_stored_file_round_trip(make_file, size):
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]

    file = make_file(content=content)

    assert b"".join(storage.open_file(file)) == content
    assert len(stored_bytes(file.storage_name)) == stored_size(size)
    assert content[:16] not in stored_bytes(file.storage_name) or size < 16


def test_stored_file_round_trip_through_api(doctor, send):
    content = b"Bone density: normal\n" * 20_000

    added = send(doctor, content).json()

    assert doctor.get(f"{ADDRESS}/{added['id']}/content").getvalue() == content


def test_each_file_has_its_own_key(make_file):
    one, other = make_file(), make_file()

    assert one.data_key != other.data_key
    assert stored_bytes(one.storage_name) != stored_bytes(other.storage_name)


def test_swapped_objects_are_damaged(make_file):
    one, other = make_file(), make_file()
    one.storage_name = other.storage_name

    with pytest.raises(DamagedFile):
        storage.open_file(one)
    one.data_key = other.data_key
    with pytest.raises(DamagedFile):
        storage.open_file(one)


def test_missing_object_is_not_stored(make_file):
    file = make_file()
    DELETABLES[Attachment._meta.label].erase(file)
    DELETABLES[Attachment._meta.label].erase(file)

    with pytest.raises(storage.NotStored):
        storage.open_file(file)
    assert stored_names() == []
    assert not storage.exists(file.storage_name)
    assert storage.get_modified_time(file.storage_name) is None


def test_list_names_ignores_foreign_names(make_file):
    file = make_file()
    ours = file.storage_name
    others = ("readme.txt", "a/readme.txt", f"a/{'cd' * 16}", f"ab/ab{'0' * 29}", f"o/{'ab' * 16}", f"{ours}.tmp")
    for name in others:
        with Spool(key=new_key()) as spool:
            storage.save(name, spool.fill([b"x"]))

    assert stored_names() == [ours]


def test_key_rotation_keeps_stored_bytes(make_file, practice, settings, tmp_path):
    file = make_file()
    before = stored_bytes(file.storage_name)
    keys = tmp_path / "keys"
    keys.touch(mode=0o600)
    key_file.write(keys, settings.FIELD_ENCRYPTION_KEYS)
    settings.FIELD_ENCRYPTION_KEYS_FILE = keys

    get_keyring.cache_clear()
    call_command("rotate_keys", "--new")
    newest, _ = keys.read_text().splitlines()
    keys.write_text(newest)
    get_keyring.cache_clear()

    with practice_scope(practice.pk):
        found = Attachment.objects.get(pk=file.pk)
    assert b"".join(storage.open_file(found)) == b"Bone density: normal"
    assert (found.data_key, found.name) == (file.data_key, file.name)
    assert stored_bytes(file.storage_name) == before


def test_rejected_upload_stores_nothing(doctor, send, practice):
    assert send(doctor, b"", name="letter.txt").status_code == 400
    assert rows(practice) == stored_names() == []
