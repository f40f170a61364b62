"""A script that fetches does not follow a redirect: after the session ended it leads to the sign-in page, which would
show its message ("Your session timed out") to nobody and set a CSRF cookie."""

import re

from django.conf import settings

# up to the parenthesis that closes the call; those within may hold one more pair each
FETCH = re.compile(r"\bfetch\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")


def followed(script):
    """Return how many calls of fetch in this script follow redirects."""
    calls = FETCH.findall(script)
    assert len(calls) == script.count("fetch("), "a call is not understood"
    return sum("redirect: 'manual'" not in call for call in calls)


def test_no_script_follows_a_redirect():
    scripts = [path for path in settings.BASE_DIR.glob("*/static/praxis/**/*.js") if "fetch(" in path.read_text()]
    assert len(scripts) >= 5
    assert [path.name for path in scripts if followed(path.read_text())] == []


def test_guard_finds_a_call_that_follows():
    manual = "fetch(f(a), { body: new URLSearchParams({ b }), redirect: 'manual' }).catch(() => {})"
    assert followed(manual) == 0
    assert followed(f"{manual}\nfetch(address).then(() => ({{ redirect: 'manual' }}))") == 1
