"""`manage.py changepassword`, which Django's own could not do here: it asks for users where no scope is open."""

import io
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from accounts.models import User
from accounts.tests.factories import PASSWORD
from accounts.tests.trail import logged_events
from audit.events import AuditEvent
from core.tenancy.scope import installation_scope

NEW = "Another1!"


def change(monkeypatch, email, password=NEW, **options):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    call_command("changepassword", email, **{"password_stdin": True, **options})


@pytest.mark.django_db(transaction=True)
def test_reset_sets_password_ends_sessions_and_is_logged(make_user, client_of, monkeypatch, capsys):
    user = make_user("staff")
    client = client_of(user)
    assert client.get("/api/users/me").status_code == 200

    change(monkeypatch, user.email.upper())

    assert User.all_practices.get(pk=user.pk).check_password(NEW)
    assert client.get("/api/users/me").status_code == 401
    (changed,), (ended,) = logged_events(AuditEvent.PASSWORD_CHANGED), logged_events(AuditEvent.SESSION_ENDED)
    for event in (changed, ended):
        assert (event.user_id, event.role, event.about_id, event.practice_id) == (None, "", user.pk, user.practice_id)
    assert NEW not in capsys.readouterr().out


def test_superusers_too(db, monkeypatch):
    user = User(email="root@example.com", name="Root", role="admin", is_superuser=True)
    user.set_password(PASSWORD)
    with installation_scope():
        user.save()

    change(monkeypatch, user.email)

    assert User.all_practices.get(pk=user.pk).check_password(NEW)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": "nobody@example.com"}, "No account has this email."),
        ({"password": "short"}, "too short"),
        ({"password_stdin": False}, "--password-stdin"),
    ],
)
def test_create_practice_with_invalid_input_fails_with_message(make_user, monkeypatch, fields, sentence):
    user = make_user("staff")

    with pytest.raises(CommandError, match=sentence):
        change(monkeypatch, **{"email": user.email, **fields})

    assert User.all_practices.get(pk=user.pk).check_password(PASSWORD)


@pytest.mark.slow  # starts manage.py
def test_create_superuser_without_settings_fails_with_one_line():
    command = [sys.executable, "manage.py", "changepassword"]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=os.environ, capture_output=True, text=True, timeout=300)

    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert done.stderr.splitlines()[-1].endswith("the following arguments are required: email")
