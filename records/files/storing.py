"""Where the files are: a folder, or S3-compatible storage, which hold nothing but encrypted chunks under random names.

Each file has a data key of its own, which stands in its row under the key ring. The row's id is authenticated with
every chunk, so that no file can be taken for another one.
"""

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO
from uuid import UUID, uuid4

import structlog
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import transaction

from core.encryption.keyring import DecryptionError
from core.encryption.streams import DamagedFile, Spool, decrypted, new_key
from core.errors import Unavailable
from records.models import Attachment
from records.models.attachment import State

logger = structlog.get_logger("praxis.files")
FOLDERS = "0123456789abcdef"
_NAME = re.compile(r"[0-9a-f]{32}")


class StorageDown(Unavailable):
    """503: the storage has not done what it was asked for; nothing is known of the file."""

    def __init__(self) -> None:
        super().__init__("The file storage does not answer. Please try again in a moment.")


class NotStored(Unavailable):
    """503: the storage has no such file."""

    def __init__(self) -> None:
        super().__init__("This file cannot be found in the storage right now.")


class OpenFile:
    """The file's chunks, whose first was read and found undamaged before this was handed out."""

    def __init__(self, first: bytes, following: Iterator[bytes], stored: IO[bytes]) -> None:
        self._first, self._following, self._stored = first, following, stored

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield self._first
            yield from self._following
        finally:
            self.close()

    def close(self) -> None:
        self._stored.close()


def storage() -> Storage:
    return storages["files"]


def new_name() -> str:
    """Random: it tells nothing of the file, not even when it came."""
    name = uuid4().hex
    return f"{name[0]}/{name}"


def new_spool(attachment: Attachment) -> Spool:
    """Where the file is encrypted under its own key, which the row gets by that."""
    attachment.data_key = new_key()
    return Spool(key=attachment.data_key, context=_context(attachment.pk))


def _context(attachment_id: UUID) -> bytes:
    return attachment_id.bytes


def save(name: str, spool: Spool) -> None:
    """Store what the spool holds; raises StorageDown, and then part of it may be there."""
    spool.file.seek(0)
    try:
        storage().save(name, File(spool.file))
        _settle(name)
    except Exception as error:  # each storage has errors of its own, from OSError to botocore's
        raise _down("save", error) from error


def _settle(name: str) -> None:
    """What a folder was given is on the disk before anybody is told that the file is kept."""
    files = storage()
    if not isinstance(files, FileSystemStorage):
        return
    path = Path(files.path(name))
    for place in (path, path.parent, path.parent.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_file(attachment: Attachment) -> OpenFile:
    """The file as it was uploaded and cleaned, chunk by chunk. Raises NotStored, StorageDown and DamagedFile, the last
    also in the midst of reading: no chunk comes out that is not what was written. Needs no scope once it is open."""
    attachment_id, key = attachment.pk, _key_of(attachment)
    stored = _opened(attachment)
    chunks = _told(decrypted(stored.read, key=key, context=_context(attachment_id)), attachment_id)
    try:
        return OpenFile(next(chunks), chunks, stored)
    except BaseException:
        stored.close()
        raise


def _key_of(attachment: Attachment) -> bytes:
    try:
        return attachment.data_key
    except DecryptionError as error:
        logger.error("the key of a file cannot be decrypted", attachment_id=str(attachment.pk), reason=error.reason)
        raise DamagedFile from error


def _opened(attachment: Attachment) -> IO[bytes]:
    try:
        stored: IO[bytes] = storage().open(attachment.storage_name, "rb")
        stored.seek(0)  # S3's file asks the storage only when it is touched
    except FileNotFoundError as error:
        logger.error("a file is not in the storage", attachment_id=str(attachment.pk))
        raise NotStored from error
    except Exception as error:
        raise _down("open", error, attachment_id=str(attachment.pk)) from error
    return stored


def _told(chunks: Iterator[bytes], attachment_id: UUID) -> Iterator[bytes]:
    try:
        yield from chunks
    except DamagedFile:
        logger.error("a file is damaged in the storage", attachment_id=str(attachment_id))
        raise
    except OSError as error:
        raise _down("read", error, attachment_id=str(attachment_id)) from error


def exists(name: str) -> bool:
    """Raises StorageDown."""
    try:
        return storage().exists(name)
    except Exception as error:
        raise _down("exists", error) from error


def remove(name: str) -> None:
    """Also where it is gone already; raises StorageDown."""
    try:
        storage().delete(name)
    except Exception as error:
        raise _down("delete", error) from error


def unfinished(attachment_id: UUID) -> Attachment | None:
    """The row of a file that was not stored whole yet, locked for the rest of the transaction."""
    rows = Attachment.with_deleted.select_for_update(of=("self",)).filter(state=State.STORING)
    found: Attachment | None = rows.filter(pk=attachment_id).first()
    return found


@transaction.atomic
def discard(attachment_id: UUID) -> bool:
    """Remove a file that was never stored whole, and answer whether it was there: the object, then the row, which
    nobody else finishes or removes meanwhile. Raises StorageDown, and then the row still names the object."""
    row = unfinished(attachment_id)
    if row is None:
        return False
    remove(row.storage_name)
    row.delete()
    return True


def names_in(folder: str) -> set[str]:
    """Of all that is in one of FOLDERS and named as we name files; other things are nobody's business here. Raises
    StorageDown."""
    try:
        found = storage().listdir(folder)[1]
    except FileNotFoundError:
        return set()  # nothing was ever stored there
    except Exception as error:
        raise _down("list", error) from error
    return {f"{folder}/{name}" for name in found if _NAME.fullmatch(name) and name.startswith(folder)}


def modified_at(name: str) -> datetime | None:
    """None where it is gone; raises StorageDown."""
    try:
        return storage().get_modified_time(name)
    except Exception as error:
        if not exists(name):
            return None
        raise _down("stat", error) from error


def _down(what: str, error: Exception, **named: str) -> StorageDown:
    """The error's own words may hold paths and addresses; its type says enough."""
    logger.error("the file storage failed", what=what, error=type(error).__name__, **named)
    return StorageDown()
