"""The segments of a JPEG (ITU-T T.81, B.1), without decoding it."""

import re
from collections.abc import Iterator

from records.attachments.cleaning.refusals import CannotClean, RefusalReason

START, END, SCAN = 0xD8, 0xD9, 0xDA
JFIF, ADOBE = 0xE0, 0xEE
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame: the picture's size
TABLES = {
    0xC4,
    0xCC,
    0xDB,
    0xDC,
    0xDD,
    0xDE,
    0xDF,
}  # Huffman and quantisation tables, and others needed to decode (table B.1)
ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a segment
MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # the first one that is not part of the picture's data


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each marker with the start and end of its segment, up to the end mark; or up to the end of the data in a
    scan, if there is none (`ended`). Raises CannotClean if the data ends elsewhere."""
    if data[:2] != b"\xff\xd8":
        raise CannotClean(RefusalReason.BROKEN)
    yield START, 0, 2
    at, marker = 2, START
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
    if marker != SCAN:
        raise CannotClean(RefusalReason.BROKEN)


def behind(data: bytes) -> bytes:
    """Return what follows the end of the picture, such as a phone's video or second picture; without an end mark its
    last scan, where that would be."""
    *_, (marker, start, last) = segments(data)
    return data[last if marker == END else start :]


def ended(data: bytes, *, filler: bytes = b"") -> bytes:
    """Return the JPEG up to its end mark, which is put there if it is missing, after `filler`."""
    *_, (marker, _, last) = segments(data)
    return data[:last] if marker == END else data[:last].rstrip(b"\xff") + filler + bytes([0xFF, END])


def is_ended(data: bytes) -> bool:
    *_, (marker, _, _) = segments(data)
    return marker == END


def has_all_scans(data: bytes) -> bool:
    """Return whether the last bit of each coefficient is in a scan (T.81, B.2.3, G.1): a progressive JPEG that breaks
    off between two of them would only look blurred."""
    components, complete = 0, set[tuple[int, int]]()
    for marker, start, _ in segments(data):
        if marker in FRAMES:
            components = data[start + 9]
        elif marker == SCAN:
            number = data[start + 4]
            named, (first, last, bits) = data[start + 5 :][: 2 * number : 2], data[start + 5 + 2 * number :][:3]
            if bits & 0x0F == 0:
                complete |= {(name, at) for name in named for at in range(first, last + 1)}
    return len(complete) == 64 * components


def strip_metadata(data: bytes) -> bytes:
    """Return the same picture, bit for bit, without comments, application segments, unknown segments and anything after
    its end. What defines its colours stays: JFIF without the thumbnail, and Adobe's segment."""
    data = ended(data)
    return b"".join(_kept(marker, data[start:end]) for marker, start, end in segments(data))


def get_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels."""
    for marker, start, _ in segments(data):
        if marker in FRAMES:
            return int.from_bytes(data[start + 7 : start + 9], "big"), int.from_bytes(
                data[start + 5 : start + 7], "big"
            )
    raise CannotClean(RefusalReason.BROKEN)


def _kept(marker: int, segment: bytes) -> bytes:
    if marker == JFIF:
        return b"\xff\xe0\x00\x10" + segment[4:16] + b"\x00\x00" if segment[4:9] == b"JFIF\x00" else b""
    if marker == ADOBE:
        return b"\xff\xee\x00\x0e" + segment[4:16] if segment[4:9] == b"Adobe" else b""
    return segment if marker in FRAMES | TABLES | {START, SCAN, END} else b""
