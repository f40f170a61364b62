"""What a file is by its content, as far as its first and last bytes tell; the parser of its kind has the last word."""

import io
import re
import zipfile

import puremagic

from records.files.cleaning.refusals import CannotClean, Why

MAGIC = {
    "application/pdf": {"application/pdf"},
    "image/jpeg": {"image/jpeg"},
    "image/png": {"image/png"},
    "image/webp": {"image/webp"},
    "image/heic": {"image/heic", "image/heif"},
}
PLAIN_HEIF = b"ftypmif1"  # the brand that ISO/IEC 23008-12 has for any HEIF picture; puremagic does not know it
# What a browser, a shell or a viewer would take for a file of its own, wherever in the last bytes it stands.
FOREIGN = re.compile(rb"<(!doctype html|html|head|body|script|iframe|svg|\?php|\?xml)[\s>]|%PDF-\d", re.IGNORECASE)


def check_content(media_type: str, data: bytes) -> None:
    """Raises CannotClean when `data` begins as something else or is a ZIP archive at the same time."""
    if not data.strip(b"\x00\t\n\f\r "):
        raise CannotClean(Why.EMPTY)
    if media_type != "text/plain":  # which has no magic; cleaning/text.py reads all of it
        _check_magic(media_type, data)
    if zipfile.is_zipfile(io.BytesIO(data)):  # read from its end: a PDF or picture in front of it does not matter to it
        raise CannotClean(Why.HIDDEN)


def check_trailer(data: bytes) -> None:
    """Raises CannotClean when what stands after a picture's end is a file that something would open. Anything else
    there, such as the film of a phone's moving picture, is just not kept."""
    if FOREIGN.search(data) or data.lstrip().startswith((b"MZ", b"#!", b"PK", b"\x7fELF")):
        raise CannotClean(Why.HIDDEN)


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
        raise CannotClean(Why.SVG)
    if "text/html" in found:
        raise CannotClean(Why.HTML)
    if media_type == "application/pdf" and b"%PDF-" in data[:1024]:  # where many readers still look for it
        raise CannotClean(Why.BEFORE)
    raise CannotClean(Why.CONTENT)
