"""What the streams of a PDF unpack to, counted while it is unpacked and never held whole."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pikepdf import Array, Dictionary, Name, Stream

from records.files.cleaning import jpeg, jpeg2000
from records.files.cleaning.packing import UNDONE, Undo, in_parts, lzw_late, whole_flate
from records.files.cleaning.refusals import CannotClean, Why

MAX_BYTES = 256 * 1024 * 1024  # of a whole document without its pictures, after each of its filters
PLAIN_BYTES, RATIO = 32 * 1024 * 1024, 200  # above the one, a document may unpack to so many times its own size
PICTURE_BYTES = 1024 * 1024 * 1024  # of all its pictures: some forty pages scanned in colour and stored losslessly
MAX_PIXELS = 50_000_000
COLOURS = 4  # of a pixel, at most
MAX_FILTERS = 3
FULL_NAMES = {
    "/Fl": "/FlateDecode",
    "/LZW": "/LZWDecode",
    "/RL": "/RunLengthDecode",
    "/AHx": "/ASCIIHexDecode",
    "/A85": "/ASCII85Decode",
    "/DCT": "/DCTDecode",
    "/CCF": "/CCITTFaxDecode",
}
PACKING = {"/FlateDecode", "/LZWDecode", "/RunLengthDecode"}
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
    return b"".join(Room(len(raw), most=2 * len(raw) + 64 * 1024).counted(whole_flate(in_parts(raw))))  # packed already


class Room:
    """How much a document of `size` bytes may still unpack to."""

    def __init__(self, size: int, *, most: int | None = None) -> None:
        self.left = most or allowed(size)
        self._of_pictures = PICTURE_BYTES

    def counted(self, parts: Iterable[bytes], *, drawn: int = 0) -> Iterator[bytes]:
        """The same parts. Raises CannotClean when they are more than there is room for; up to `drawn` bytes of them are
        a picture's."""
        for part in parts:
            of_picture = min(drawn, len(part))
            drawn -= of_picture
            self._of_pictures -= of_picture
            self.left -= len(part) - of_picture
            if self.left < 0 or self._of_pictures < 0:
                raise CannotClean(Why.UNPACKED)
            yield part


def allowed(size: int) -> int:
    """In bytes: what a document of `size` bytes may unpack to without its pictures, which white paper makes small."""
    return min(MAX_BYTES, max(PLAIN_BYTES, RATIO * size))


def check_packing(streams: Iterable[Stream], *, size: int, drawings: set[tuple[int, int]]) -> None:
    """Of a document of `size` bytes as it came, before anything else unpacks it. Raises CannotClean when what all its
    filters make of it, or a picture, is larger than any may be. `drawings` are no pictures, whatever they say."""
    room = Room(size)
    for stream in streams:
        _check_pixels([_size(stream)])
        for _ in _unpacked(stream, room, is_picture=stream.objgen not in drawings, undone=UNDONE):
            pass


def check_streams(streams: Iterable[Stream], *, size: int) -> None:
    """Of what was written of a document of `size` bytes. Raises CannotClean when it unpacks to more than it may, when a
    picture is larger than it says, or when a stream holds metadata of pictures."""
    room = Room(size)
    for stream in streams:
        names = filters(stream)
        last = names[-1:]
        if sum(name in PACKING for name in names) > 1:
            raise CannotClean(Why.UNPACKED)  # what qpdf would not unpack, to pack it once
        if last and last[0] in SIZES:
            _check_pixels([SIZES[last[0]](stream.read_raw_bytes())])
        end = b""
        for part in _unpacked(stream, room, is_picture=True, undone=UNDONE | {"/FlateDecode": whole_flate}):
            window = end + part
            if any(sign in window for sign in LEFT):
                raise CannotClean(Why.UNCLEAN)
            end = window[-OVERLAP:]


def _size(stream: Stream) -> tuple[int, int]:
    return int(stream.get("/Width", 0)), int(stream.get("/Height", 0))


def _check_pixels(sizes: Iterable[tuple[int, int]]) -> None:
    if any(width * height > MAX_PIXELS for width, height in sizes):
        raise CannotClean(Why.PIXELS)


def _unpacked(stream: Stream, room: Room, *, is_picture: bool, undone: Mapping[str, Undo]) -> Iterator[bytes]:
    """What the filters of a stream make of it, but for a picture's own, in parts. The room counts what each makes."""
    names, settings = filters(stream), _settings(stream)
    if len(names) > MAX_FILTERS:
        raise CannotClean(Why.UNPACKED)
    parts: Iterable[bytes] = in_parts(stream.read_raw_bytes())
    for at, name in enumerate(names, 1):
        if name in PICTURES and at == len(names):
            break
        if name not in undone:
            raise CannotClean(Why.BROKEN)
        undo = lzw_late if name == "/LZWDecode" and settings[at - 1].get("/EarlyChange", 1) == 0 else undone[name]
        last = at == len(names)
        if not last and settings[at - 1].get("/Predictor", 1) != 1:
            raise CannotClean(Why.UNPACKED)  # only a picture's rows or a table's have one: the next would not read it
        parts = room.counted(undo(parts), drawn=_drawn(stream) if is_picture and last else 0)
    yield from parts


def _settings(stream: Stream) -> list[Any]:
    """Of each filter."""
    given: Any = stream.get("/DecodeParms", stream.get("/DP"))
    each = list(given) if isinstance(given, Array) else [given]
    each += [None] * len(filters(stream))
    return [found if isinstance(found, Dictionary) else Dictionary() for found in each]


def _drawn(stream: Stream) -> int:
    """The bytes that a picture's pixels take at most, with the byte that a predictor has in each row."""
    if stream.get("/Subtype") != Name.Image:
        return 0
    width, height = _size(stream)
    return max(0, width * height * COLOURS * max(1, int(stream.get("/BitsPerComponent", 8)) // 8) + height)
