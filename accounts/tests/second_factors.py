"""What the tests of two-factor sign-in share."""

from django.utils import timezone

from accounts.second_factor import totp
from audit.tests.whole_trail import whole_trail

MFA = "/api/users/me/mfa"


def code(secret, *, later=0):
    return totp.code_at(secret, int(timezone.now().timestamp()) // 30 + later)


def post(client, path, body):
    return client.post(path, body, content_type="application/json")


def delete(client, path, body):
    return client.delete(path, body, content_type="application/json")


def logged_events(kind, user):
    return [event for event in whole_trail().filter(kind=kind) if event.about_id == user.pk]
