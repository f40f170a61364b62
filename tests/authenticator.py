"""Helpers for the sign-in tests: an authenticator app, and the pages where one is set up."""

import json
import re
from time import time

from django.utils import timezone

from accounts.models import Authenticator
from accounts.second_factor import totp

LOGIN, SECOND, SECURITY = "/", "/second-factor/", "/admin/security/"
TOTP, PASSKEYS = f"{SECURITY}authenticator/", f"{SECURITY}passkeys/"
RIGHT = {"password": "Passw0rd!"}


class App:
    """An authenticator app that shows each code once, so a test never sends one twice."""

    def __init__(self, secret):
        self.secret, self.last = secret, 0

    def code(self):
        self.last = max(self.last + 1, int(time()) // totp.STEP_SECONDS)
        return totp.code_at(self.secret, self.last)

    def wrong_code(self):
        near = int(time()) // totp.STEP_SECONDS
        right = {totp.code_at(self.secret, step) for step in range(near - 5, near + 6)}
        return next(code for code in (f"{number:06}" for number in range(100)) if code not in right)


def app_of(user):
    """Set up an app for the user and return it."""
    secret = totp.new_secret()
    Authenticator.objects.create(user=user, secret=secret, confirmed_at=timezone.now())
    return App(secret)


def sign_in(client, user, **answer):
    client.post(LOGIN, {"username": user.email, **RIGHT})
    return client.post(SECOND, answer)


def page_text(answer):
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    return answer.content.decode()


def set_up_totp(client):
    """Set up an app through the pages; return it and the last page."""
    app = App(page_secret(client.post(TOTP, RIGHT)))
    answer = client.post(f"{TOTP}confirm/", {"code": app.code()})
    return app, answer


def page_secret(answer):
    (shown,) = re.findall(r'<p class="(?:praxis-)?secret" id="secret">([A-Z2-7 ]+)</p>', page_text(answer))
    return shown.replace(" ", "")


def codes_on(answer):
    return re.findall(r"<li>((?:[A-Z2-9]{4}-){3}[A-Z2-9]{4})</li>", page_text(answer))


def add_passkey(client, key, name="My phone"):
    options = client.post(PASSKEYS, {**RIGHT, "name": name}).context["options"]
    return client.post(f"{PASSKEYS}add/", {"name": name, "credential": as_json(key.made(options))})


def as_json(credential):
    return json.dumps(credential)
