"""Loaded before Django (pytest.ini): the environment of the tests, whatever the machine's own `.env` says.

TEST_DATABASE_URL and TEST_REDIS_URL choose the half: both empty, the embedded default; both set, PostgreSQL and Redis.
`python -m tests.run` (that is, `make test`) runs both at once. TEST_REDIS_URL names the first of the Redis
databases that the tests may flush: each worker of pytest-xdist has one, its server (tests/server.py) another.
"""

import atexit
import gc
import os
import shutil
import tempfile
from urllib.parse import urlsplit

import pytest

gc.disable()  # while modules are loaded nothing becomes garbage, and to look for it takes a third of the time

ON_POSTGRESQL = bool(os.environ.get("TEST_DATABASE_URL"))
ON_REDIS = bool(os.environ.get("TEST_REDIS_URL"))


def own_redis(url: str) -> str:
    """The Redis database of this worker: `gw1` has the one after TEST_REDIS_URL's."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    parts = urlsplit(url)
    return parts._replace(path=f"/{int(parts.path.strip('/') or 0) + int(worker)}").geturl() if url else ""


os.environ.update(
    DJANGO_SETTINGS_MODULE="tests.settings",
    ENV_FILE="",
    DEBUG="false",
    HTTPS_ONLY="false",  # tests of it set their own; the others speak plain HTTP
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL", ""),
    REDIS_URL=own_redis(os.environ.get("TEST_REDIS_URL", "")),
    REDIS_TIMEOUT_MS="5000",  # a busy machine is no outage; the tests of an outage set their own
    SECRET_KEY="test-only-0123456789-abcdefghijklmnopqrstuvwxyz",
    SEARCH_INDEX_KEY="test-only-zyxwvutsrqponmlkjihgfedcba-9876543210",
    FIELD_ENCRYPTION_KEYS="1:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
    AUDIT_KEYS="1:dnV0c3JxcG9ubWxramloZ2ZlZGNiYTk4NzY1NDMyMTA=",
    FILES_DIR=tempfile.mkdtemp(prefix="praxis-test-files-"),
    VIRUS_SCAN_URL="eicar-only://",  # the tests of the virus scan start a clamd (tests/clamd.py)
    ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
    WORKFORCE_PASSWORD_MIN_LENGTH="8",  # the contract's samples; tests/guards/test_settings.py has the default
)
atexit.register(shutil.rmtree, os.environ["FILES_DIR"], ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """From here on look for garbage among what the tests make, and more rarely than in a program that must stay
    small."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()
