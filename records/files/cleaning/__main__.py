"""The child process: a file comes in on stdin; one line of JSON, then the cleaned file, go out on stdout.

    {"media_type": "image/png", "size": 12345}   and that many bytes
    {"refused": "PIXELS", "error": ""}           a word of refusals.Why, and which exception it was

Nothing is written before the whole file has been read, so that neither side waits for the other.
"""

import json
import resource
import signal
import sys

from records.files.cleaning import CannotClean, Why, clean

MEMORY_BYTES = 1280 * 1024 * 1024  # address space: a picture of 50 million pixels with its colours converted fits
CPU_SECONDS = 20
LIFE_SECONDS = 60  # longer than its parent lets it live: for the day that the parent is killed
OPEN_FILES = 32  # the libraries open themselves while they are imported


def limit() -> None:
    """What this process may use from here on. There is no way back up, and it writes no file, core dumps included."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    signal.alarm(LIFE_SECONDS)


def main(media_type: str) -> None:
    limit()
    verdict, kept = judged(media_type, sys.stdin.buffer.read())
    sys.stdout.buffer.write(json.dumps(verdict).encode() + b"\n" + kept)
    sys.stdout.buffer.flush()


def judged(media_type: str, data: bytes) -> tuple[dict[str, str | int], bytes]:
    try:
        kept_type, kept = clean(media_type, data)
    except CannotClean as refusal:
        return {"refused": refusal.why.name, "error": ""}, b""
    except MemoryError:
        return {"refused": Why.EFFORT.name, "error": ""}, b""
    except Exception as error:  # whatever a library says of a broken file
        return {"refused": Why.BROKEN.name, "error": type(error).__name__}, b""
    return {"media_type": kept_type, "size": len(kept)}, kept


if __name__ == "__main__":
    main(sys.argv[-1])
