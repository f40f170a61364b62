"""The settings of a fresh process; the tests' own differ (a cheap password hash, raised limits)."""

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
    "limits": [settings.RATE_LIMIT_PER_MINUTE, settings.ANON_RATE_LIMIT_PER_MINUTE, settings.POLLS_PER_MINUTE],
    "attempts": [settings.LOGIN_ATTEMPTS, settings.LOGIN_ATTEMPTS_WINDOW],
    "lives": [settings.ACCESS_TOKEN_EXPIRE_MINUTES, settings.REFRESH_TOKEN_EXPIRE_DAYS],
    "minimum": settings.AUTH_PASSWORD_VALIDATORS[0]["OPTIONS"]["min_length"],
    "workforce": settings.WORKFORCE_PASSWORD_VALIDATORS[0]["OPTIONS"]["min_length"],
    "origins": settings.CORS_ALLOWED_ORIGINS,
    "body": settings.MAX_BODY_BYTES,
}))
"""
# What the settings say to each of CASES, a variable and its value, when they are read in one process.
REFUSALS = """
import importlib, json, os
import config.settings
said = []
for name, value in CASES:
    right = os.environ.pop(name)
    if value is not None:
        os.environ[name] = value
    try:
        importlib.reload(config.settings)
        said.append("nothing")
    except Exception as refusal:
        said.append(str(refusal))
    os.environ[name] = right
print(json.dumps(said))
"""
SECRETS = ["SECRET_KEY", "SEARCH_INDEX_KEY", "FIELD_ENCRYPTION_KEYS", "AUDIT_KEYS"]


def fresh(code, **changes):
    names = ["PATH", "HOME", *SECRETS]
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= {"ENV_FILE": "", "DJANGO_SETTINGS_MODULE": "config.settings", **changes}
    environment = {name: value for name, value in environment.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow  # hashes at the real cost
def test_defaults_are_those_of_the_contract():
    shown = json.loads(fresh(SHOW).stdout)

    assert shown["hash"].split("$")[:4] == ["bcrypt_sha256", "", "2b", "12"]
    assert shown == {
        "DEBUG": False,
        "PRACTICE_SIGNUP": False,
        "hash": shown["hash"],
        "limits": [100, 60, 240],
        "attempts": [5, 900],
        "lives": [15, 7],
        "minimum": 6,
        "workforce": 12,
        "origins": ["http://localhost:5173", "http://localhost:3000"],
        "body": 1_000_000,
    }


def test_missing_secret_prevents_start():
    done = fresh("import django; django.setup()", SECRET_KEY=None)

    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr.strip().splitlines()[-1]


def test_weak_secret_is_refused_with_a_way_to_make_one(subtests):
    cases = [(name, value) for name in SECRETS for value in ("", "change-me", "a" * 64, None)]
    done = fresh(f"CASES = {cases}\n{REFUSALS}")
    assert done.returncode == 0, done.stderr

    for (name, value), said in zip(cases, json.loads(done.stdout), strict=True):
        with subtests.test(name=name, value=value):
            assert name in said
            assert "python -c" in said
