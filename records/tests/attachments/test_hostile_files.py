"""Broken and hostile files: each is cleaned or refused with a message, within its limits of memory and time."""

import functools
import io
import json
import os
import subprocess
import sys
import threading
import warnings
import zlib
from contextlib import suppress
from itertools import permutations, product
from pathlib import Path

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pikepdf import Array, Name
from PIL import Image

from core.errors import Unavailable
from records.attachments import sandbox, storage
from records.attachments.cleaning import RefusalReason
from records.attachments.cleaning.__main__ import CPU_SECONDS, MEMORY_BYTES, check_and_clean
from records.attachments.sandbox import FileRefused, clean_file
from records.models.attachment import MediaType
from records.tests.attachments import samples, test_cleaning_pdf, test_pdf_bombs
from records.tests.attachments.conftest import ADDRESS, details, logged_events, stored_names
from records.tests.attachments.samples import HIDDEN
from tests.sampling import examples, sample

NAMES = {
    "application/pdf": "a.pdf",
    "image/jpeg": "a.jpg",
    "image/png": "a.png",
    "image/webp": "a.webp",
    "image/heic": "a.heic",
    "text/plain": "a.txt",
}
REASONS = {reason.code for reason in RefusalReason}
pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries warn about broken files


@functools.cache
def originals():
    return {
        "application/pdf": samples.pdf(*test_cleaning_pdf.TAKEN_OUT.values(), _with_picture),
        "image/jpeg": samples.jpeg_with(*samples.JPEG_SEGMENTS.values()),
        "image/png": samples.png_with(*samples.PNG_CHUNKS.values()),
        "image/webp": samples.webp(exif=samples.exif(), xmp=samples.XMP, icc_profile=samples.profile()),
        "image/heic": samples.heic(exif=samples.exif(), xmp=samples.XMP, icc_profile=samples.profile()),
        "text/plain": "Knee: 110°, ".encode() * 30,
    }


def _with_picture(made):
    samples.image(made, samples.jpeg_with(*samples.JPEG_SEGMENTS.values()), Filter=Name.DCTDecode)


def clean_in_child(data, media_type, *, part=1000):
    """Return the bytes cleaned by the child process, or the reason it refused the file."""
    parts = (data[at : at + part] for at in range(0, len(data), part))
    try:
        with clean_file(parts, name=NAMES[media_type], declared_type=media_type) as found:
            return b"".join(found.chunks())
    except FileRefused as refused:
        assert refused.detail in {why.sentence % why.values for why in RefusalReason}
        return refused.reason


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


# --- The child process ------------------------------------------------------------------------------------------------


@pytest.fixture
def child_that(monkeypatch):
    """`child_that("code")`: the child runs this instead, after its limits are set."""

    def make(code):
        start = f"import sys; sys.path.append({str(sandbox.TOP)!r})\n"
        start += f"from records.attachments.cleaning.__main__ import limit; limit()\n{code}"
        monkeypatch.setattr(sandbox, "command", lambda media_type: [sys.executable, "-I", "-c", start])

    return make


ENDS = {
    "crashes": ("import ctypes; ctypes.string_at(0)", "broken"),
    "aborts": ("import os; os.abort()", "broken"),
    "leaves": ("sys.exit(3)", "broken"),
    "says nothing": ("sys.stdin.buffer.read()", "broken"),
    "does not listen": ("sys.stdin.close(); print('{}', flush=True)", "broken"),
    "says nonsense": ("sys.stdin.buffer.read(); print('nonsense')", "broken"),
    "says an unknown word": ("""sys.stdin.buffer.read(); print('{"refused": "WHATEVER", "error": ""}')""", "broken"),
    "says an unknown type": (
        """sys.stdin.buffer.read(); print('{"media_type": "text/html", "size": 3}\\nabc')""",
        "broken",
    ),
    "says a list": ("sys.stdin.buffer.read(); print('[]')", "broken"),
    "never ends its line": ("sys.stdin.buffer.read(); print('x' * 5_000_000)", "broken"),
    "ends half-way": (
        """sys.stdin.buffer.read(); print('{"media_type": "image/png", "size": 300000}\\nabc')""",
        "bomb",
    ),
    "works for ever": ("while True: pass", "bomb"),
    "sleeps": ("import time; time.sleep(600)", "bomb"),
    "takes more memory than there is": ("x = bytearray(2_000_000_000)", "broken"),
    "has no memory left": (
        "from records.attachments.cleaning import __main__ as child\n"
        "child.clean = lambda *_: bytearray(2_000_000_000)\n"
        "child.main('image/png')",
        "bomb",
    ),
    "writes a file": ("open('/tmp/praxis-child', 'w').write('x' * 10)", "broken"),
}


@pytest.mark.parametrize(("what", "size"), sample(list(product(ENDS, [10, 3_000_000])), 10))
@pytest.mark.slow  # what takes for ever is ended after a second
def test_misbehaving_child_is_refused(what, size, child_that, monkeypatch):
    code, reason = ENDS[what]
    monkeypatch.setattr(sandbox, "CHILD_SECONDS", 1 if reason == "bomb" else 300)
    child_that(code)

    assert clean_in_child(samples.png() + b"\0" * size, "image/png", part=65536) == reason
    assert _children() == []


def _children():
    """Return the running child processes of this one."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found = []
    for task in tasks:
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            found += task.read_text().split()
    return [child for child in found if b"records.attachments" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_child_has_no_environment_or_files(child_that, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    child_that(
        "import os, json\nsys.stdin.buffer.read()\n"
        "known = json.dumps([dict(os.environ), os.getcwd(), sorted(os.listdir('/proc/self/fd')),"
        " [name for name in sys.modules if name.startswith(('django', 'core', 'config'))]]).encode()\n"
        """print(json.dumps({"media_type": "image/png", "size": len(known)}), flush=True)\n"""
        "sys.stdout.buffer.write(known)"
    )
    environment, folder, files, modules = json.loads(clean_in_child(samples.png(), "image/png"))

    assert {*environment} <= {"LC_CTYPE"}  # which Python sets by itself
    assert folder == "/"
    assert files == ["0", "1", "2", "3"]  # and the folder that it lists
    assert modules == []


def test_child_sets_limits_before_reading(monkeypatch):
    code = (
        f"import sys; sys.path.append({str(sandbox.TOP)!r})\n"
        "from records.attachments.cleaning import __main__ as child\n"
        "from resource import *\n"
        "import signal\n"
        "kinds = RLIMIT_AS, RLIMIT_CPU, RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CORE\n"
        "said = lambda: repr([getrlimit(kind) for kind in kinds] + [signal.alarm(0) > 50])\n"
        "child.clean = lambda *_: ('image/png', said().encode())\n"
        "child.main('image/png')"
    )
    monkeypatch.setattr(sandbox, "command", lambda media_type: [sys.executable, "-I", "-c", code])

    expected = [(most, most) for most in (MEMORY_BYTES, CPU_SECONDS, 32, 0, 0)]
    assert clean_in_child(samples.png(), "image/png").decode() == repr([*expected, True])


def test_child_imports_nothing_of_the_application():
    code = (
        f"import sys; sys.path.append({str(sandbox.TOP)!r})\n"
        "from records.attachments.cleaning import clean\n"
        "import records.attachments.cleaning.pdf, records.attachments.cleaning.pictures\n"
        "import records.attachments.cleaning.text\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('django', 'core', 'config', 'structlog')])"
    )
    out = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True, env={}, cwd="/").stdout
    assert out == b"[]\n"


def test_child_ends_when_caller_stops():
    """The child ends with the context, even if its output is not read."""
    noise = samples.png(Image.effect_noise((1500, 1500), 80))
    with clean_file([noise], name="a.png", declared_type="image/png") as found:
        next(found.chunks())
        (child,) = _children()
    assert not Path(f"/proc/{child}").exists()


def test_error_while_sending_is_raised_and_ends_child():
    def parts():
        yield samples.png()
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"), clean_file(parts(), name="a.png", declared_type="image/png"):
        pass
    assert _children() == []


@pytest.mark.parametrize("parts", [[], [b""], [b"", b""]])
def test_empty_file_starts_no_child(parts, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)

    with pytest.raises(FileRefused) as refused, clean_file(parts, name="a.png", declared_type="image/png"):
        pass
    assert refused.value.reason == "empty"


def test_child_that_cannot_start_is_503(monkeypatch):
    def full(*given, **settings):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", full)
    with pytest.raises(Unavailable), clean_file([b"x"], name="a.png", declared_type="image/png"):
        pass
    monkeypatch.undo()
    assert isinstance(clean_in_child(samples.png(), "image/png"), bytes)  # its turn was given back


def test_busy_children_make_next_file_wait_then_503(monkeypatch):
    monkeypatch.setattr(sandbox, "WAIT_SECONDS", 0.05)
    files = [clean_file([samples.png()], name="a.png", declared_type="image/png") for _ in range(sandbox.MAX_CHILDREN)]
    for file in files:
        file.__enter__()
    try:
        with pytest.raises(Unavailable), clean_file([samples.png()], name="a.png", declared_type="image/png"):
            pass
    finally:
        for file in files:
            file.__exit__(None, None, None)
    assert isinstance(clean_in_child(samples.png(), "image/png"), bytes)


MOST = sandbox.MAX_CHILDREN + sandbox.MAX_WAITING


def test_waiting_files_leave_threads_for_others(monkeypatch):
    monkeypatch.setattr(sandbox, "_turns", threading.BoundedSemaphore(1))
    monkeypatch.setattr(sandbox, "_places", threading.BoundedSemaphore(1))
    monkeypatch.setattr(sandbox, "WAIT_SECONDS", 600)
    with sandbox._turns, sandbox._places, pytest.raises(sandbox.Busy) as refused:  # one is looked at, one waits
        clean_file([b"x"], name="a.txt", declared_type="text/plain").__enter__()
    assert refused.value.retry_after == 30
    assert sandbox.MAX_WAITING == 4  # of 8 threads


def test_slow_storage_does_not_block_cleaning(monkeypatch, doctor, send):
    monkeypatch.setattr(sandbox, "_turns", threading.BoundedSemaphore(1))
    free = []
    save = storage.save

    def slow(*given):
        free.append(sandbox._turns.acquire(blocking=False))
        sandbox._turns.release()
        save(*given)

    monkeypatch.setattr(storage, "save", slow)

    assert send(doctor).status_code == 201
    assert free == [True]


def test_concurrent_files_are_cleaned(monkeypatch):
    monkeypatch.setattr(sandbox, "WAIT_SECONDS", 60)
    results = []

    def send(number):
        kept = clean_in_child(samples.png(Image.new("RGB", (50, 50), (number, 0, 0))), "image/png")
        results.append((number, Image.open(io.BytesIO(kept)).getpixel((0, 0))[0]))

    threads = [threading.Thread(target=send, args=[number]) for number in range(MOST)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == [(number, number) for number in range(MOST)]


def test_log_of_refused_file_has_no_content(caplog):
    clean_in_child(b"%PDF-1.7\n" + HIDDEN, "application/pdf")

    assert "file_refused" in caplog.text
    assert HIDDEN.decode() not in caplog.text


def test_name_matches_stored_type():
    with clean_file([samples.heic()], name="../Knee.HEIC", declared_type="image/heic") as found:
        assert (found.name, found.media_type) == ("Knee.jpg", MediaType.JPEG)
        assert len(b"".join(found.chunks())) == found.size


def test_child_limits_leave_memory_for_server():
    assert sandbox.MAX_CHILDREN * MEMORY_BYTES < 3 * 1024**3
    assert CPU_SECONDS < sandbox.CHILD_SECONDS


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
