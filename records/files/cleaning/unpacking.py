"""What the streams of a PDF unpack to, counted while it is unpacked and never held whole."""

import zlib
from collections.abc import Iterable, Iterator

from pikepdf import Array, Stream

from records.files.cleaning import jpeg, jpeg2000
from records.files.cleaning.refusals import CannotClean, Why

MAX_BYTES = 1024 * 1024 * 1024  # of a whole document: some ten pages scanned in colour and stored losslessly
MAX_PIXELS = 50_000_000
PART_BYTES = 64 * 1024
FULL_NAMES = {"/Fl": "/FlateDecode", "/LZW": "/LZWDecode", "/RL": "/RunLengthDecode", "/DCT": "/DCTDecode"}
PACKING = {"/FlateDecode", "/LZWDecode", "/RunLengthDecode", "/BrotliDecode"}
PICTURES = {"/DCTDecode", "/JPXDecode", "/CCITTFaxDecode", "/JBIG2Decode"}
SIZES = {"/DCTDecode": jpeg.size, "/JPXDecode": jpeg2000.size}
# Metadata in a place where none belongs, such as in a picture that stands in the middle of a page's own drawing.
LEFT = (b"<?xpacket", b"<x:xmpmeta", b"http://ns.adobe.com/xap/", b"Exif\x00\x00", b"Photoshop 3.0\x00")
OVERLAP = max(map(len, LEFT)) - 1


def filters(stream: Stream) -> list[str]:
    """By their full names, in the order in which they are undone."""
    named = stream.get("/Filter")
    names = [] if named is None else list(named) if isinstance(named, Array) else [named]
    return [FULL_NAMES.get(str(name), str(name)) for name in names]


def picture(stream: Stream) -> bytes:
    """The picture's own file in a stream whose last filter is one of PICTURES."""
    outer = filters(stream)[:-1]
    raw = stream.read_raw_bytes()
    if not outer:
        return raw
    if outer != ["/FlateDecode"]:
        raise CannotClean(Why.UNCLEAN)
    return b"".join(_inflated(raw, most=2 * len(raw) + PART_BYTES))  # a picture is packed already


def check_streams(streams: Iterable[Stream]) -> None:
    """Raises CannotClean when all of them together, or a picture among them, are larger than any may be, or when one
    holds metadata of pictures."""
    room = MAX_BYTES
    for stream in streams:
        _check_pixels(stream)
        end = b""
        for part in _unpacked(stream, most=room):
            room -= len(part)
            window = end + part
            if any(sign in window for sign in LEFT):
                raise CannotClean(Why.UNCLEAN)
            end = window[-OVERLAP:]


def _check_pixels(stream: Stream) -> None:
    sizes = [(stream.get("/Width", 0), stream.get("/Height", 0))]
    last = filters(stream)[-1:]
    if last and last[0] in SIZES:
        sizes.append(SIZES[last[0]](stream.read_raw_bytes()))
    if any(width * height > MAX_PIXELS for width, height in sizes):
        raise CannotClean(Why.PIXELS)


def _unpacked(stream: Stream, *, most: int) -> Iterator[bytes]:
    names = filters(stream)
    if sum(name in PACKING for name in names) > 1:
        raise CannotClean(Why.UNPACKED)
    if not names or names[-1] in PICTURES:
        yield stream.read_raw_bytes()
    elif names == ["/FlateDecode"]:
        yield from _inflated(stream.read_raw_bytes(), most=most)
    else:
        yield stream.read_bytes()  # rare ones, within the limits of qpdf and of this process


def _inflated(packed: bytes, *, most: int) -> Iterator[bytes]:
    inflater, left = zlib.decompressobj(), most
    for at in range(0, len(packed), PART_BYTES):
        waiting = packed[at : at + PART_BYTES]
        while waiting and not inflater.eof:
            part = inflater.decompress(waiting, 16 * PART_BYTES)
            left -= len(part)
            if left < 0:
                raise CannotClean(Why.UNPACKED)
            yield part
            waiting = inflater.unconsumed_tail
    if packed and not inflater.eof:
        raise CannotClean(Why.BROKEN)
