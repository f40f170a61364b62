"""PDFs: parsed strictly, rid of all that acts, hides or tells of its author, written anew and looked at again."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf.settings import set_qpdf_limits

from records.files.cleaning.packing import flate, in_parts
from records.files.cleaning.pdf_rules import take_out
from records.files.cleaning.refusals import CannotClean, Why
from records.files.cleaning.unpacking import MAX_FILTERS, Room, allowed, check_packing, check_streams

MAX_PAGES, MAX_OBJECTS = 500, 100_000
STREAM_BYTES = 256 * 1024 * 1024  # of one stream that qpdf unpacks to write it anew; pictures need most
OF_OBJECTS = re.compile(rb"/(?:ObjStm|XRef)\b.{,300}?\bstream\r?\n", re.DOTALL)  # what qpdf unpacks to open a file
WHITESPACE = b"\x00\t\n\f\r "


def cleaned_pdf(data: bytes) -> bytes:
    """The same pages without scripts, actions, embedded files, metadata and what earlier revisions left. Links within
    the document stay; those to elsewhere, which may carry somebody's token, do not."""
    _check_end(data)
    written = _rewritten(data)
    _check_clean(written, size=len(data))
    return written


def _rewritten(data: bytes) -> bytes:
    _limit_qpdf(allowed(len(data)))
    with _opened(data) as pdf:
        _check_size(pdf)
        check_packing(_streams(pdf), size=len(data), drawings={part.objgen for part in _drawings(pdf)})
        _limit_qpdf(STREAM_BYTES)
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
    except pikepdf.PdfError:
        _check_objects(data)
        raise
    if pdf.is_encrypted:  # opened without a password, yet not free to change or copy
        raise CannotClean(Why.ENCRYPTED)
    return pdf


def _limit_qpdf(most: int) -> None:
    set_qpdf_limits(flate_max_memory=most, run_length_max_memory=most, max_stream_filters=MAX_FILTERS)


def _check_objects(data: bytes) -> None:
    """qpdf gives up on objects that unpack to too much as on broken ones: raises CannotClean for those."""
    room = Room(len(data))
    for found in OF_OBJECTS.finditer(data):
        for _ in room.counted(flate(in_parts(data, start=found.end()))):
            pass


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


def _check_clean(written: bytes, *, size: int) -> None:
    """Reads what was written as a stranger would: nothing may be left to take out, and no stream may unpack to more
    than any may, or hold metadata of a kind that we do not know the place of."""
    with _opened(written) as pdf:
        check_streams(_streams(pdf), size=size)
        if take_out(pdf):
            raise CannotClean(Why.UNCLEAN)


def _streams(pdf: pikepdf.Pdf) -> Iterator[Any]:
    return (found for found in pdf.objects if isinstance(found, pikepdf.Stream))


def _drawings(pdf: pikepdf.Pdf) -> Iterator[Any]:
    for page in pdf.pages:
        drawing = page.obj.get("/Contents")
        yield from drawing if isinstance(drawing, pikepdf.Array) else [] if drawing is None else [drawing]
