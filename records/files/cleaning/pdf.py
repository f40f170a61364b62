"""PDFs: parsed strictly, rid of all that acts, hides or tells of its author, written anew and looked at again."""

import io
from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf.settings import set_qpdf_limits

from records.files.cleaning.pdf_rules import take_out
from records.files.cleaning.refusals import CannotClean, Why
from records.files.cleaning.unpacking import check_streams

MAX_PAGES, MAX_OBJECTS = 500, 100_000
STREAM_BYTES = 256 * 1024 * 1024  # of one stream that qpdf itself unpacks, such as one that holds objects
WHITESPACE = b"\x00\t\n\f\r "


def cleaned_pdf(data: bytes) -> bytes:
    """The same pages without scripts, actions, embedded files, metadata and what earlier revisions left. Links within
    the document stay; those to elsewhere, which may carry somebody's token, do not."""
    _check_end(data)
    set_qpdf_limits(flate_max_memory=STREAM_BYTES, run_length_max_memory=STREAM_BYTES, max_stream_filters=3)
    written = _rewritten(data)
    _check_clean(written)
    return written


def _rewritten(data: bytes) -> bytes:
    with _opened(data) as pdf:
        _check_size(pdf)
        if pdf.Root.get("/NeedsRendering"):
            raise CannotClean(Why.LIVE_FORM)
        take_out(pdf)
        if "/ID" in pdf.trailer:
            del pdf.trailer["/ID"]  # qpdf makes one of the content
        written = io.BytesIO()
        pdf.save(
            written,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            stream_decode_level=pikepdf.StreamDecodeLevel.generalized,  # so that streams are packed once and one way
            deterministic_id=True,
        )
    return written.getvalue()


def _opened(data: bytes) -> pikepdf.Pdf:
    """Only as it says it is: what qpdf would guess of a damaged file another reader guesses otherwise."""
    try:
        pdf = pikepdf.open(io.BytesIO(data), attempt_recovery=False, suppress_warnings=True)
    except pikepdf.PasswordError as error:
        raise CannotClean(Why.ENCRYPTED) from error
    if pdf.is_encrypted:  # opened without a password, yet not free to change or copy
        raise CannotClean(Why.ENCRYPTED)
    return pdf


def _check_end(data: bytes) -> None:
    end = data.rfind(b"%%EOF")
    if end < 0:
        raise CannotClean(Why.BROKEN)
    if data[end + len(b"%%EOF") :].strip(WHITESPACE):
        raise CannotClean(Why.AFTER)


def _check_size(pdf: pikepdf.Pdf) -> None:
    if len(pdf.objects) > MAX_OBJECTS:
        raise CannotClean(Why.OBJECTS)
    if len(pdf.pages) > MAX_PAGES:
        raise CannotClean(Why.PAGES)
    if not len(pdf.pages):
        raise CannotClean(Why.BROKEN)


def _check_clean(written: bytes) -> None:
    """Reads what was written as a stranger would: nothing may be left to take out, and no stream may unpack to more
    than any may, or hold metadata of a kind that we do not know the place of."""
    with _opened(written) as pdf:
        check_streams(_streams(pdf))
        if take_out(pdf):
            raise CannotClean(Why.UNCLEAN)


def _streams(pdf: pikepdf.Pdf) -> Iterator[Any]:
    return (found for found in pdf.objects if isinstance(found, pikepdf.Stream))
