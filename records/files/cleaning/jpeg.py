"""The segments of a JPEG (ITU-T T.81, B.1), without decoding it."""

import re
from collections.abc import Iterator

from records.files.cleaning.refusals import CannotClean, Why

START, END, SCAN = 0xD8, 0xD9, 0xDA
JFIF, ADOBE = 0xE0, 0xEE
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame: the picture's size
TABLES = {0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF}  # of codes and steps, and what else decoding needs (table B.1)
ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a segment
MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # the first that is no part of the picture's own data


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Each marker, and where it and all that belongs to it begin and end, up to the end of the picture; raises
    CannotClean where it has none."""
    if data[:2] != b"\xff\xd8":
        raise CannotClean(Why.BROKEN)
    yield START, 0, 2
    at = 2
    while found := MARKER.match(data, at):
        marker, body = data[found.end() - 1], found.end()
        if marker == END:
            yield END, body - 2, body
            return
        end = body if marker in ALONE else body + int.from_bytes(data[body : body + 2], "big")
        if marker == SCAN:
            following = MARKER.search(data, end)
            end = following.start() if following else len(data)
        yield marker, body - 2, end
        at = end
    raise CannotClean(Why.BROKEN)


def end(data: bytes) -> int:
    """Where the picture ends. A phone keeps a film or a second picture behind it."""
    *_, (_, _, last) = segments(data)
    return last


def stripped(data: bytes) -> bytes:
    """The same picture, bit for bit, without comments, the segments of applications and those that are nobody's, and
    what stands behind its end. Those that say how its colours are stored stay: JFIF without its thumbnail, and
    Adobe's."""
    return b"".join(_kept(marker, data[start:end]) for marker, start, end in segments(data))


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    for marker, start, _ in segments(data):
        if marker in FRAMES:
            return int.from_bytes(data[start + 7 : start + 9], "big"), int.from_bytes(
                data[start + 5 : start + 7], "big"
            )
    raise CannotClean(Why.BROKEN)


def _kept(marker: int, segment: bytes) -> bytes:
    if marker == JFIF:
        return b"\xff\xe0\x00\x10" + segment[4:16] + b"\x00\x00" if segment[4:9] == b"JFIF\x00" else b""
    if marker == ADOBE:
        return b"\xff\xee\x00\x0e" + segment[4:16] if segment[4:9] == b"Adobe" else b""
    return segment if marker in FRAMES | TABLES | {START, SCAN, END} else b""
