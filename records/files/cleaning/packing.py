"""How the filters of a PDF's streams are undone (ISO 32000-2, 7.4), part by part, so that a bomb is counted and never
held. Where something is broken each of them just ends: whether the file is taken, qpdf decides."""

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator

from records.files.cleaning.refusals import CannotClean, Why

PART_BYTES = 64 * 1024
WHITESPACE = b"\x00\t\n\f\r "
CLEAR, END = 256, 257  # of LZW's codes
AT_ONCE = 256  # codes of LZW, each of which stands for up to 4 KB
NO_DIGIT = re.compile(rb"[^!-u]")
Parts = Iterable[bytes]
Undo = Callable[[Parts], Iterator[bytes]]


def in_parts(packed: bytes, *, start: int = 0) -> Iterator[bytes]:
    return (packed[at : at + PART_BYTES] for at in range(start, len(packed), PART_BYTES))


def flate(parts: Parts, *, to_its_end: bool = False) -> Iterator[bytes]:
    """`to_its_end`: raises CannotClean when what is packed is broken or lacks its end."""
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
        raise CannotClean(Why.BROKEN)


def whole_flate(parts: Parts) -> Iterator[bytes]:
    return flate(parts, to_its_end=True)


def lzw(parts: Parts, *, early: int = 1) -> Iterator[bytes]:
    """`early`: codes become longer that many codes sooner than they must."""
    first = [bytes([value]) for value in range(256)] + [b"", b""]
    table, before, width = first.copy(), b"", 9
    bits = held = 0
    ready: list[bytes] = []
    for part in parts:
        for byte in part:
            bits, held = bits << 8 | byte, held + 8
            if held < width:
                continue
            held -= width
            code, bits = bits >> held, bits & ((1 << held) - 1)
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
    held = b""
    for part in parts:
        held, at, ready = held + part, 0, []
        while at < len(held) and (length := held[at]) != 128:
            end = at + 2 if length > 128 else at + length + 2
            if end > len(held):
                break
            run = held[at + 1 : end]
            ready.append(run * (257 - length) if length > 128 else run)
            at = end
        yield b"".join(ready)
        held = held[at:]
        if held[:1] == b"\x80":
            return


def ascii_hex(parts: Parts) -> Iterator[bytes]:
    held = b""
    for part in parts:
        body, end, _ = part.partition(b">")
        held += body.translate(None, WHITESPACE)
        if end and len(held) % 2:
            held += b"0"
        pairs = len(held) // 2 * 2
        try:
            yield bytes.fromhex(held[:pairs].decode())
        except ValueError:
            return
        if end:
            return
        held = held[pairs:]


def ascii_85(parts: Parts) -> Iterator[bytes]:
    held = b""
    for part in parts:
        held += part.translate(None, WHITESPACE).replace(b"z", b"!!!!!")
        if end := NO_DIGIT.search(held):
            held = held[: end.start()]
            over = len(held) % 5
            yield _of_85(held + b"u" * (-over % 5))[: len(held) // 5 * 4 + max(0, over - 1)]
            return
        fives = len(held) // 5 * 5
        yield _of_85(held[:fives])
        held = held[fives:]


def _of_85(digits: bytes) -> bytes:
    groups = zip(*(digits[at::5] for at in range(5)), strict=True)
    values = [
        ((((a - 33) * 85 + b - 33) * 85 + c - 33) * 85 + d - 33) * 85 + e - 33 & 0xFFFFFFFF for a, b, c, d, e in groups
    ]
    return struct.pack(f">{len(values)}I", *values)


UNDONE: dict[str, Undo] = {
    "/FlateDecode": flate,
    "/LZWDecode": lzw,
    "/RunLengthDecode": run_length,
    "/ASCIIHexDecode": ascii_hex,
    "/ASCII85Decode": ascii_85,
    "/Crypt": iter,  # of a file that is not encrypted: nothing
}
