"""Storage of files: a folder or S3-compatible storage, which holds nothing but encrypted chunks under random names.

Each file has its own data key, which is in its row, wrapped by the key ring. The row's id is authenticated with every
chunk, so that no file can be passed off as another.
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
from django.utils.translation import gettext as _

from core.encryption.keyring import DecryptionError
from core.encryption.streams import DamagedFile, Spool, decrypted, new_key
from core.errors import Unavailable
from records.models import Attachment
from records.models.attachment import FileState

logger = structlog.get_logger("praxis.files")
FOLDERS = "0123456789abcdef"
_NAME = re.compile(r"[0-9a-f]{32}")


class StorageUnavailable(Unavailable):
    """503: storage failed; nothing is known about the file."""

    def __init__(self) -> None:
        super().__init__(_("File storage is not available right now. Please try again in a moment."))


class NotStored(Unavailable):
    """503: storage has no such file."""

    def __init__(self) -> None:
        super().__init__(_("This file can't be found in storage right now."))


class OpenFile:
    """The file's chunks; the first has been read and verified already."""

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
    """Return a random name, which reveals nothing about the file, not even when it was added."""
    name = uuid4().hex
    return f"{name[0]}/{name}"


def new_spool(attachment: Attachment) -> Spool:
    """Return a spool that encrypts the file under a new key of its own, and set the key on the row."""
    attachment.data_key = new_key()
    return Spool(key=attachment.data_key, context=_context(attachment.pk))


def _context(attachment_id: UUID) -> bytes:
    return attachment_id.bytes


def save(name: str, spool: Spool) -> None:
    """Store the spool's content. Raises StorageUnavailable, and then part of it may be stored."""
    spool.file.seek(0)
    try:
        storage().save(name, File(spool.file))
        _flush(name)
    except Exception as error:  # every storage raises its own errors, from OSError to botocore's
        raise _down("save", error) from error


def _flush(name: str) -> None:
    """Flush a stored file to disk before anyone is told that it is kept."""
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
    """Open the cleaned file, to read chunk by chunk; no practice scope is needed once it is open. Raises NotStored,
    StorageUnavailable and DamagedFile, the last also while reading: only chunks that are exactly what was written come
    out."""
    attachment_id, key = attachment.pk, _key_of(attachment)
    stored = _opened(attachment)
    chunks = _log_failures(decrypted(stored.read, key=key, context=_context(attachment_id)), attachment_id)
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
        stored.seek(0)  # an S3 file only contacts storage when it is used
    except FileNotFoundError as error:
        logger.error("a file is not in the storage", attachment_id=str(attachment.pk))
        raise NotStored from error
    except Exception as error:
        raise _down("open", error, attachment_id=str(attachment.pk)) from error
    return stored


def _log_failures(chunks: Iterator[bytes], attachment_id: UUID) -> Iterator[bytes]:
    try:
        yield from chunks
    except DamagedFile:
        logger.error("a file is damaged in the storage", attachment_id=str(attachment_id))
        raise
    except OSError as error:
        raise _down("read", error, attachment_id=str(attachment_id)) from error


def exists(name: str) -> bool:
    """Return whether storage has the file. Raises StorageUnavailable."""
    try:
        return storage().exists(name)
    except Exception as error:
        raise _down("exists", error) from error


def remove(name: str) -> None:
    """Remove the file, if it is there. Raises StorageUnavailable."""
    try:
        storage().delete(name)
    except Exception as error:
        raise _down("delete", error) from error


def lock_unfinished(attachment_id: UUID) -> Attachment | None:
    """Return the row of a file that is not completely stored yet, locked until the end of the transaction."""
    rows = Attachment.with_deleted.select_for_update(of=("self",)).filter(state=FileState.STORING)
    found: Attachment | None = rows.filter(pk=attachment_id).first()
    return found


@transaction.atomic
def discard(attachment_id: UUID) -> bool:
    """Remove a file that was never completely stored, and return whether there was one: first the object, then the row,
    which is locked meanwhile. Raises StorageUnavailable, and then the row still names the object."""
    row = lock_unfinished(attachment_id)
    if row is None:
        return False
    remove(row.storage_name)
    row.delete()
    return True


def list_names(folder: str) -> set[str]:
    """Return the names of our files in one of FOLDERS; anything else there is ignored. Raises StorageUnavailable."""
    try:
        found = storage().listdir(folder)[1]
    except FileNotFoundError:
        return set()  # nothing has been stored there yet
    except Exception as error:
        raise _down("list", error) from error
    return {f"{folder}/{name}" for name in found if _NAME.fullmatch(name) and name.startswith(folder)}


def get_modified_time(name: str) -> datetime | None:
    """Return when the file was modified; None if it is gone. Raises StorageUnavailable."""
    try:
        return storage().get_modified_time(name)
    except Exception as error:
        if not exists(name):
            return None
        raise _down("stat", error) from error


def _down(what: str, error: Exception, **named: str) -> StorageUnavailable:
    """Log the failure without the error's message, which may contain paths and addresses."""
    logger.error("the file storage failed", what=what, error=type(error).__name__, **named)
    return StorageUnavailable()
