"""How much the streams of a PDF unpack to, counted while unpacking and never in memory at once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pikepdf import Array, Dictionary, Name, Stream

from records.attachments.cleaning import jpeg, jpeg2000
from records.attachments.cleaning.packing import DECODERS, Decoder, in_parts, lzw_late, whole_flate
from records.attachments.cleaning.refusals import MAX_PIXELS, CannotClean, RefusalReason

MAX_BYTES = 256 * 1024 * 1024  # a whole document without its pictures, after each filter
PLAIN_BYTES, RATIO = 32 * 1024 * 1024, 200  # above PLAIN_BYTES, a document may unpack to RATIO times its size
PICTURE_BYTES = 1024 * 1024 * 1024  # all its pictures: about forty pages scanned in colour without loss
COLOURS = 4  # at most, per pixel
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
SIZES = {"/DCTDecode": jpeg.get_size, "/JPXDecode": jpeg2000.get_size}
# Metadata where none belongs, such as in an inline picture in a page's content.
METADATA_SIGNS = (b"<?xpacket", b"<x:xmpmeta", b"http://ns.adobe.com/xap/", b"Exif\x00\x00", b"Photoshop 3.0\x00")
OVERLAP = max(map(len, METADATA_SIGNS)) - 1


def get_filters(stream: Stream) -> list[str]:
    """Return the filters' full names, in decoding order."""
    named = stream.get("/Filter")
    names = [] if named is None else list(named) if isinstance(named, Array) else [named]
    return [FULL_NAMES.get(str(name), str(name)) for name in names]


def get_picture(stream: Stream) -> bytes:
    """Return the picture file in a stream whose last filter is one of PICTURES."""
    outer = get_filters(stream)[:-1]
    raw = stream.read_raw_bytes()
    if not outer:
        return raw
    if outer != ["/FlateDecode"]:
        raise CannotClean(RefusalReason.UNCLEAN)
    return b"".join(
        Budget(len(raw), max_bytes=2 * len(raw) + 64 * 1024).spend(whole_flate(in_parts(raw)))
    )  # compressed already


class Budget:
    """How much a document of `size` bytes may still unpack to."""

    def __init__(self, size: int, *, max_bytes: int | None = None) -> None:
        self.left = max_bytes or max_unpacked_bytes(size)
        self._of_pictures = PICTURE_BYTES

    def spend(self, parts: Iterable[bytes], *, drawn: int = 0) -> Iterator[bytes]:
        """Yield the same parts. Raises CannotClean if they exceed the budget; up to `drawn` bytes of them count as a
        picture."""
        for part in parts:
            of_picture = min(drawn, len(part))
            drawn -= of_picture
            self._of_pictures -= of_picture
            self.left -= len(part) - of_picture
            if self.left < 0 or self._of_pictures < 0:
                raise CannotClean(RefusalReason.UNPACKED)
            yield part


def max_unpacked_bytes(size: int) -> int:
    """Return how many bytes a document of `size` bytes may unpack to without its pictures; blank pages compress
    well."""
    return min(MAX_BYTES, max(PLAIN_BYTES, RATIO * size))


def check_packing(streams: Iterable[Stream], *, size: int, drawings: set[tuple[int, int]]) -> None:
    """Check a document of `size` bytes before anything else unpacks it. Raises CannotClean if its filters produce too
    much, or a picture is too large. `drawings` are not pictures, whatever they claim."""
    budget = Budget(size)
    for stream in streams:
        _check_pixels([_size(stream)])
        for _ in _unpacked(stream, budget, is_picture=stream.objgen not in drawings, decoders=DECODERS):
            pass


def check_streams(streams: Iterable[Stream], *, size: int) -> None:
    """Check what was written for a document of `size` bytes. Raises CannotClean if it unpacks to too much, a picture is
    larger than it claims, or a stream contains picture metadata."""
    budget = Budget(size)
    for stream in streams:
        names = get_filters(stream)
        last = names[-1:]
        if sum(name in PACKING for name in names) > 1:
            raise CannotClean(RefusalReason.UNPACKED)  # qpdf should have reduced these to one
        if last and last[0] in SIZES:
            _check_pixels([SIZES[last[0]](stream.read_raw_bytes())])
        end = b""
        for part in _unpacked(stream, budget, is_picture=True, decoders=DECODERS | {"/FlateDecode": whole_flate}):
            window = end + part
            if any(sign in window for sign in METADATA_SIGNS):
                raise CannotClean(RefusalReason.UNCLEAN)
            end = window[-OVERLAP:]


def _size(stream: Stream) -> tuple[int, int]:
    return int(stream.get("/Width", 0)), int(stream.get("/Height", 0))


def _check_pixels(sizes: Iterable[tuple[int, int]]) -> None:
    if any(width * height > MAX_PIXELS for width, height in sizes):
        raise CannotClean(RefusalReason.PIXELS)


def _unpacked(stream: Stream, budget: Budget, *, is_picture: bool, decoders: Mapping[str, Decoder]) -> Iterator[bytes]:
    """Yield what a stream's filters produce, except for a picture's own, in parts. The budget counts the output of
    each."""
    names, settings = get_filters(stream), _settings(stream)
    if len(names) > MAX_FILTERS:
        raise CannotClean(RefusalReason.UNPACKED)
    parts: Iterable[bytes] = in_parts(stream.read_raw_bytes())
    for at, name in enumerate(names, 1):
        if name in PICTURES and at == len(names):
            break
        if name not in decoders:
            raise CannotClean(RefusalReason.BROKEN)
        decode = lzw_late if name == "/LZWDecode" and settings[at - 1].get("/EarlyChange", 1) == 0 else decoders[name]
        last = at == len(names)
        if not last and settings[at - 1].get("/Predictor", 1) != 1:
            raise CannotClean(
                RefusalReason.UNPACKED
            )  # only pictures and tables use one, and no other filter could follow
        parts = budget.spend(decode(parts), drawn=_drawn(stream) if is_picture and last else 0)
    yield from parts


def _settings(stream: Stream) -> list[Any]:
    """Return the parameters of each filter."""
    given: Any = stream.get("/DecodeParms", stream.get("/DP"))
    each = list(given) if isinstance(given, Array) else [given]
    each += [None] * len(get_filters(stream))
    return [found if isinstance(found, Dictionary) else Dictionary() for found in each]


def _drawn(stream: Stream) -> int:
    """Return how many bytes a picture's pixels take at most, including a predictor's byte in each row."""
    if stream.get("/Subtype") != Name.Image:
        return 0
    width, height = _size(stream)
    return max(0, width * height * COLOURS * max(1, int(stream.get("/BitsPerComponent", 8)) // 8) + height)
