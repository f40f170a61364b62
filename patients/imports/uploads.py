"""Receiving a file to import: it is written encrypted to a temporary file as it arrives."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.translation import gettext as _

from core.encryption.streams import CHUNK_BYTES, Spool
from core.errors import TooLarge
from core.formats import format_size


def too_large() -> TooLarge:
    return TooLarge(_("A file to import can have up to %(size)s.") % {"size": format_size(settings.MAX_IMPORT_BYTES)})


class SpooledFile:
    """An uploaded file. Django closes it with the request."""

    def __init__(self, spool: Spool, name: str) -> None:
        self._spool, self.name = spool, name

    def chunks(self) -> Iterator[bytes]:
        return self._spool.chunks()

    def close(self) -> None:
        self._spool.close()


class SpoolingHandler(FileUploadHandler):
    """Raises TooLarge as soon as more than MAX_IMPORT_BYTES have arrived."""

    chunk_size = CHUNK_BYTES
    spool: Spool | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.close()
        self.spool = Spool.throwaway()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self.spool is not None
        if self.spool.size + len(raw_data) > settings.MAX_IMPORT_BYTES:
            self.close()
            raise too_large()
        self.spool.add(raw_data)

    def file_complete(self, file_size: int) -> Any:
        assert self.spool is not None
        return SpooledFile(self.spool.finish(), self.file_name or "")

    def upload_interrupted(self) -> None:
        self.close()

    def close(self) -> None:
        if self.spool is not None:
            self.spool.close()
            self.spool = None
