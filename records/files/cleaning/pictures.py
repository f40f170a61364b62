"""Pictures: decoded, turned upright, brought to sRGB, and written anew from their pixels alone.

What is not kept: EXIF, XMP, IPTC, GPS, comments, text chunks, thumbnails, colour profiles (after they have been
applied), depth and gain maps, and whatever stands behind the picture's end. A JPEG is encoded with its own
quantisation tables, so that pixels that were not turned or converted lose next to nothing and the file does not grow.
"""

import io
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageCms, JpegImagePlugin

from records.files.cleaning import jpeg
from records.files.cleaning.content import check_trailer
from records.files.cleaning.refusals import CannotClean, Why

MAX_PIXELS = 50_000_000
QUALITY = 92
FORMATS = {  # a JPEG with a second picture behind it (a phone's depth or gain map) is an MPO to Pillow
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
Image.MAX_IMAGE_PIXELS = None  # our own limit is lower, and no warning


def cleaned_picture(media_type: str, data: bytes) -> bytes:
    """The picture in the same format; a HEIC as JPEG, for encoding HEVC takes 17 seconds for 12 million pixels."""
    if media_type == "image/heic":
        _know_heif()
    picture, settings = _decoded(media_type, data)
    return _written(_in_srgb(picture), settings)


def _decoded(media_type: str, data: bytes) -> tuple[Image.Image, dict[str, Any]]:
    """The picture turned upright, and how to write it again. What it was turned from is not kept in memory."""
    opened = Image.open(io.BytesIO(data), formats=FORMATS[media_type])
    if opened.width * opened.height > MAX_PIXELS:
        raise CannotClean(Why.PIXELS)
    if _moves(opened):
        raise CannotClean(Why.MOVING)
    check_trailer(_behind(media_type, data))
    opened.load()
    return _upright(opened), _settings(media_type, opened, data)


def _know_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False, decode_threads=2)


def _moves(opened: Image.Image) -> bool:
    return opened.format != "MPO" and getattr(opened, "n_frames", 1) > 1


def _behind(media_type: str, data: bytes) -> bytes:
    """What stands behind the picture's end."""
    if media_type == "image/jpeg":
        return data[jpeg.end(data) :]
    if media_type == "image/png":
        return data[_png_end(data) :]
    if media_type == "image/webp":
        return data[8 + int.from_bytes(data[4:8], "little") :]
    return b""  # of a HEIC, which is boxes to its end, nothing is kept but pixels


def _png_end(data: bytes) -> int:
    for name, _, end in png_chunks(data):
        if name == b"IEND":
            return end
    raise CannotClean(Why.BROKEN)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of each chunk, its length and checksum included."""
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
    except Exception:  # EXIF that nobody can read turns nothing
        turned = None
    return picture if turned is None else picture.transpose(turned)


def _in_srgb(picture: Image.Image) -> Image.Image:
    """Its colours as they would look without the profile that says how they are meant."""
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
    except (ImageCms.PyCMSError, OSError, ValueError):  # a profile that is none, or of other colours: as without it
        return picture
    assert shown is not None
    if opaque.mode == "L":
        shown = shown.convert("L")
    if alpha:
        shown.putalpha(alpha)
    return shown


def _written(picture: Image.Image, settings: dict[str, Any]) -> bytes:
    transparent = picture.info.get("transparency")
    picture.info = {}  # what the encoders would write by themselves: comments, profiles
    if settings["format"] == "JPEG" and picture.mode not in ("RGB", "L"):
        picture = _on_white(picture)
    elif settings["format"] == "PNG" and transparent is not None:
        settings = {**settings, "transparency": transparent}
    written = io.BytesIO()
    picture.save(written, **settings)
    return written.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    """For a format without transparency."""
    if "A" not in picture.getbands():
        return picture.convert("RGB")
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return paper
