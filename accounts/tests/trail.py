"""Sign-ins by both ways, and what the trail has of them."""

from types import SimpleNamespace

import orjson
import pytest

from accounts.tests.factories import PASSWORD
from audit import keys
from audit.events import AuditEvent
from audit.models import NO_PRACTICE
from audit.tests.whole_trail import whole_trail

FROM = {"HTTP_USER_AGENT": "Browser/1.0", "REMOTE_ADDR": "192.0.2.9"}


def api_login(client, email, password=PASSWORD):
    body = {"email": email, "password": password}
    return client.post("/api/auth/login", body, content_type="application/json", **FROM)


def site_login(client, email, password=PASSWORD):
    return client.post("/", {"username": email, "password": password}, **FROM)


both_sign_ins = pytest.mark.parametrize("login", [api_login, site_login], ids=["api", "admin site"])


def logged_events(*kinds: AuditEvent) -> list[SimpleNamespace]:
    """The events of these kinds in order, as somebody with the trail's key reads them."""
    events = []
    for event in whole_trail().filter(kind__in=kinds).order_by("id"):
        hidden = event.email and bytes(event.email)
        email = keys.decrypt_email(hidden, key_id=event.key_id, event_id=event.id) if hidden else None
        columns = {name: getattr(event, name) for name in ("kind", "practice_id", "user_id", "role", "outcome")}
        columns |= {"about_id": event.about_id, "address": event.address, "agent": event.agent, "email": email}
        events.append(SimpleNamespace(**columns, details=orjson.loads(event.details)))
    return events


def only_event(*kinds: AuditEvent) -> SimpleNamespace:
    (event,) = logged_events(*kinds)
    return event


def is_about(event, user) -> bool:
    return (event.practice_id, event.about_id, event.email) == (user.practice_id or NO_PRACTICE, user.pk, user.email)


def is_by(event, user) -> bool:
    return (event.user_id, event.role) == (user.pk, user.role)
