"""JPEG 2000 as in PDFs: its boxes (ISO/IEC 15444-1, annex I) and its codestream header (annex A)."""

import re
from collections.abc import Iterator, Set

from records.attachments.cleaning.refusals import CannotClean, RefusalReason

KEPT = {b"jP  ", b"ftyp", b"rreq", b"jp2h", b"jp2c"}  # the rest is XML, UUIDs (EXIF, XMP, GPS) and links
IN_HEADER = {b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef", b"res "}
IN_RESOLUTION = {b"resc", b"resd"}
INSIDE = {b"jp2h": IN_HEADER, b"res ": IN_RESOLUTION}
CODESTREAM = b"jp2c"
START, SIZE, COMMENT, TILE, DATA = b"\xff\x4f", b"\xff\x51", b"\xff\x64", b"\xff\x90", b"\xff\x93"
END = b"\xff\xd9"
AFTER_DATA = re.compile(TILE + b"|" + END)  # never occurs inside a tile's data (annex B.10.1)


def strip_metadata(data: bytes) -> bytes:
    """Return the same picture, bit for bit, without metadata."""
    if data.startswith(START):
        return _without_comments(data)
    return _kept(data, KEPT)


def _kept(data: bytes, allowed: Set[bytes]) -> bytes:
    """Return the boxes with these names, each with its allowed content."""
    kept = []
    for name, body in _boxes(data):
        if name in allowed:
            content = _kept(body, INSIDE[name]) if name in INSIDE else body
            content = _without_comments(body) if name == CODESTREAM else content
            kept.append((len(content) + 8).to_bytes(4, "big") + name + content)
    return b"".join(kept)


def get_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels."""
    codestream = data if data.startswith(START) else dict(_boxes(data)).get(CODESTREAM, b"")
    for marker, segment in _header(codestream):
        if marker == SIZE:
            right, bottom, left, top = (int.from_bytes(segment[at : at + 4], "big") for at in (6, 10, 14, 18))
            return right - left, bottom - top
    raise CannotClean(RefusalReason.BROKEN)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        length, name, header = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = len(data) - at
        if length < header or at + length > len(data):
            raise CannotClean(RefusalReason.BROKEN)
        yield name, data[at + header : at + length]
        at += length


def _header(codestream: bytes, at: int = len(START), end: bytes = TILE) -> Iterator[tuple[bytes, bytes]]:
    """Yield the segments from `at` up to the marker `end`: the first tile, or a tile's data."""
    while (marker := codestream[at : at + 2]) != end:
        after = at + 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
        if marker[:1] != b"\xff" or after <= at + 2 or after > len(codestream):
            raise CannotClean(RefusalReason.BROKEN)
        yield marker, codestream[at:after]
        at = after


def _without_comments(codestream: bytes) -> bytes:
    header = list(_header(codestream))
    tiles = len(START) + sum(len(segment) for _, segment in header)
    kept = b"".join(part for marker, part in header if marker != COMMENT)
    return START + kept + codestream[tiles : _end(codestream, tiles)]


def _end(codestream: bytes, tile: int) -> int:
    """Return where the picture ends; its first tile begins at `tile`. Raises CannotClean for a comment inside a tile,
    which cannot be removed because tiles store their length."""
    while codestream[tile : tile + 2] == TILE:
        header = list(_header(codestream, tile, DATA))
        if any(marker == COMMENT for marker, _ in header):
            raise CannotClean(RefusalReason.UNCLEAN)
        found = AFTER_DATA.search(codestream, tile + sum(len(segment) for _, segment in header))
        if found is None:
            return len(codestream)
        tile = found.start()
    if codestream[tile : tile + 2] != END:
        raise CannotClean(RefusalReason.BROKEN)
    return tile + 2
