"""Decoders for the filters of PDF streams (ISO 32000-2, 7.4), part by part, so that a bomb is counted and never in
memory at once. On broken data each decoder just ends: qpdf decides whether the file is accepted."""

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator

from records.attachments.cleaning.refusals import CannotClean, RefusalReason

PART_BYTES = 64 * 1024
WHITESPACE = b"\x00\t\n\f\r "
CLEAR, END = 256, 257  # of LZW's codes
AT_ONCE = 256  # LZW codes, each for up to 4 KB
NO_DIGIT = re.compile(rb"[^!-u]")
Parts = Iterable[bytes]
Decoder = Callable[[Parts], Iterator[bytes]]


def in_parts(packed: bytes, *, start: int = 0) -> Iterator[bytes]:
    return (packed[at : at + PART_BYTES] for at in range(start, len(packed), PART_BYTES))


def flate(parts: Parts, *, to_its_end: bool = False) -> Iterator[bytes]:
    """Decode. With `to_its_end`, raise CannotClean if the data is broken or incomplete."""
    inflater, empty = zlib.decompressobj(), True
    try:
        for waiting in parts:
            empty = False
            while waiting and not inflater.eof:
                yield inflater.decompress(waiting, 4 * PART_BYTES)
                waiting = inflater.unconsumed_tail
    except zlib.error:
        pass
    if to_its_end and not inflater.eof and not empty:
        raise CannotClean(RefusalReason.BROKEN)


def whole_flate(parts: Parts) -> Iterator[bytes]:
    return flate(parts, to_its_end=True)


def lzw(parts: Parts, *, early: int = 1) -> Iterator[bytes]:
    """Decode. With `early`, the code width grows one code earlier than necessary."""
    first = [bytes([value]) for value in range(256)] + [b"", b""]
    table, before, width = first.copy(), b"", 9
    bits = bit_count = 0
    ready: list[bytes] = []
    for part in parts:
        for byte in part:
            bits, bit_count = bits << 8 | byte, bit_count + 8
            if bit_count < width:
                continue
            bit_count -= width
            code, bits = bits >> bit_count, bits & ((1 << bit_count) - 1)
            if code == CLEAR:
                table, before, width = first.copy(), b"", 9
                continue
            if code == END or code > len(table) or (code == len(table) and not before):
                yield b"".join(ready)
                return
            found = table[code] if code < len(table) else before + before[:1]
            if before and len(table) < 4096:
                table.append(before + found[:1])
                width = min(12, (len(table) + early).bit_length())
            before = found
            ready.append(found)
            if len(ready) == AT_ONCE:
                yield b"".join(ready)
                ready = []
    yield b"".join(ready)


def lzw_late(parts: Parts) -> Iterator[bytes]:
    return lzw(parts, early=0)


def run_length(parts: Parts) -> Iterator[bytes]:
    buffer = b""
    for part in parts:
        buffer, at, ready = buffer + part, 0, []
        while at < len(buffer) and (length := buffer[at]) != 128:
            end = at + 2 if length > 128 else at + length + 2
            if end > len(buffer):
                break
            run = buffer[at + 1 : end]
            ready.append(run * (257 - length) if length > 128 else run)
            at = end
        yield b"".join(ready)
        buffer = buffer[at:]
        if buffer[:1] == b"\x80":
            return


def ascii_hex(parts: Parts) -> Iterator[bytes]:
    buffer = b""
    for part in parts:
        body, end, _ = part.partition(b">")
        buffer += body.translate(None, WHITESPACE)
        if end and len(buffer) % 2:
            buffer += b"0"
        pairs = len(buffer) // 2 * 2
        try:
            yield bytes.fromhex(buffer[:pairs].decode())
        except ValueError:
            return
        if end:
            return
        buffer = buffer[pairs:]


def ascii_85(parts: Parts) -> Iterator[bytes]:
    buffer = b""
    for part in parts:
        buffer += part.translate(None, WHITESPACE).replace(b"z", b"!!!!!")
        if end := NO_DIGIT.search(buffer):
            buffer = buffer[: end.start()]
            over = len(buffer) % 5
            yield _decode_85(buffer + b"u" * (-over % 5))[: len(buffer) // 5 * 4 + max(0, over - 1)]
            return
        fives = len(buffer) // 5 * 5
        yield _decode_85(buffer[:fives])
        buffer = buffer[fives:]


def _decode_85(digits: bytes) -> bytes:
    groups = zip(*(digits[at::5] for at in range(5)), strict=True)
    values = [
        ((((a - 33) * 85 + b - 33) * 85 + c - 33) * 85 + d - 33) * 85 + e - 33 & 0xFFFFFFFF for a, b, c, d, e in groups
    ]
    return struct.pack(f">{len(values)}I", *values)


DECODERS: dict[str, Decoder] = {
    "/FlateDecode": flate,
    "/LZWDecode": lzw,
    "/RunLengthDecode": run_length,
    "/ASCIIHexDecode": ascii_hex,
    "/ASCII85Decode": ascii_85,
    "/Crypt": iter,  # does nothing in an unencrypted file
}
