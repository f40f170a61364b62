"""A program that config/gunicorn.py serves in place of Praxis, where only the server is tried: it takes a little while,
and says which process answered."""

import os
import time
from collections.abc import Callable, Iterable

SECONDS = 0.005


def application(environ: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
    environ["wsgi.input"].read()  # type: ignore[attr-defined]
    time.sleep(SECONDS)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
