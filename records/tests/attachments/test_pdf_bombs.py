"""PDFs that unpack to far more than their size suggests, with the real limits; and real documents close to the
limits."""

import base64
import functools
import random
import zlib

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from records.attachments.cleaning import CannotClean, packing, unpacking
from records.attachments.cleaning.pdf import clean_pdf
from records.attachments.sandbox import FileRefused, clean_file
from records.tests.attachments import samples

PDF = "application/pdf"
MB = 1_000_000
AS_IT_IS = {"stream_decode_level": pikepdf.StreamDecodeLevel.none, "compress_streams": False}


@functools.cache
def blanks(size, times=1):
    """Return `size` blanks, deflated `times` times."""
    packed = samples.packed_run(b" ", size)
    for _ in range(times - 1):
        packed = zlib.compress(packed, 9)
    return packed


@functools.cache
def lzw(size):
    """Return LZW data of zeros: each code stands for one zero more than the previous one, until the table is full
    (7.4.4)."""
    cycle = int(LZW_TABLE * 8, 2).to_bytes(len(LZW_TABLE), "big")
    return cycle * (size // (8 * 7_300_000) + 1)


def _width(code):
    return max(9, (code + 1).bit_length())


# Its bits once, up to where the table is begun anew.
LZW_TABLE = f"{0:09b}" + "".join(f"{code:0{_width(code)}b}" for code in range(258, 4094)) + f"{256:012b}"


def packed(content, *filters, **fields):
    """Return a PDF whose page content is `content` under these filters."""

    def change(made):
        stream = pikepdf.Stream(made, content)
        stream.Filter = Array([Name(f"/{name}") for name in filters])
        for key, value in fields.items():
            stream["/" + key] = value
        made.pages[0].obj.Contents = made.make_indirect(stream)

    return samples.pdf(change, **AS_IT_IS)


def many(number, size):
    """Return a PDF with many fonts, none of which is a bomb alone."""

    def change(made):
        content = blanks(size)
        fonts = made.pages[0].obj.Resources.Font
        for at in range(number):
            stream = pikepdf.Stream(made, content)
            stream.Filter = Name.FlateDecode
            fonts[f"/G{at}"] = Dictionary(FontDescriptor=Dictionary(FontFile2=made.make_indirect(stream)))

    return samples.pdf(change, **AS_IT_IS)


def objects(size):
    def change(made):
        made.Root.Dests = Dictionary({"/A": made.make_indirect(Dictionary(X=String("x" * size)))})

    return samples.pdf(change, object_stream_mode=pikepdf.ObjectStreamMode.generate)


PICTURE = {"Subtype": Name.Image, "Width": 7000, "Height": 7000, "BitsPerComponent": 8, "ColorSpace": Name.DeviceRGB}
BOMBS = {
    "200 MB, flated twice": lambda: packed(blanks(200 * MB, 2), "FlateDecode", "FlateDecode"),
    "200 MB, flated three times": lambda: packed(blanks(200 * MB, 3), *["FlateDecode"] * 3),
    "a billion blanks": lambda: packed(blanks(1000 * MB), "FlateDecode"),
    "40 MB": lambda: packed(blanks(40 * MB), "Fl"),
    "what is small in the end, and not in between": lambda: packed(blanks(200 * MB, 2), "Fl", "Fl", "AHx"),
    "a page's drawing that says it is a picture": lambda: packed(blanks(140 * MB), "FlateDecode", **PICTURE),
    "a billion bytes of LZW": lambda: packed(lzw(1000 * MB), "LZWDecode"),
    "LZW in ASCII": lambda: packed(base64.a85encode(lzw(200 * MB)) + b"~>", "A85", "LZW"),
    "run lengths in Flate": lambda: packed(zlib.compress(b"\x81a" * MB, 9), "FlateDecode", "RunLengthDecode"),
    "ASCII zeros in Flate": lambda: packed(zlib.compress(b"z" * 9 * MB, 9), "FlateDecode", "ASCII85Decode"),
    "more filters than any needs": lambda: packed(b"20>", *["ASCIIHexDecode"] * 4),
    "ten fonts that are one together": lambda: many(10, 5 * MB),
    "objects": lambda: objects(200 * MB),
}


def reason(data):
    try:
        with clean_file([data], name="letter.pdf", declared_type=PDF):
            return None
    except FileRefused as refused:
        return refused.reason


@pytest.mark.parametrize("byte", [b" ", b"\0"])
def test_streamed_bomb_unpacks_with_zlib(byte):
    assert zlib.decompress(samples.packed_run(byte, 3 * MB + 7)) == byte * (3 * MB + 7)


@pytest.mark.slow  # bombs go off as far as they may
@pytest.mark.parametrize("bomb", BOMBS)
def test_pdf_bomb_is_refused(bomb):
    data = BOMBS[bomb]()
    assert len(data) < 1.1 * MB

    assert reason(data) == "bomb"


@pytest.mark.slow
@pytest.mark.parametrize("bomb", [bomb for bomb in BOMBS if bomb != "objects"])  # which qpdf unpacks, within its limit
def test_pdf_bomb_unpacking_stops_at_limit(bomb, monkeypatch):
    unpacked = []

    def counted(real):
        def undone(parts):
            for part in real(parts):
                unpacked.append(len(part))
                yield part

        return undone

    for name, real in packing.DECODERS.items():
        monkeypatch.setitem(packing.DECODERS, name, counted(real))
    with pytest.raises(CannotClean):
        clean_pdf(BOMBS[bomb]())

    assert sum(unpacked) < unpacking.MAX_BYTES + 20 * MB


def long_text(made):
    """500 pages of words, in letters that compress well."""
    words = random.Random(1).choices(["knee", "hip", "110", "degrees", "pain", "exercise", "left", "right"], k=900)
    line = b"BT /F1 9 Tf 9 99 Td (" + " ".join(words).encode() + b") Tj ET\n"
    made.pages[0].obj.Contents = made.make_stream(line * 20)
    for _ in range(499):
        made.add_blank_page()
        made.pages[-1].obj.Contents = made.make_stream(line * 20)


def white_scans(number, *, bits=8, colours=3):
    """A4 at 300 dots per inch, stored losslessly."""

    def change(made):
        content = blanks(2480 * 3508 * colours * bits // 8)
        for at in range(number):
            image = pikepdf.Stream(made, content)
            image.Subtype, image.Filter, image.Width, image.Height = Name.Image, Name.FlateDecode, 2480, 3508
            image.BitsPerComponent = bits
            image.ColorSpace = {1: Name.DeviceGray, 3: Name.DeviceRGB}[colours]
            page = made.pages[0].obj if not at else made.add_blank_page().obj
            page.Resources = Dictionary(XObject=Dictionary(Im=made.make_indirect(image)))

    return change


REAL = {
    "500 pages of text": lambda: samples.pdf(long_text),
    "a white scan in colour": lambda: samples.pdf(white_scans(1), **AS_IT_IS),
    "thirty white scans in colour": lambda: samples.pdf(white_scans(30), **AS_IT_IS),
    "a hundred white scans in black and white": lambda: samples.pdf(white_scans(100, bits=1, colours=1), **AS_IT_IS),
    "a drawing of 25 MB": lambda: packed(blanks(25 * MB), "FlateDecode"),
    "text in ASCII in Flate": lambda: packed(
        zlib.compress(base64.a85encode(b"BT (knee) Tj ET") + b"~>"), "FlateDecode", "ASCII85Decode"
    ),
}


@pytest.mark.slow  # documents near the limit
@pytest.mark.parametrize(
    "what",
    [pytest.param(what, marks=pytest.mark.exhaustive if what.startswith("thirty") else ()) for what in REAL],
)
def test_real_document_is_accepted(what):
    assert reason(REAL[what]()) is None


def test_unknown_filter_is_refused():
    assert reason(packed(b"no such thing", "FlateDecode")) == "broken"


# --- Each filter, against those who packed it -------------------------------------------------------------------------

CONTENTS = [b"", b"a", b"\0\0\0\0", b"\0" * 7, bytes(range(256)) * 3, random.Random(2).randbytes(999)]
PACKED = {
    "/FlateDecode": zlib.compress,
    "/ASCIIHexDecode": lambda content: content.hex(" ").encode() + b">",
    "/ASCII85Decode": lambda content: base64.a85encode(content, wrapcol=60) + b"~>",
    "/RunLengthDecode": lambda content: b"".join(b"\xffa\0" + bytes([value]) for value in content) + b"\x80zz",
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_decoder_handles_parts_of_any_size(name, size):
    for content in CONTENTS:
        whole = PACKED[name](content)
        parts = [whole[at : at + size] for at in range(0, len(whole), size)]
        expected = b"".join(b"aa" + bytes([value]) for value in content) if name == "/RunLengthDecode" else content

        assert b"".join(packing.DECODERS[name](parts)) == expected


@pytest.mark.parametrize("size", [1, 1000])
def test_lzw_matches_qpdf(size):
    """Fill the table, and start a new one."""
    bits = f"{LZW_TABLE}{0:09b}{258:09b}{257:09b}"
    content = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    with pikepdf.new() as made:
        stream = pikepdf.Stream(made, content)
        stream.Filter = Name.LZWDecode
        expected = stream.read_bytes()

    undone = b"".join(packing.lzw(content[at : at + size] for at in range(0, len(content), size)))

    assert len(expected) > 7 * MB
    assert undone == expected
