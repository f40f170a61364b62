"""Pictures: decoded, rotated upright, converted to sRGB, and rewritten from their pixels alone.

Not kept: EXIF, XMP, IPTC, GPS, comments, text chunks, thumbnails, colour profiles (after applying them), depth and gain
maps, and anything after the picture's end. A JPEG is encoded with its own quantisation tables, so that pixels that were
not rotated or converted lose next to nothing and the file does not grow.
"""

import hashlib
import io
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageCms, JpegImagePlugin

from records.attachments.cleaning import jpeg
from records.attachments.cleaning.content import check_trailer
from records.attachments.cleaning.refusals import MAX_PIXELS, CannotClean, RefusalReason

QUALITY = 92
FORMATS = {  # Pillow calls a JPEG with a second picture (a phone's depth or gain map) MPO
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/webp": ("WEBP",),
    "image/heic": ("HEIF",),
}
ORIENTATION = 0x0112  # EXIF 2.32, 4.6.4
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
FILLERS = b"", hashlib.shake_128().digest(4096).replace(b"\xff", b"")  # without markers
Image.MAX_IMAGE_PIXELS = None  # our own limit is lower, and rejects instead of warning


def clean_picture(media_type: str, data: bytes) -> bytes:
    """Return the picture in the same format; a HEIC as JPEG, as encoding HEVC takes 17 seconds for 12 million
    pixels."""
    if media_type == "image/heic":
        _know_heif()
    picture, settings = _decoded(media_type, data)
    return _written(_in_srgb(picture), settings)


def _decoded(media_type: str, data: bytes) -> tuple[Image.Image, dict[str, Any]]:
    """Return the picture, upright, and how to write it. The original is not kept in memory."""
    opened = _opened(media_type, data)
    if _moves(opened):
        raise CannotClean(RefusalReason.MOVING)
    check_trailer(_behind(media_type, data))
    if media_type == "image/jpeg" and not jpeg.is_ended(data):
        _check_whole(data)
        opened = _opened(media_type, jpeg.ended(data))
    opened.load()
    return _upright(opened), _settings(media_type, opened, data)


def _opened(media_type: str, data: bytes) -> Image.Image:
    opened = Image.open(io.BytesIO(data), formats=FORMATS[media_type])
    if opened.width * opened.height > MAX_PIXELS:
        raise CannotClean(RefusalReason.PIXELS)
    return opened


def _check_whole(data: bytes) -> None:
    """Raise CannotClean if more than the end mark of this JPEG is missing. The decoder fills up what is missing and
    does not say so; but then other bytes in its place are another picture."""
    if not jpeg.has_all_scans(data) or len({_digest(jpeg.ended(data, filler=filler)) for filler in FILLERS}) > 1:
        raise CannotClean(RefusalReason.BROKEN)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(_opened("image/jpeg", data).tobytes()).digest()


def _know_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False, decode_threads=2)


def _moves(opened: Image.Image) -> bool:
    return opened.format != "MPO" and getattr(opened, "n_frames", 1) > 1


def _behind(media_type: str, data: bytes) -> bytes:
    """Return what follows the picture's end."""
    if media_type == "image/jpeg":
        return jpeg.behind(data)
    if media_type == "image/png":
        return data[_png_end(data) :]
    if media_type == "image/webp":
        return data[8 + int.from_bytes(data[4:8], "little") :]
    return b""  # a HEIC is boxes to its end, and only its pixels are kept


def _png_end(data: bytes) -> int:
    """Return where the picture ends: after IEND, or after another chunk where only that one is missing."""
    end = 0
    for name, _, end in png_chunks(data):
        if name == b"IEND":
            return end
    if end != len(data):
        raise CannotClean(RefusalReason.BROKEN)
    return end


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of each chunk, including its length and checksum."""
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], at, end
        at = end


def _settings(media_type: str, opened: Image.Image, data: bytes) -> dict[str, Any]:
    if media_type == "image/png":
        return {"format": "PNG"}
    if media_type == "image/webp":
        return {"format": "WEBP", "quality": QUALITY, "lossless": b"VP8L" in webp_chunks(data)}
    return {"format": "JPEG", **_jpeg_settings(opened)}


def webp_chunks(data: bytes) -> list[bytes]:
    names, at = [], 12
    while at + 8 <= len(data):
        names.append(data[at : at + 4])
        at += 8 + (int.from_bytes(data[at + 4 : at + 8], "little") + 1) // 2 * 2
    return names


def _jpeg_settings(opened: Image.Image) -> dict[str, Any]:
    if isinstance(opened, JpegImagePlugin.JpegImageFile) and opened.mode in ("RGB", "L"):
        tables = opened.quantization
        sampling = JpegImagePlugin.get_sampling(opened)
        if len(tables) in (1, 2) and all(0 < step < 256 for table in tables.values() for step in table):
            return {"qtables": [list(table) for table in tables.values()], "subsampling": sampling}
    return {"quality": QUALITY}


def _upright(picture: Image.Image) -> Image.Image:
    try:
        turned = UPRIGHT.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # unreadable EXIF is ignored
        turned = None
    return picture if turned is None else picture.transpose(turned)


def _in_srgb(picture: Image.Image) -> Image.Image:
    """Return the picture with its colour profile applied."""
    profile = picture.info.get("icc_profile")
    if picture.mode in ("P", "PA") and profile:
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    if profile and picture.mode in ("RGB", "RGBA", "L", "LA", "CMYK"):
        picture = _converted(picture, profile)
    return picture.convert("RGB") if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV") else picture


def _converted(picture: Image.Image, profile: bytes) -> Image.Image:
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None
    opaque = picture.convert(picture.mode[:-1]) if alpha else picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        shown = ImageCms.profileToProfile(opaque, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # an invalid or mismatched profile is ignored
        return picture
    assert shown is not None
    if opaque.mode == "L":
        shown = shown.convert("L")
    if alpha:
        shown.putalpha(alpha)
    return shown


def _written(picture: Image.Image, settings: dict[str, Any]) -> bytes:
    transparent = picture.info.get("transparency")
    picture.info = {}  # encoders would write comments and profiles from it
    if settings["format"] == "JPEG" and picture.mode not in ("RGB", "L"):
        picture = _on_white(picture)
    elif settings["format"] == "PNG" and transparent is not None:
        settings = {**settings, "transparency": transparent}
    written = io.BytesIO()
    picture.save(written, **settings)
    return written.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    """Return the picture on white, for a format without transparency."""
    if "A" not in picture.getbands():
        return picture.convert("RGB")
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return paper
