"""What counts as a failed attempt (tests/contract/test_lockout.py has the contract's rules)."""

from unittest.mock import Mock

from django.conf import settings
from django.db import OperationalError

from accounts.models import User
from accounts.tests.factories import PASSWORD


def test_outage_of_the_database_is_no_failed_attempt(client, make_user, monkeypatch):
    person = make_user("staff")

    def sign_in(password):
        return client.post(
            "/api/auth/login", {"email": person.email, "password": password}, content_type="application/json"
        ).status_code

    assert sign_in("wrong-password") == 401
    monkeypatch.setattr(type(User.all_practices), "with_email", Mock(side_effect=OperationalError("gone")))
    assert {sign_in(PASSWORD) for _ in range(settings.LOGIN_ATTEMPTS + 1)} == {503}
    monkeypatch.undo()

    left = settings.LOGIN_ATTEMPTS - 1  # the wrong one before the outage still counts
    assert [sign_in("wrong-password") for _ in range(left)] == [401] * left
    assert sign_in(PASSWORD) == 429
