"""The settings as a fresh process has them: the tests' own are bent (a cheap password hash, raised limits)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SHOW = """
import json, django
django.setup()
from django.conf import settings
from django.contrib.auth.hashers import make_password
print(json.dumps({
    "DEBUG": settings.DEBUG,
    "PRACTICE_SIGNUP": settings.PRACTICE_SIGNUP,
    "hash": make_password("Passw0rd!"),
    "limits": [settings.RATE_LIMIT_PER_MINUTE, settings.ANON_RATE_LIMIT_PER_MINUTE],
    "attempts": [settings.LOGIN_ATTEMPTS, settings.LOGIN_ATTEMPTS_WINDOW],
    "lives": [settings.ACCESS_TOKEN_EXPIRE_MINUTES, settings.REFRESH_TOKEN_EXPIRE_DAYS],
    "minimum": settings.AUTH_PASSWORD_VALIDATORS[0]["OPTIONS"]["min_length"],
    "origins": settings.CORS_ALLOWED_ORIGINS,
    "body": settings.MAX_BODY_BYTES,
}))
"""
SECRETS = ["SECRET_KEY", "SEARCH_INDEX_KEY", "FIELD_ENCRYPTION_KEYS", "AUDIT_KEYS"]


def fresh(code, **changes):
    names = ["PATH", "HOME", *SECRETS]
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= {"ENV_FILE": "", "DJANGO_SETTINGS_MODULE": "config.settings", **changes}
    environment = {name: value for name, value in environment.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


def test_the_defaults_are_those_of_the_contract():
    shown = json.loads(fresh(SHOW).stdout)

    assert shown["hash"].split("$")[:4] == ["bcrypt_sha256", "", "2b", "12"]
    assert shown == {
        "DEBUG": False,
        "PRACTICE_SIGNUP": False,
        "hash": shown["hash"],
        "limits": [100, 60],
        "attempts": [5, 900],
        "lives": [15, 7],
        "minimum": 6,
        "origins": ["http://localhost:5173", "http://localhost:3000"],
        "body": 1_000_000,
    }


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", [None, "", "change-me", "a" * 64])
def test_a_missing_or_weak_secret_stops_the_start_and_says_how_to_make_one(name, value):
    done = fresh("import django; django.setup()", **{name: value})

    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert name in last
    assert "python -c" in last
