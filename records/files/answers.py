"""How a file leaves: as a download, never as something that a browser shows or runs."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from core.errors import Conflict, Forbidden, Missing, Refusal
from records.files import storing
from records.files.zips import name_of
from records.models import Attachment
from records.models.attachment import MediaType, State

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "no-store",
    "Accept-Ranges": "none",
}


def check_served(attachment: Attachment) -> None:
    """Raises what tells why this file is not handed out."""
    if attachment.state != State.READY:
        raise _why_not(attachment.state, attachment.pk)


def _why_not(state: str, attachment_id: UUID) -> Refusal:
    if state == State.QUARANTINED:
        return Conflict("This file waits for the virus scan. Please try again later.")
    if state == State.INFECTED:
        return Forbidden("A virus was found in this file; nobody is given it.")
    sentence = "This file is missing in the storage. Whoever runs this server may have it in a backup."
    return Missing(sentence, about=Attachment._meta.label, about_id=attachment_id)


def file_answer(attachment: Attachment, *, with_body: bool) -> StreamingHttpResponse:
    """The file, chunk by chunk. Raises NotStored, StorageDown and DamagedFile before anything is sent."""
    chunks: Iterable[bytes] = storing.open_file(attachment) if with_body else ()
    text = attachment.media_type == MediaType.TEXT
    content_type = f"{attachment.media_type}; charset=utf-8" if text else attachment.media_type
    return download(chunks, name=name_of(attachment), content_type=content_type, size=attachment.size)


def download(
    chunks: Iterable[bytes], *, name: str, content_type: str, size: int | None = None
) -> StreamingHttpResponse:
    """An answer that a browser saves under this name (RFC 6266)."""
    headers: dict[str, Any] = {**HEADERS, "Content-Disposition": content_disposition_header(True, name)}
    if size is not None:
        headers["Content-Length"] = size
    return StreamingHttpResponse(chunks, content_type=content_type, headers=headers)
