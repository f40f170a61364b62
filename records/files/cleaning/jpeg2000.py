"""JPEG 2000, which PDFs hold: its boxes (ISO/IEC 15444-1, annex I) and the header of its codestream (annex A)."""

import re
from collections.abc import Iterator, Set

from records.files.cleaning.refusals import CannotClean, Why

KEPT = {b"jP  ", b"ftyp", b"rreq", b"jp2h", b"jp2c"}  # the rest is XML, UUIDs (EXIF, XMP, GPS) and links
IN_HEADER = {b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef", b"res "}
IN_RESOLUTION = {b"resc", b"resd"}
INSIDE = {b"jp2h": IN_HEADER, b"res ": IN_RESOLUTION}
CODESTREAM = b"jp2c"
START, SIZE, COMMENT, TILE, DATA = b"\xff\x4f", b"\xff\x51", b"\xff\x64", b"\xff\x90", b"\xff\x93"
END = b"\xff\xd9"
AFTER_DATA = re.compile(TILE + b"|" + END)  # which a tile's own data never holds (annex B.10.1)


def stripped(data: bytes) -> bytes:
    """The same picture, bit for bit, without metadata."""
    if data.startswith(START):
        return _without_comments(data)
    return _kept(data, KEPT)


def _kept(data: bytes, allowed: Set[bytes]) -> bytes:
    """The boxes of these names, each with what may be inside it."""
    kept = []
    for name, body in _boxes(data):
        if name in allowed:
            content = _kept(body, INSIDE[name]) if name in INSIDE else body
            content = _without_comments(body) if name == CODESTREAM else content
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


def _header(codestream: bytes, at: int = len(START), end: bytes = TILE) -> Iterator[tuple[bytes, bytes]]:
    """The segments from `at` on, before the marker `end`: the first tile, or a tile's data."""
    while (marker := codestream[at : at + 2]) != end:
        after = at + 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
        if marker[:1] != b"\xff" or after <= at + 2 or after > len(codestream):
            raise CannotClean(Why.BROKEN)
        yield marker, codestream[at:after]
        at = after


def _without_comments(codestream: bytes) -> bytes:
    header = list(_header(codestream))
    tiles = len(START) + sum(len(segment) for _, segment in header)
    kept = b"".join(part for marker, part in header if marker != COMMENT)
    return START + kept + codestream[tiles : _end(codestream, tiles)]


def _end(codestream: bytes, tile: int) -> int:
    """Where the picture ends whose first tile begins at `tile`. What is in the middle of tiles cannot be taken out, for
    they say how long they are."""
    while codestream[tile : tile + 2] == TILE:
        header = list(_header(codestream, tile, DATA))
        if any(marker == COMMENT for marker, _ in header):
            raise CannotClean(Why.UNCLEAN)
        found = AFTER_DATA.search(codestream, tile + sum(len(segment) for _, segment in header))
        if found is None:
            return len(codestream)
        tile = found.start()
    if codestream[tile : tile + 2] != END:
        raise CannotClean(Why.BROKEN)
    return tile + 2
