"""The type of a file by its content, as far as its first and last bytes show; the parser has the last word."""

import io
import re
import zipfile

import puremagic

from records.attachments.cleaning.refusals import CannotClean, RefusalReason

MAGIC = {
    "application/pdf": {"application/pdf"},
    "image/jpeg": {"image/jpeg"},
    "image/png": {"image/png"},
    "image/webp": {"image/webp"},
    "image/heic": {"image/heic", "image/heif"},
}
PLAIN_HEIF = b"ftypmif1"  # the brand of any HEIF picture in ISO/IEC 23008-12, unknown to puremagic
# What a browser, a shell or a viewer would open, anywhere in the trailing bytes.
FOREIGN = re.compile(rb"<(!doctype html|html|head|body|script|iframe|svg|\?php|\?xml)[\s>]|%PDF-\d", re.IGNORECASE)


def check_content(media_type: str, data: bytes) -> None:
    """Raise CannotClean if `data` begins as another type or is also a ZIP archive."""
    if not data.strip(b"\x00\t\n\f\r "):
        raise CannotClean(RefusalReason.EMPTY)
    if media_type != "text/plain":  # text has no magic number; cleaning/text.py reads all of it
        _check_magic(media_type, data)
    if zipfile.is_zipfile(io.BytesIO(data)):  # a ZIP is read from its end, whatever is in front of it
        raise CannotClean(RefusalReason.HIDDEN)


def check_trailer(data: bytes) -> None:
    """Raise CannotClean if something after a picture's end could be opened as a file. Anything else there, such as a
    phone's live photo, is just dropped."""
    if FOREIGN.search(data) or data.lstrip().startswith((b"MZ", b"#!", b"PK", b"\x7fELF")):
        raise CannotClean(RefusalReason.HIDDEN)


def _check_magic(media_type: str, data: bytes) -> None:
    try:
        found = {match.mime_type for match in puremagic.magic_string(data)}
    except puremagic.PureError:
        found = set()
    if media_type == "image/heic" and data[4:12] == PLAIN_HEIF:
        return
    if found & MAGIC[media_type]:
        return
    if "image/svg+xml" in found:
        raise CannotClean(RefusalReason.SVG)
    if "text/html" in found:
        raise CannotClean(RefusalReason.HTML)
    if media_type == "application/pdf" and b"%PDF-" in data[:1024]:  # where many readers still accept it
        raise CannotClean(RefusalReason.BEFORE)
    raise CannotClean(RefusalReason.CONTENT)
