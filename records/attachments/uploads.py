"""Receiving a file (multipart/form-data, RFC 7578): it is written encrypted to a temporary file as it arrives and is
never completely in memory. Read only after the caller's permission has been checked."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser, DataAndFiles

from core.api.parsers import DUPLICATE_FIELD
from core.database.availability import is_unavailable
from core.encryption.streams import CHUNK_BYTES, Spool
from core.errors import Invalid, Refusal, TooLarge
from core.middleware.request_guard import too_large_message

PART = "file"
TAIL_BYTES = 512  # longer than any boundary
BROKEN = _("The upload is not valid multipart/form-data or is incomplete.")


class Upload:
    """An uploaded file, with its name and declared type. Django closes it with the request."""

    def __init__(self, spool: Spool, *, name: str, declared_type: str) -> None:
        self._spool, self.name, self.declared_type = spool, name, declared_type

    @property
    def size(self) -> int:
        return self._spool.size

    def chunks(self) -> Iterator[bytes]:
        return self._spool.chunks()

    def close(self) -> None:
        self._spool.close()


class OneFile(FileUploadHandler):
    """An upload handler for exactly one file. Raises TooLarge as soon as more than MAX_FILE_BYTES have arrived."""

    chunk_size = CHUNK_BYTES
    spool: Spool | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self.spool is not None or self.field_name != PART:
            raise Invalid(PART, _("Send exactly one file, in the part named %(part)s.") % {"part": PART})
        self.spool = Spool.throwaway()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self.spool is not None
        if self.spool.size + len(raw_data) > settings.MAX_FILE_BYTES:
            raise TooLarge(too_large_message())
        self.spool.add(raw_data)

    def file_complete(self, file_size: int) -> Any:
        assert self.spool is not None
        return Upload(self.spool.finish(), name=self.file_name or "", declared_type=self.content_type or "")

    def upload_interrupted(self) -> None:
        raise ParseError(BROKEN)

    def close(self) -> None:
        if self.spool is not None:
            self.spool.close()


class Body:
    """The request's body, with its last bytes: the closing boundary in them shows that it is complete."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._tail = stream, b""

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        return data

    def ends_with(self, closing: bytes) -> bool:
        return closing in self._tail


class Multipart(BaseParser):
    """Parses the fields and one file, an Upload. Raises ParseError, TooLarge and Invalid."""

    media_type = "multipart/form-data"

    def parse(self, stream: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None) -> Any:
        handler = OneFile()
        try:
            return self._parsed(stream, stream.META, handler)
        except Exception as error:
            handler.close()
            if isinstance(error, MultiPartParserError | OSError) and not is_unavailable(error):
                raise ParseError(BROKEN) from error
            raise

    def _parsed(self, stream: Any, meta: dict[str, Any], handler: OneFile) -> DataAndFiles:
        body = Body(stream)
        fields, files = MultiPartParser(meta, body, [handler]).parse()  # type: ignore[arg-type] # only read() is used
        named = parse_header_parameters(meta["CONTENT_TYPE"])[1]
        if not body.ends_with(f"--{named['boundary']}--".encode()):
            raise ParseError(BROKEN)
        if twice := [name for name, values in fields.lists() if len(values) > 1]:
            raise Invalid(twice[0], DUPLICATE_FIELD)
        return DataAndFiles(fields, files)


def read_form(request: HttpRequest) -> None:
    """Read a page's form, once its permission has been checked; the file is written encrypted to a temporary file as it
    arrives. The CSRF token is in the same body, and is checked afterwards. Raises Refusal."""
    try:
        sent = Multipart().parse(request, context={"request": request})
    except APIException as error:
        raise Refusal(str(error.detail)) from error
    request._post, request._files = sent.data, sent.files  # type: ignore[attr-defined]
