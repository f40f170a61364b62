"""Cleaning pictures: only their pixels are left, upright and in sRGB. Each test starts with a file that has a mark."""

import io

import pytest
from PIL import Image, ImageCms

from records.attachments import cleaning
from records.attachments.cleaning import CannotClean, RefusalReason, pictures
from records.attachments.cleaning import jpeg as jpeg_segments
from records.tests.attachments import samples
from records.tests.attachments.samples import CORNERS, HIDDEN

KINDS = {"image/jpeg": samples.jpeg, "image/png": samples.png, "image/webp": samples.webp, "image/heic": samples.heic}


def cleaned(media_type, data):
    return cleaning.clean(media_type, data)[1]


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def refusal(media_type, data):
    with pytest.raises(CannotClean) as refused:
        cleaning.clean(media_type, data)
    return refused.value.reason


def corners(data):
    """Return the names of the corner colours, row by row."""
    image = opened(data).convert("RGB")
    places = [(x, y) for y in (0.25, 0.75) for x in (0.25, 0.75)]
    return [_nearest(image.getpixel((int(x * image.width), int(y * image.height)))) for x, y in places]


def _nearest(pixel):
    name, colour = min(CORNERS.items(), key=lambda item: _distance(item[1], pixel))
    assert _distance(colour, pixel) < 60, (name, pixel)
    return name


def _distance(one, other):
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


# --- Removed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", samples.JPEG_SEGMENTS)
def test_jpeg_segment_is_removed(what):
    data = samples.jpeg_with(samples.JPEG_SEGMENTS[what])
    assert HIDDEN in data

    kept = cleaned("image/jpeg", data)

    assert HIDDEN not in kept
    assert corners(kept) == list(CORNERS)


def test_jpeg_has_only_essential_segments():
    data = samples.jpeg_with(*samples.JPEG_SEGMENTS.values())
    allowed = {0xD8, 0xE0, 0xDB, 0xC0, 0xC4, 0xDA, 0xD9}

    kept = cleaned("image/jpeg", data)

    assert {marker for marker, _, _ in jpeg_segments.segments(kept)} == allowed
    assert not opened(kept).getexif()
    assert opened(kept).info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("what", samples.PNG_CHUNKS)
def test_png_chunk_is_removed(what):
    kept = cleaned("image/png", samples.png_with(samples.PNG_CHUNKS[what]))

    assert {name for name, _, _ in pictures.png_chunks(kept)} == {b"IHDR", b"IDAT", b"IEND"}
    assert corners(kept) == list(CORNERS)


def test_png_pillow_metadata_is_removed():
    data = samples.png_text()
    assert HIDDEN in data

    kept = cleaned("image/png", data)

    assert HIDDEN not in kept
    assert (opened(kept).text, dict(opened(kept).getexif())) == ({}, {})


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_metadata_is_removed(lossless):
    data = samples.webp(exif=samples.exif(), xmp=samples.XMP, icc_profile=samples.profile(), lossless=lossless)
    assert HIDDEN in data

    kept = cleaned("image/webp", data)

    assert HIDDEN not in kept
    assert pictures.webp_chunks(kept) == [b"VP8L" if lossless else b"VP8 "]
    assert corners(kept) == list(CORNERS)


def test_heic_becomes_jpeg():
    data = samples.heic(exif=samples.exif(), xmp=samples.XMP, icc_profile=samples.profile())
    assert HIDDEN in data

    media_type, kept = cleaning.clean("image/heic", data)

    assert (media_type, opened(kept).format) == ("image/jpeg", "JPEG")
    assert HIDDEN not in kept
    assert corners(kept) == list(CORNERS)


@pytest.mark.parametrize("media_type", KINDS)
def test_colour_profile_is_removed(media_type):
    data = KINDS[media_type](icc_profile=samples.profile())
    assert "icc_profile" in opened(data).info

    kept = cleaned(media_type, data)

    assert "icc_profile" not in opened(kept).info
    assert "7261".encode("utf-16-be") not in kept


@pytest.mark.parametrize(
    "behind",
    [samples.jpeg_with(samples.JPEG_SEGMENTS["a comment"]), b"\0\0\0\x18ftypmp42" + HIDDEN, b"SEFH" + HIDDEN],
    ids=["a second picture", "a phone's film", "a maker's block"],
)
def test_jpeg_trailer_is_dropped(behind):
    kept = cleaned("image/jpeg", samples.jpeg() + behind)

    assert HIDDEN not in kept
    assert corners(kept) == list(CORNERS)


def test_jpeg_with_depth_map_keeps_picture():
    second = samples.picture((8, 8))
    data = samples.encoded(samples.picture(), "MPO", save_all=True, append_images=[second], quality=95)
    assert opened(data).n_frames == 2

    kept = cleaned("image/jpeg", data)

    assert (opened(kept).format, corners(kept)) == ("JPEG", list(CORNERS))
    assert jpeg_segments.behind(kept) == b""


# --- Kept -------------------------------------------------------------------------------------------------------------

TURNED = {  # how a picture that is upright lies in a file that says so
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
@pytest.mark.parametrize("orientation", TURNED)
def test_orientation_is_applied(media_type, orientation):
    lying = samples.picture()
    if TURNED[orientation] is not None:
        lying = lying.transpose(TURNED[orientation])

    kept = cleaned(media_type, KINDS[media_type](lying, exif=samples.exif(orientation)))

    assert opened(kept).size == (96, 64)
    assert corners(kept) == list(CORNERS)


def test_heic_orientation_is_applied():
    lying = samples.picture().transpose(TURNED[6])

    kept = cleaned("image/heic", samples.heic(lying, exif=samples.exif(6)))

    assert (opened(kept).size, corners(kept)) == ((96, 64), list(CORNERS))


def test_xmp_orientation_is_applied():
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    segment = samples.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    lying = samples.jpeg(samples.picture().transpose(TURNED[6]))

    kept = cleaned("image/jpeg", lying[:2] + segment + lying[2:])

    assert (opened(kept).size, corners(kept)) == ((96, 64), list(CORNERS))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_invalid_orientation_is_ignored(orientation):
    kept = cleaned("image/jpeg", samples.jpeg(exif=samples.exif(orientation)))

    assert corners(kept) == list(CORNERS)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_unreadable_exif_is_ignored():
    segment = samples.segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff" + HIDDEN)

    kept = cleaned("image/jpeg", samples.jpeg_with(segment))

    assert corners(kept) == list(CORNERS)


def test_jpeg_quality_and_size_are_kept():
    noisy = Image.effect_noise((256, 256), 60).convert("RGB")
    data = samples.jpeg(noisy, quality=70, subsampling=2)

    kept = cleaned("image/jpeg", data)

    before, after = opened(data), opened(kept)
    assert _difference(before, after) < 1.0
    assert after.quantization == before.quantization
    assert len(kept) < len(data) * 1.1


@pytest.mark.parametrize("media_type", ["image/png", "image/webp"])
def test_lossless_pictures_keep_every_pixel(media_type):
    noisy = Image.effect_noise((64, 64), 60).convert("RGB")
    data = KINDS[media_type](noisy, **({"lossless": True} if media_type == "image/webp" else {}))

    assert opened(cleaned(media_type, data)).tobytes() == noisy.tobytes()


def _difference(one, other):
    pairs = zip(one.convert("RGB").tobytes(), other.convert("RGB").tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (one.width * one.height * 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png_mode_is_kept(mode):
    image = samples.picture(mode=mode) if mode != "I;16" else Image.new("I;16", (96, 64), 40_000)

    kept = opened(cleaned("image/png", samples.png(image)))

    assert (kept.mode, kept.tobytes()) == (mode, image.tobytes())


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("with_profile", [True, False])
def test_transparency_is_kept(mode, with_profile):
    image = samples.picture(mode=mode)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    extra = {"icc_profile": samples.profile()} if with_profile and mode == "RGBA" else {}

    kept = opened(cleaned("image/png", samples.png(image, **extra)))

    assert kept.getchannel("A").tobytes() == image.getchannel("A").tobytes()


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_transparent_colour_is_kept(mode):
    image = Image.new(mode, (8, 8), 0)

    kept = opened(cleaned("image/png", samples.png(image, transparency=0 if mode != "RGB" else (0, 0, 0))))

    assert kept.convert("RGBA").getpixel((3, 3))[3] == 0


def test_transparent_heic_gets_white_background():
    image = samples.picture(mode="RGBA")
    image.putalpha(0)

    kept = opened(cleaned("image/heic", samples.heic(image)))

    assert min(kept.getpixel((10, 10))) > 240


def test_colour_profile_is_applied():
    swapped = _profile_with_red_and_blue_swapped()
    image = Image.new("RGB", (32, 32), (220, 30, 30))

    kept = opened(cleaned("image/png", samples.png(image, icc_profile=swapped)))

    red, _, blue = kept.getpixel((5, 5))
    assert blue > 180 > 90 > red


def _profile_with_red_and_blue_swapped():
    """sRGB in which the first channel is blue light and the third is red."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = made.find(b"rXYZ", 128), made.find(b"bXYZ", 128)
    made[red : red + 4], made[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(made)


@pytest.mark.parametrize("bad", [b"no profile", b"", b"\0" * 500])
def test_invalid_profile_is_ignored(bad):
    kept = cleaned("image/jpeg", samples.jpeg(icc_profile=bad))

    assert corners(kept) == list(CORNERS)


def test_cmyk_jpeg_becomes_rgb():
    kept = cleaned("image/jpeg", samples.jpeg(samples.picture(mode="CMYK")))

    assert (opened(kept).mode, corners(kept)) == ("RGB", list(CORNERS))


@pytest.mark.parametrize("way", [{"progressive": True}, {"optimize": True}, {"subsampling": 2}, {"quality": 5}])
def test_jpeg_variants_are_accepted(way):
    assert corners(cleaned("image/jpeg", samples.jpeg(**way))) == list(CORNERS)


def test_grey_jpeg_stays_grey():
    assert opened(cleaned("image/jpeg", samples.jpeg(samples.picture(mode="L")))).mode == "L"


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
def test_cleaning_twice_removes_nothing_more(media_type):
    once = cleaned(media_type, KINDS[media_type]())

    assert corners(cleaned(media_type, once)) == list(CORNERS)


# --- Refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["PNG", "WEBP", "HEIF"])
def test_animation_is_refused(form):
    frames = [samples.picture(), samples.picture().rotate(180)]
    media_type = {"PNG": "image/png", "WEBP": "image/webp", "HEIF": "image/heic"}[form]
    data = samples.encoded(frames[0], form, save_all=True, append_images=frames[1:])

    assert refusal(media_type, data) is RefusalReason.MOVING


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
@pytest.mark.parametrize(
    "hidden",
    [b"<html><script>alert(1)</script>", b"%PDF-1.7\n", b"MZ\x90\0", b"\x7fELF\x02", b"#!/bin/sh\n", b"<?php x ?>"],
)
def test_picture_with_hidden_file_is_refused(media_type, hidden):
    assert refusal(media_type, KINDS[media_type]() + hidden) is RefusalReason.HIDDEN


def test_pixel_limit_is_checked_before_decoding(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 96 * 64 - 1)

    for media_type, make in KINDS.items():
        assert refusal(media_type, make()) is RefusalReason.PIXELS

    monkeypatch.setattr(pictures, "MAX_PIXELS", 96 * 64)
    for media_type, make in KINDS.items():
        assert corners(cleaned(media_type, make())) == list(CORNERS)


@pytest.mark.parametrize("media_type", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_picture_type_must_match(media_type, other):
    if media_type != other:
        assert refusal(media_type, KINDS[other]()) is RefusalReason.CONTENT


@pytest.mark.parametrize("media_type", KINDS)
def test_other_file_is_no_picture(media_type):
    assert refusal(media_type, b"GIF89a" + samples.jpeg()) is RefusalReason.CONTENT
    assert refusal(media_type, b"<svg xmlns='http://www.w3.org/2000/svg'/>") is RefusalReason.SVG
    assert refusal(media_type, b"<html><body>") is RefusalReason.HTML
    assert refusal(media_type, b" \n\0") is RefusalReason.EMPTY
    assert refusal(media_type, b"plain words") is RefusalReason.CONTENT
