"""JBIG2 as in PDFs (ITU-T T.88, 7.2; ISO 32000-2, 7.4.7): segments without a file header."""

from collections.abc import Iterator

from records.attachments.cleaning.refusals import CannotClean, RefusalReason

EXTENSION = 62  # comments and other free content
UNKNOWN = 0xFFFFFFFF  # a segment written before its length was known


def strip_metadata(data: bytes) -> bytes:
    """Return the same picture, bit for bit, without comments. Raises CannotClean if comments cannot be told apart."""
    return b"".join(segment for kind, segment in _segments(data) if kind != EXTENSION)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        head = at + 5 + _referred(data, at) + (4 if data[at + 4] & 0x40 else 1)  # 7.2.6: the page's number
        length = int.from_bytes(data[head : head + 4], "big")
        end = head + 4 + length
        if length == UNKNOWN:
            raise CannotClean(RefusalReason.UNCLEAN)
        if end > len(data):
            raise CannotClean(RefusalReason.BROKEN)
        yield data[at + 4] & 0x3F, data[at:end]
        at = end


def _referred(data: bytes, at: int) -> int:
    """Return how many bytes list the segments this one refers to (7.2.4, 7.2.5)."""
    if at + 6 > len(data):
        raise CannotClean(RefusalReason.BROKEN)
    number = int.from_bytes(data[at : at + 4], "big")
    width = 1 if number <= 256 else 2 if number <= 65536 else 4
    few = data[at + 5] >> 5
    if few != 7:
        return 1 + few * width
    many = int.from_bytes(data[at + 5 : at + 9], "big") & 0x1FFFFFFF
    return 4 + (many + 8) // 8 + many * width
