"""PDFs: parsed strictly, stripped of active and hidden content and of traces of their author, rewritten and checked
again."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf.settings import set_qpdf_limits

from records.attachments.cleaning.packing import flate, in_parts
from records.attachments.cleaning.pdf_rules import remove_unsafe
from records.attachments.cleaning.refusals import CannotClean, RefusalReason
from records.attachments.cleaning.unpacking import MAX_FILTERS, Budget, check_packing, check_streams, max_unpacked_bytes

MAX_PAGES, MAX_OBJECTS = 500, 100_000
STREAM_BYTES = 256 * 1024 * 1024  # one stream that qpdf unpacks to rewrite it; pictures need most
OF_OBJECTS = re.compile(rb"/(?:ObjStm|XRef)\b.{,300}?\bstream\r?\n", re.DOTALL)  # what qpdf unpacks when opening a file
WHITESPACE = b"\x00\t\n\f\r "


def clean_pdf(data: bytes) -> bytes:
    """Return the same pages without scripts, actions, embedded files, metadata and remains of earlier revisions. Links
    within the document stay; external ones, which may contain someone's token, are removed."""
    _check_end(data)
    written = _rewritten(data)
    _check_clean(written, size=len(data))
    return written


def _rewritten(data: bytes) -> bytes:
    _limit_qpdf(max_unpacked_bytes(len(data)))
    with _opened(data) as pdf:  # saved without the encryption that a password of its owner alone leaves
        _check_size(pdf)
        check_packing(_streams(pdf), size=len(data), drawings={part.objgen for part in _drawings(pdf)})
        _limit_qpdf(STREAM_BYTES)
        if pdf.Root.get("/NeedsRendering"):
            raise CannotClean(RefusalReason.LIVE_FORM)
        remove_unsafe(pdf)
        if "/ID" in pdf.trailer:
            del pdf.trailer["/ID"]  # qpdf generates a new one from the content
        written = io.BytesIO()
        pdf.save(
            written,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            stream_decode_level=pikepdf.StreamDecodeLevel.generalized,  # each stream is compressed once, in one way
            deterministic_id=True,
        )
    return written.getvalue()


def _opened(data: bytes) -> pikepdf.Pdf:
    """Open the PDF without repairing it: different readers would repair a damaged file differently."""
    try:
        pdf = pikepdf.open(io.BytesIO(data), attempt_recovery=False, suppress_warnings=True)
    except pikepdf.PasswordError as error:
        raise CannotClean(RefusalReason.ENCRYPTED) from error
    except pikepdf.PdfError:
        _check_objects(data)
        raise
    return pdf


def _limit_qpdf(max_bytes: int) -> None:
    set_qpdf_limits(flate_max_memory=max_bytes, run_length_max_memory=max_bytes, max_stream_filters=MAX_FILTERS)


def _check_objects(data: bytes) -> None:
    """Raise CannotClean if objects unpack to too much: qpdf reports these as broken."""
    budget = Budget(len(data))
    for found in OF_OBJECTS.finditer(data):
        for _ in budget.spend(flate(in_parts(data, start=found.end()))):
            pass


def _check_end(data: bytes) -> None:
    end = data.rfind(b"%%EOF")
    if end < 0:
        raise CannotClean(RefusalReason.BROKEN)
    if data[end + len(b"%%EOF") :].strip(WHITESPACE):
        raise CannotClean(RefusalReason.AFTER)


def _check_size(pdf: pikepdf.Pdf) -> None:
    if len(pdf.objects) > MAX_OBJECTS:
        raise CannotClean(RefusalReason.OBJECTS)
    if len(pdf.pages) > MAX_PAGES:
        raise CannotClean(RefusalReason.PAGES)
    if not len(pdf.pages):
        raise CannotClean(RefusalReason.BROKEN)


def _check_clean(written: bytes, *, size: int) -> None:
    """Read the result as a stranger would: nothing may be left to remove, and no stream may unpack to too much or
    contain unexpected metadata."""
    with _opened(written) as pdf:
        if pdf.is_encrypted:
            raise CannotClean(RefusalReason.ENCRYPTED)
        check_streams(_streams(pdf), size=size)
        if remove_unsafe(pdf):
            raise CannotClean(RefusalReason.UNCLEAN)


def _streams(pdf: pikepdf.Pdf) -> Iterator[Any]:
    return (found for found in pdf.objects if isinstance(found, pikepdf.Stream))


def _drawings(pdf: pikepdf.Pdf) -> Iterator[Any]:
    for page in pdf.pages:
        drawing = page.obj.get("/Contents")
        yield from drawing if isinstance(drawing, pikepdf.Array) else [] if drawing is None else [drawing]
