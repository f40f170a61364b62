"""Real files, built in the test, with MARK wherever personal data may hide."""

import io
import zlib

import pikepdf
import pillow_heif
from pikepdf import Array, Dictionary, Name, String
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

MARK = "Ottilie-Zwiebelturm-7261"
HIDDEN = MARK.encode()
XMP = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>' + HIDDEN + b"</dc:creator></x:xmpmeta>"
CORNERS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}
pillow_heif.register_heif_opener()


# --- Pictures ---------------------------------------------------------------------------------------------------------


def picture(size=(96, 64), mode="RGB"):
    """Return a picture: red top left, green top right, blue bottom left, yellow bottom right."""
    width, height = size
    drawn = Image.new("RGB", size)
    draw = ImageDraw.Draw(drawn)
    for (across, down), colour in zip([(0, 0), (1, 0), (0, 1), (1, 1)], CORNERS.values(), strict=True):
        left, top = across * width // 2, down * height // 2
        draw.rectangle((left, top, left + width // 2, top + height // 2), fill=colour)
    return drawn.convert(mode)


def encoded(image, form, **settings):
    written = io.BytesIO()
    image.save(written, form, **settings)
    return written.getvalue()


def jpeg(image=None, **settings):
    return encoded(image or picture(), "JPEG", **{"quality": 95, "subsampling": 0, **settings})


def png(image=None, **settings):
    return encoded(image or picture(), "PNG", **settings)


def webp(image=None, **settings):
    return encoded(image or picture(), "WEBP", **{"quality": 95, **settings})


def heic(image=None, **settings):
    return encoded(image or picture(), "HEIF", **{"quality": 90, **settings})


def exif(orientation=1):
    """EXIF with a person, a place, a device and a comment."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = tags[0x013B] = tags[0x010E] = MARK  # Make, Artist, ImageDescription
    tags.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + HIDDEN  # UserComment
    gps = tags.get_ifd(0x8825)
    gps[1], gps[2], gps[0x1D], gps[0x1B] = "N", (52.0, 31.0, 12.0), "2026:11:21", b"ASCII\0\0\0" + HIDDEN
    return tags.tobytes()


def profile():
    """A colour profile whose description is the mark."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = made.find("sRGB".encode("utf-16-be"))
    made[at : at + 8] = "7261".encode("utf-16-be")
    return bytes(made)


def packed_run(byte, size):
    """Return `size` times one byte, compressed block by block without having it in memory."""

    def block(length):
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        return packer.compress(byte * length) + packer.flush(zlib.Z_FULL_FLUSH)

    value, most = byte[0], 65_521
    low, high = (1 + size * value) % most, (size + value * size * (size + 1) // 2) % most  # Adler-32: RFC 1950
    blocks = block(1_000_000) * (size // 1_000_000) + block(size % 1_000_000)
    return b"\x78\xda" + blocks + b"\x03\0" + (high << 16 | low).to_bytes(4, "big")


def segment(marker, content):
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def thumbnail():
    """A thumbnail with a comment."""
    small = jpeg(picture((16, 16)))
    return small[:2] + segment(0xFE, HIDDEN) + small[2:]


JPEG_SEGMENTS = {
    "EXIF with GPS": segment(0xE1, b"Exif\0\0" + exif()[6:]),
    "a thumbnail": segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0" + thumbnail()),
    "JFIF's thumbnail": segment(0xE0, b"JFXX\0\x10" + thumbnail()),
    "XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
    "extended XMP": segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + HIDDEN),
    "IPTC": segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x20\x1c\x02\x50\0\x18" + HIDDEN),
    "a comment": segment(0xFE, HIDDEN),
    "FlashPix": segment(0xE2, b"FPXR\0" + HIDDEN),
    "a maker's segment": segment(0xEF, HIDDEN),
}


def jpeg_with(*segments):
    plain = jpeg()
    return plain[:2] + b"".join(segments) + plain[2:]


def png_chunk(name, content):
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


PNG_CHUNKS = {
    "text": png_chunk(b"tEXt", b"Author\0" + HIDDEN),
    "compressed text": png_chunk(b"zTXt", b"Author\0\0" + zlib.compress(HIDDEN)),
    "international text": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
    "the time": png_chunk(b"tIME", b"\x07\xea\x0b\x15\x0a\x1e\x00"),
    "EXIF": png_chunk(b"eXIf", exif()[6:]),
    "a colour profile": png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile())),
    "a maker's chunk": png_chunk(b"prVt", HIDDEN),
}


def png_with(*chunks):
    plain = png()
    return plain[:33] + b"".join(chunks) + plain[33:]  # behind IHDR


def png_text():
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", MARK)
    info.add_text("Comment", MARK, zip=True)
    return png(pnginfo=info, exif=exif())


# --- PDFs -------------------------------------------------------------------------------------------------------------

SENTENCE = "The knee bends to 110 degrees"


def pdf(*changes, **settings):
    """Return a one-page PDF with SENTENCE, after the given changes."""
    made = pikepdf.new()
    made.add_blank_page(page_size=(200, 200))
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    made.pages[0].obj.Resources = Dictionary(Font=Dictionary(F1=made.make_indirect(font)))
    made.pages[0].obj.Contents = made.make_stream(f"BT /F1 9 Tf 9 99 Td ({SENTENCE}) Tj ET".encode())
    for change in changes:
        change(made)
    written = io.BytesIO()
    made.save(written, fix_metadata_version=False, **settings)
    return written.getvalue()


def everything(data):
    """Return everything in a PDF: its bytes, unpacked streams and strings."""
    found = [data]
    with pikepdf.open(io.BytesIO(data)) as opened:
        for part in [*opened.objects, opened.trailer]:
            found.append(part.unparse(resolved=True) if not isinstance(part, pikepdf.Stream) else b"")
            if isinstance(part, pikepdf.Stream):
                found += [part.read_raw_bytes(), *(item.unparse() for item in _parts(part))]
                try:
                    found.append(part.read_bytes())
                except pikepdf.PdfError:
                    pass  # a picture
    return b"\n".join(found)


def _parts(stream):
    return [value for _, value in stream.items() if isinstance(value, pikepdf.Object)]


def script():
    return Dictionary(S=Name.JavaScript, JS=String(f"app.alert('{MARK}')"))


def action(kind, **fields):
    return Dictionary(Type=Name.Action, S=Name("/" + kind), **fields)


def attached(made):
    stream = made.make_stream(HIDDEN)
    stream.Type = Name.EmbeddedFile
    spec = Dictionary(Type=Name.Filespec, F=String(MARK), EF=Dictionary(F=stream))
    return made.make_indirect(spec)


def annotation(made, subtype, **fields):
    found = Dictionary(Type=Name.Annot, Subtype=Name("/" + subtype), Rect=Array([0, 0, 50, 50]), **fields)
    page = made.pages[0].obj
    page.Annots = Array([*page.get("/Annots", []), made.make_indirect(found)])
    return page.Annots[-1]


def metadata(made):
    stream = made.make_stream(XMP)
    stream.Type, stream.Subtype = Name.Metadata, Name.XML
    return stream


def image(made, content, **fields):
    stream = made.make_stream(content)
    stream.Type, stream.Subtype = Name.XObject, Name.Image
    stream.Width, stream.Height, stream.BitsPerComponent, stream.ColorSpace = 96, 64, 8, Name.DeviceRGB
    for key, value in fields.items():
        stream["/" + key] = value
    resources = made.pages[0].obj.Resources
    resources.XObject = Dictionary({**dict(resources.get("/XObject", {})), "/Im1": stream})
    return stream
