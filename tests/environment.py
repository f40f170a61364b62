"""Loaded before Django (pytest.ini): the environment of the tests, whatever the machine's own `.env` says.

TEST_DATABASE_URL and TEST_REDIS_URL choose the half that runs: both empty, the embedded default; both set, PostgreSQL
and Redis. `python -m tests.run` (that is, `make test`) runs one after the other.
"""

import os

os.environ.update(
    ENV_FILE="",
    DEBUG="false",
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL", ""),
    REDIS_URL=os.environ.get("TEST_REDIS_URL", ""),
    SECRET_KEY="test-only-0123456789-abcdefghijklmnopqrstuvwxyz",
    SEARCH_INDEX_KEY="test-only-zyxwvutsrqponmlkjihgfedcba-9876543210",
    FIELD_ENCRYPTION_KEYS="1:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
    ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
