"""Sending files: to a program always as a download. A page of ours shows cleaned pictures and PDFs in itself; nothing
else is ever displayed, and nothing that is sent can run anything (docs/adr/0048)."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from core.errors import Conflict, Forbidden, NotFound, Refusal
from records.attachments import storage
from records.attachments.archives import readable_name
from records.models import Attachment
from records.models.attachment import PICTURES, FileState, MediaType

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "no-store",
    "Accept-Ranges": "none",
}
# Only a page of ours may frame it. No sandbox: with one, browsers refuse to show a PDF. Their viewers run apart from
# any page, and the cleaned file has no scripts.
INLINE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
}
INLINE_TYPES = (*PICTURES, MediaType.PDF)


def check_downloadable(attachment: Attachment) -> None:
    """Raise the reason why this file cannot be downloaded, if it cannot."""
    if attachment.state != FileState.READY:
        raise _why_not(attachment.state, attachment.pk)


def _why_not(state: str, attachment_id: UUID) -> Refusal:
    if state == FileState.QUARANTINED:
        return Conflict(_("This file is waiting for its virus scan. Please try again later."))
    if state == FileState.INFECTED:
        return Forbidden(_("A virus was found in this file, so it can't be downloaded."))
    sentence = _("This file is missing from storage. Your administrator may be able to restore it from a backup.")
    return NotFound(sentence, about=Attachment._meta.label, about_id=attachment_id)


def file_response(attachment: Attachment, *, with_body: bool) -> StreamingHttpResponse:
    """Return the file as a download. Raises NotStored, StorageUnavailable and DamagedFile before anything is sent."""
    chunks: Iterable[bytes] = storage.open_file(attachment) if with_body else ()
    text = attachment.media_type == MediaType.TEXT
    content_type = f"{attachment.media_type}; charset=utf-8" if text else attachment.media_type
    return download_response(chunks, name=readable_name(attachment), content_type=content_type, size=attachment.size)


def inline_response(attachment: Attachment) -> StreamingHttpResponse:
    """Return a picture or PDF that a page shows in itself. Raises NotFound for other files, and as `file_response`."""
    if attachment.media_type not in INLINE_TYPES:
        raise NotFound(
            _("This file can't be shown here. Download it instead."),
            about=Attachment._meta.label,
            about_id=attachment.pk,
        )
    headers: dict[str, Any] = {
        **INLINE_HEADERS,
        "Content-Disposition": content_disposition_header(False, readable_name(attachment)),
        "Content-Length": attachment.size,
    }
    return StreamingHttpResponse(storage.open_file(attachment), content_type=attachment.media_type, headers=headers)


def download_response(
    chunks: Iterable[bytes], *, name: str, content_type: str, size: int | None = None
) -> StreamingHttpResponse:
    """Return a response that a browser saves under this name (RFC 6266)."""
    headers: dict[str, Any] = {**HEADERS, "Content-Disposition": content_disposition_header(True, name)}
    if size is not None:
        headers["Content-Length"] = size
    return StreamingHttpResponse(chunks, content_type=content_type, headers=headers)
