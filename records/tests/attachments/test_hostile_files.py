"""Broken and hostile files: each is cleaned or refused with a message, within its limits of memory and time."""

import functools
import json
import subprocess
import sys
import warnings
import zlib
from itertools import permutations, product

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pikepdf import Array, Name
from PIL import Image

from records.attachments import sandbox
from records.attachments.cleaning import RefusalReason
from records.attachments.cleaning.__main__ import CPU_SECONDS, check_and_clean
from records.models.attachment import MediaType
from records.tests.attachments import pdfs, samples, test_pdf_bombs
from records.tests.attachments.conftest import ADDRESS, details, logged_events, stored_names
from records.tests.attachments.samples import HIDDEN
from records.tests.attachments.test_sandbox import NAMES, clean_in_child
from tests.sampling import examples, sample

REASONS = {reason.code for reason in RefusalReason}
pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries warn about broken files


@functools.cache
def originals():
    return {
        "application/pdf": samples.pdf(*pdfs.TAKEN_OUT.values(), _with_picture),
        "image/jpeg": samples.jpeg_with(*samples.JPEG_SEGMENTS.values()),
        "image/png": samples.png_with(*samples.PNG_CHUNKS.values()),
        "image/webp": samples.webp(exif=samples.exif(), xmp=samples.XMP, icc_profile=samples.profile()),
        "image/heic": samples.heic(exif=samples.exif(), xmp=samples.XMP, icc_profile=samples.profile()),
        "text/plain": "Knee: 110°, ".encode() * 30,
    }


def _with_picture(made):
    samples.image(made, samples.jpeg_with(*samples.JPEG_SEGMENTS.values()), Filter=Name.DCTDecode)


# --- Corrupted files --------------------------------------------------------------------------------------------------


def clean_or_refuse(data, media_type):
    """Clean or refuse the file in this process. Nothing cleaned may contain the mark."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict, kept = check_and_clean(media_type, data)
    if "refused" in verdict:
        assert RefusalReason[verdict["refused"]]
        assert kept == b""
    else:
        assert verdict["size"] == len(kept) > 0
        if media_type != "text/plain":
            assert HIDDEN not in kept
    return verdict


broken = st.fixed_dictionaries(
    {
        "media_type": st.sampled_from(sorted(NAMES)),
        "cut": st.just(1) | st.just(1) | st.floats(0.02, 1),
        "flips": st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
        "inserted": st.none() | st.none() | st.tuples(st.floats(0, 1), st.binary(max_size=40)),
    }
)


@settings(max_examples=examples(400, 20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(broken)
def test_corrupted_file_is_cleaned_or_refused(broken):
    data = bytearray(originals()[broken["media_type"]])
    for place, value in broken["flips"]:
        data[int(place * len(data))] = value
    if broken["inserted"]:
        place, extra = broken["inserted"]
        data[int(place * len(data)) : int(place * len(data))] = extra
    clean_or_refuse(bytes(data[: int(len(data) * broken["cut"]) + 1]), broken["media_type"])


@settings(max_examples=examples(150, 20), deadline=None)
@given(st.binary(max_size=400), st.sampled_from(sorted(NAMES)), st.booleans())
def test_random_bytes_are_cleaned_or_refused(data, media_type, with_a_beginning):
    beginning = originals()[media_type][:16] if with_a_beginning else b""
    clean_or_refuse(beginning + data, media_type)


@pytest.mark.parametrize("media_type", NAMES)
def test_truncated_file_is_refused(media_type):
    """A picture or a PDF without its end is never taken for complete."""
    data = originals()[media_type]
    for end in sample(range(1, len(data) - 1, max(1, len(data) // 60)), 12):
        verdict = clean_or_refuse(data[:end], media_type)
        if media_type not in ("text/plain", "image/heic"):
            assert "refused" in verdict, end


@pytest.mark.parametrize("media_type", NAMES)
def test_matching_type_is_accepted(media_type):
    assert clean_in_child(originals()[media_type], media_type) not in REASONS


@pytest.mark.parametrize(("media_type", "actual"), sample(list(permutations(NAMES, 2)), 6))
def test_mismatched_type_is_refused(media_type, actual):
    assert clean_in_child(originals()[actual], media_type) in REASONS


@pytest.mark.parametrize(("media_type", "share"), sample(list(product(NAMES, [0.1, 0.5, 0.95])), 4))
def test_truncated_file_is_refused_by_child(media_type, share):
    data = originals()[media_type]
    result = clean_in_child(data[: int(len(data) * share)], media_type)

    assert isinstance(result, bytes) or result in ("broken", "mismatch", "polyglot")


# --- Bombs: small files that need a lot -------------------------------------------------------------------------------


def png_of(width, height, *, depth=8, colour=2):
    """Return a picture of zeros without having its pixels in memory."""
    row = 1 + (width * {0: 1, 2: 3, 6: 4}[colour] * depth + 7) // 8
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"\0" * row) for _ in range(height)) + packer.flush()
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, 0])
    chunk = samples.png_chunk
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def png_saying(width, height):
    plain = samples.png()
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + plain[24:29]
    return plain[:8] + samples.png_chunk(b"IHDR", header) + plain[33:]


def packed_pdf(size):
    def change(made):
        stream = pikepdf.Stream(made, samples.packed_run(b"\0", size))
        stream.Filter = Name.FlateDecode
        made.pages[0].obj.Contents = made.make_indirect(stream)

    return samples.pdf(change)


def nested_pdf():
    """Return a PDF with arrays nested deeper than parsers go."""
    return samples.pdf().replace(b"/MediaBox", b"/X " + b"[" * 100_000 + b"]" * 100_000 + b" /MediaBox")


def looping_pdf():
    """Return a PDF whose pages contain themselves."""

    def change(made):
        made.Root.Pages.Kids = Array([made.Root.Pages, made.Root.Pages])

    try:
        return samples.pdf(change)
    except pikepdf.PdfError:
        return samples.pdf().replace(b"/Kids [ 3 0 R ]", b"/Kids [ 2 0 R ]")


def text_chunk_png():
    return samples.png_with(samples.png_chunk(b"zTXt", b"A\0\0" + samples.packed_run(b"\0", 200_000_000)))


BOMBS = {
    "a PNG of 400 million pixels": lambda: ("image/png", png_of(20_000, 20_000, depth=1, colour=0)),
    "a PNG that says it has 4 billion rows": lambda: (
        "image/png",
        png_saying(96, 2**31 - 1),
    ),
    "a PNG whose text unpacks to 200 MB": lambda: ("image/png", text_chunk_png()),
    "a JPEG that says it has 4 billion pixels": lambda: (
        "image/jpeg",
        samples.jpeg().replace(b"\xff\xc0\0\x11\x08\0\x40\0\x60", b"\xff\xc0\0\x11\x08\xff\xff\xff\xff"),
    ),
    "a PDF that unpacks to 1.2 GB": lambda: ("application/pdf", packed_pdf(1_200_000_000)),
    "a PDF of pages that hold themselves": lambda: ("application/pdf", looping_pdf()),
    "a PDF nested a hundred thousand deep": lambda: ("application/pdf", nested_pdf()),
    "a PDF of LZW": lambda: ("application/pdf", test_pdf_bombs.BOMBS["a billion bytes of LZW"]()),
}


ILL_FORMED = {  # to the library, which stops at them by itself and does not tell them from damaged files
    "a PNG whose text unpacks to 200 MB",
    "a PDF of pages that hold themselves",
    "a PDF nested a hundred thousand deep",
}


@pytest.mark.slow  # bombs go off as far as they may
@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_is_refused_within_limits(bomb):
    media_type, data = BOMBS[bomb]()
    assert len(data) < 10_000_000

    verdict, peak, seconds = _in_a_child(media_type, data)

    assert verdict.get("refused") in (["BROKEN"] if bomb in ILL_FORMED else ["PIXELS", "UNPACKED", "EFFORT"]), verdict
    assert peak < 700_000_000
    assert seconds < CPU_SECONDS


MEASURE = """
import json, subprocess, sys, resource
child = subprocess.run(sys.argv[1:], stdin=sys.stdin, capture_output=True, env={}, cwd="/")
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([child.stdout.split(b"\\n")[0].decode(), used.ru_maxrss * 1024, used.ru_utime + used.ru_stime]))
"""


def _in_a_child(media_type, data):
    """Return the child's verdict, its peak memory in bytes, and its seconds."""
    command = [sys.executable, "-c", MEASURE, *sandbox.command(MediaType(media_type))]
    out = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    said, peak, seconds = json.loads(out)
    return json.loads(said), peak, seconds


@pytest.mark.slow  # fifty million pixels
def test_largest_allowed_picture_fits_in_memory(tmp_path):
    """Fifty million pixels, transparent, rotated and with a colour profile: everything that costs memory at once."""
    image = Image.new("RGBA", (7000, 7100), (10, 20, 30, 40))
    data = samples.png(image, exif=samples.exif(6), icc_profile=samples.profile(), compress_level=1)

    verdict, peak, _ = _in_a_child("image/png", data)

    assert verdict.get("media_type") == "image/png", verdict
    assert peak < 1_000_000_000


# --- Over HTTP --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media_type", NAMES)
def test_upload_of_corrupted_file_is_never_an_error(media_type, doctor, send):
    data = originals()[media_type]
    for share in (0.0, 0.3, 0.9, 1.0):
        answer = send(doctor, data[: int(len(data) * share)], name=NAMES[media_type], declared=media_type)

        assert answer.status_code in (201, 400), answer.content
        if answer.status_code == 400:
            assert answer.json()["detail"] in {why.sentence % why.values for why in RefusalReason}
        else:
            kept = doctor.get(f"{ADDRESS}/{answer.json()['id']}/content").getvalue()
            assert (len(kept), HIDDEN in kept) == (answer.json()["size"], False)


@pytest.mark.parametrize("bomb", ["a PNG of 400 million pixels", "a PDF of LZW", "a PDF of pages that hold themselves"])
def test_upload_of_bomb_is_refused(bomb, doctor, send):
    media_type, data = BOMBS[bomb]()
    answer = send(doctor, data, name=NAMES[media_type], declared=media_type)

    assert answer.status_code == 400
    assert logged_events() == [("file.turned_away", "refused")]
    assert details("file.turned_away")[0]["reason"] in ("bomb", "broken")
    assert stored_names() == []
