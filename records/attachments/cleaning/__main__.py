"""The child process: a file is read from stdin; one line of JSON, then the cleaned file, are written to stdout.

    {"media_type": "image/png", "size": 12345}   and that many bytes
    {"refused": "PIXELS", "error": ""}           a name in refusals.RefusalReason, and the exception's type

Nothing is written before the whole file has been read, so that neither side waits for the other.
"""

import json
import resource
import signal
import sys

from records.attachments.cleaning import CannotClean, RefusalReason, clean

MEMORY_BYTES = 1280 * 1024 * 1024  # address space: enough to convert the colours of MAX_PIXELS pixels
CPU_SECONDS = 20
LIFE_SECONDS = 60  # longer than the parent allows: in case the parent is killed
OPEN_FILES = 32  # importing the libraries opens files


def limit() -> None:
    """Limit what this process may use from here on. It cannot raise the limits again, and writes no files or core
    dumps."""
    for resource_type, limit_value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(resource_type, (limit_value, limit_value))
    signal.alarm(LIFE_SECONDS)


def main(media_type: str) -> None:
    limit()
    verdict, kept = check_and_clean(media_type, sys.stdin.buffer.read())
    sys.stdout.buffer.write(json.dumps(verdict).encode() + b"\n" + kept)
    sys.stdout.buffer.flush()


def check_and_clean(media_type: str, data: bytes) -> tuple[dict[str, str | int], bytes]:
    try:
        kept_type, kept = clean(media_type, data)
    except CannotClean as refusal:
        return {"refused": refusal.reason.name, "error": ""}, b""
    except MemoryError:
        return {"refused": RefusalReason.EFFORT.name, "error": ""}, b""
    except Exception as error:  # whatever a library raises for a broken file
        return {"refused": RefusalReason.BROKEN.name, "error": type(error).__name__}, b""
    return {"media_type": kept_type, "size": len(kept)}, kept


if __name__ == "__main__":
    main(sys.argv[-1])
