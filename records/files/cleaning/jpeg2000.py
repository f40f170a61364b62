"""JPEG 2000, which PDFs hold: its boxes (ISO/IEC 15444-1, annex I) and the header of its codestream (annex A)."""

from collections.abc import Iterator

from records.files.cleaning.refusals import CannotClean, Why

KEPT = {b"jP  ", b"ftyp", b"rreq", b"jp2h", b"jp2c"}  # the rest is XML, UUIDs (EXIF, XMP, GPS) and links
CODESTREAM = b"jp2c"
START, SIZE, COMMENT, TILE = b"\xff\x4f", b"\xff\x51", b"\xff\x64", b"\xff\x90"


def stripped(data: bytes) -> bytes:
    """The same picture, bit for bit, without metadata."""
    if data.startswith(START):
        return _without_comments(data)
    kept = []
    for name, body in _boxes(data):
        if name in KEPT:
            content = _without_comments(body) if name == CODESTREAM else body
            kept.append((len(content) + 8).to_bytes(4, "big") + name + content)
    return b"".join(kept)


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    codestream = data if data.startswith(START) else dict(_boxes(data)).get(CODESTREAM, b"")
    for marker, segment in _header(codestream):
        if marker == SIZE:
            right, bottom, left, top = (int.from_bytes(segment[at : at + 4], "big") for at in (6, 10, 14, 18))
            return right - left, bottom - top
    raise CannotClean(Why.BROKEN)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        length, name, header = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = len(data) - at
        if length < header or at + length > len(data):
            raise CannotClean(Why.BROKEN)
        yield name, data[at + header : at + length]
        at += length


def _header(codestream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The segments before the first tile."""
    at = 2
    while (marker := codestream[at : at + 2]) != TILE:
        end = at + 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
        if marker[:1] != b"\xff" or end <= at + 2 or end > len(codestream):
            raise CannotClean(Why.BROKEN)
        yield marker, codestream[at:end]
        at = end


def _without_comments(codestream: bytes) -> bytes:
    header = list(_header(codestream))
    tiles = len(START) + sum(len(segment) for _, segment in header)
    return START + b"".join(part for marker, part in header if marker != COMMENT) + codestream[tiles:]
