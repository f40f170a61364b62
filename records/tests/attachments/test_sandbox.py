"""The process in which a file is cleaned: what it may do, and what becomes of one that misbehaves."""

import io
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from core.errors import Unavailable
from records.attachments import sandbox, storage
from records.attachments.cleaning import RefusalReason
from records.attachments.cleaning.__main__ import CPU_SECONDS, MEMORY_BYTES
from records.attachments.sandbox import FileRefused, clean_file
from records.models.attachment import MediaType
from records.tests.attachments import samples
from records.tests.attachments.samples import HIDDEN
from tests.sampling import sample

NAMES = {
    "application/pdf": "a.pdf",
    "image/jpeg": "a.jpg",
    "image/png": "a.png",
    "image/webp": "a.webp",
    "image/heic": "a.heic",
    "text/plain": "a.txt",
}
pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries warn about broken files


def clean_in_child(data, media_type, *, part=1000):
    """Return the bytes cleaned by the child process, or the reason it refused the file."""
    parts = (data[at : at + part] for at in range(0, len(data), part))
    try:
        with clean_file(parts, name=NAMES[media_type], declared_type=media_type) as found:
            return b"".join(found.chunks())
    except FileRefused as refused:
        assert refused.detail in {why.sentence % why.values for why in RefusalReason}
        return refused.reason


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
