"""The pictures in a PDF: what they hide is removed, or the file refused."""

import zlib

import pytest
from pikepdf import Array, Dictionary, Name

from records.attachments.cleaning import RefusalReason
from records.tests.attachments import samples
from records.tests.attachments.pdfs import cleaned, on_page, opened, refusal
from records.tests.attachments.samples import HIDDEN, everything

pytestmark = pytest.mark.filterwarnings("ignore::pikepdf.exceptions.PageCopyWarning")


# --- Embedded pictures ------------------------------------------------------------------------------------------------


NOBODYS = {  # Pillow reads no JPEG with these
    "a reserved segment": samples.segment(0x02, HIDDEN),
    "an extension's segment": samples.segment(0xF3, HIDDEN),
}


@pytest.mark.parametrize("what", samples.JPEG_SEGMENTS | NOBODYS)
@pytest.mark.parametrize("packed", [False, True])
def test_embedded_jpeg_metadata_is_removed(what, packed):
    content = samples.jpeg_with((samples.JPEG_SEGMENTS | NOBODYS)[what])
    filters = Array([Name.FlateDecode, Name.DCTDecode]) if packed else Name.DCTDecode
    data = samples.pdf(lambda made: samples.image(made, zlib.compress(content) if packed else content, Filter=filters))

    kept = cleaned(data)

    with opened(kept) as found:
        inside = found.pages[0].obj.Resources.XObject.Im1.read_raw_bytes()
        assert found.pages[0].obj.Resources.XObject.Im1.Filter == Name.DCTDecode
    assert HIDDEN not in everything(kept) + inside
    assert inside == samples.jpeg()  # not encoded anew: the very same picture


def test_embedded_jpeg_trailer_is_removed():
    content = samples.jpeg() + HIDDEN

    kept = cleaned(samples.pdf(lambda made: samples.image(made, content, Filter=Name.DCTDecode)))

    assert HIDDEN not in everything(kept)


def test_embedded_jpeg_colours_stay():
    content = samples.jpeg(samples.picture(mode="CMYK"))  # with Adobe's segment
    assert b"Adobe" in content

    def change(made):
        samples.image(
            made, content, Filter=Name.DCTDecode, ColorSpace=Name.DeviceCMYK, DecodeParms=Dictionary(ColorTransform=0)
        )

    with opened(cleaned(samples.pdf(change))) as found:
        inside = found.pages[0].obj.Resources.XObject.Im1
        assert (inside.read_raw_bytes(), inside.get("/DecodeParms")) == (content, Dictionary(ColorTransform=0))


def _jpeg2000(*boxes):
    size = b"\xff\x51\0\x2f\0\0" + (96).to_bytes(4, "big") + (64).to_bytes(4, "big") + b"\0" * 35
    codestream = b"\xff\x4f" + size + b"\xff\x64\0\x1c\0\1" + HIDDEN
    codestream += b"\xff\x90\0\x0a" + b"\0" * 8 + b"\xff\x93tile\xff\xd9"
    whole = b"".join((len(body) + 8).to_bytes(4, "big") + name + body for name, body in (*boxes, (b"jp2c", codestream)))
    return codestream, whole


@pytest.mark.parametrize("box", [b"xml ", b"uuid", b"uinf", b"jp2i", b"free"])
def test_embedded_jpeg_2000_box_is_removed(box):
    _, content = _jpeg2000((b"jP  ", b"\r\n\x87\n"), (b"ftyp", b"jp2 \0\0\0\0jp2 "), (box, HIDDEN))

    kept = cleaned(samples.pdf(lambda made: samples.image(made, content, Filter=Name.JPXDecode)))

    assert HIDDEN not in everything(kept)
    with opened(kept) as found:
        inside = found.pages[0].obj.Resources.XObject.Im1.read_raw_bytes()
    assert (inside[4:8], inside[-6:], box in inside) == (b"jP  ", b"tile\xff\xd9", False)


def test_raw_jpeg_2000_comment_is_removed():
    content, _ = _jpeg2000()

    kept = cleaned(samples.pdf(lambda made: samples.image(made, content, Filter=Name.JPXDecode)))

    assert HIDDEN not in everything(kept)


def test_jpeg_2000_hidden_data_is_removed():
    def box(name, body):
        return (len(body) + 8).to_bytes(4, "big") + name + body

    looks = box(b"ihdr", b"\0" * 14) + box(b"res ", box(b"resd", b"\0" * 10))
    hidden = looks + box(b"uuid", b"JpgTiffExif->JP2" + HIDDEN)
    codestream, content = _jpeg2000((b"jP  ", b"\r\n\x87\n"), (b"jp2h", hidden))
    both = (content, codestream + HIDDEN)

    for content in both:
        kept = cleaned(samples.pdf(lambda made, content=content: samples.image(made, content, Filter=Name.JPXDecode)))
        with opened(kept) as found:
            inside = found.pages[0].obj.Resources.XObject.Im1.read_raw_bytes()
        assert HIDDEN not in everything(kept)
        assert inside.endswith(b"tile\xff\xd9")
        assert content is not both[0] or box(b"jp2h", looks) in inside


def test_jpeg_2000_comment_in_tile_is_refused():
    codestream, _ = _jpeg2000()
    content = codestream.replace(b"\xff\x93", samples.segment(0x64, HIDDEN) + b"\xff\x93")

    assert (
        refusal(samples.pdf(lambda made: samples.image(made, content, Filter=Name.JPXDecode))) is RefusalReason.UNCLEAN
    )


def _jbig2(kind, body, *, number=1, referred=b"\0", length=None):
    size = len(body) if length is None else length
    return number.to_bytes(4, "big") + bytes([kind]) + referred + b"\1" + size.to_bytes(4, "big") + body


PAGE_INFORMATION, GENERIC = _jbig2(48, b"\0" * 19), _jbig2(38, b"\0" * 20)
COMMENT = _jbig2(62, b"\x20\0\0\0" + HIDDEN)
SYMBOLS = [
    _jbig2(0, b"symbols"),
    _jbig2(6, b"text", number=300, referred=b"\x40\0\1\0\2"),
    _jbig2(6, b"text", number=9, referred=b"\xe0\0\0\5" + b"\0" + bytes([1, 2, 3, 4, 5])),
]


def test_jbig2_comments_are_removed():
    def change(made):
        shared = made.make_stream(COMMENT + b"".join(SYMBOLS))
        content = PAGE_INFORMATION + COMMENT + b"".join(SYMBOLS) + GENERIC + COMMENT
        samples.image(made, content, Filter=Name.JBIG2Decode, DecodeParms=Dictionary(JBIG2Globals=shared))

    kept = cleaned(samples.pdf(change))

    assert HIDDEN not in everything(kept)
    with opened(kept) as found:
        inside = found.pages[0].obj.Resources.XObject.Im1
        assert inside.read_raw_bytes() == PAGE_INFORMATION + b"".join(SYMBOLS) + GENERIC
        assert inside.DecodeParms.JBIG2Globals.read_bytes() == b"".join(SYMBOLS)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\0", RefusalReason.BROKEN),
        (GENERIC[:-1], RefusalReason.BROKEN),
        (_jbig2(38, HIDDEN, length=0xFFFFFFFF), RefusalReason.UNCLEAN),
    ],
)
def test_unreadable_jbig2_is_refused(content, why):
    assert refusal(samples.pdf(lambda made: samples.image(made, content, Filter=Name.JBIG2Decode))) is why


@pytest.mark.parametrize("name", [Name.DCTDecode, Name.JPXDecode])
@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"\xff\xd8\xff\xe1\0", b"\xff\x4f\xff\x64\0\0", b"\0\0\0\7xml "]
)
def test_unreadable_embedded_picture_is_refused(name, content):
    assert refusal(samples.pdf(lambda made: samples.image(made, content, Filter=name))) is RefusalReason.BROKEN


def test_inline_picture_metadata_is_refused():
    picture = samples.jpeg_with(samples.JPEG_SEGMENTS["EXIF with GPS"])
    drawing = b"q BI /W 96 /H 64 /CS /RGB /BPC 8 /F /DCT ID " + picture + b" EI Q"

    assert refusal(samples.pdf(on_page(Contents=lambda made: made.make_stream(drawing)))) is RefusalReason.UNCLEAN
