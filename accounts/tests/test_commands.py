"""`manage.py create_superuser` and `create_practice`."""

import io
import os
import re
import subprocess
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from accounts import mail
from accounts.models import User
from accounts.tests.factories import PASSWORD
from accounts.tests.trail import logged_events
from audit.events import AuditEvent
from practices.models import Practice


@pytest.fixture
def first_superuser(settings):
    settings.FIRST_SUPERUSER_EMAIL = "root@example.com"
    settings.FIRST_SUPERUSER_PASSWORD = "a long password"


def test_superuser_is_made_once(db, first_superuser, settings, capsys):
    call_command("create_superuser")
    settings.FIRST_SUPERUSER_PASSWORD = "another password"
    call_command("create_superuser")

    root = User.all_practices.get()
    assert (root.email, root.role, root.is_superuser, root.practice) == ("root@example.com", "admin", True, None)
    assert root.check_password("a long password")
    assert "already exists" in capsys.readouterr().out


THREE_TIMES = """
from django.core.management import execute_from_command_line
for options in [], ["--noinput"], ["--email", "root@example.com"]:
    try:
        execute_from_command_line(["manage.py", "createsuperuser", *options])
    except SystemExit as end:
        print(options, end.code)
"""


@pytest.mark.slow  # starts an interpreter, one for all three
def test_createsuperuser_points_to_create_superuser():
    command = [sys.executable, "-c", THREE_TIMES]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=os.environ, capture_output=True, text=True, timeout=300)

    assert done.stdout == "[] 1\n['--noinput'] 1\n['--email', 'root@example.com'] 1\n", done.stderr
    said = done.stderr.splitlines()
    assert len(said) == 3
    assert all(line.endswith("then run: manage.py create_superuser") for line in said)


def test_practices_user_does_not_become_superuser(make_user, first_superuser):
    make_user("admin", email="root@example.com")
    with pytest.raises(CommandError, match="belongs to a user of a practice"):
        call_command("create_superuser")
    assert not User.all_practices.get().is_superuser


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("", "long enough", "Set FIRST_SUPERUSER_EMAIL"),
        ("root", "long enough", "not a valid email"),
        ("a@b.co", "x", "short"),
    ],
)
def test_missing_field_is_reported(db, settings, email, password, sentence):
    settings.FIRST_SUPERUSER_EMAIL, settings.FIRST_SUPERUSER_PASSWORD = email, password
    with pytest.raises(CommandError, match=sentence):
        call_command("create_superuser")
    assert not User.all_practices.exists()


def make_practice(monkeypatch, *, password=PASSWORD, **options):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    options = {"timezone": "Europe/Berlin", "admin_email": "boss@example.com", "password_stdin": True, **options}
    call_command("create_practice", "Praxis am Ring", **options)


def test_practice_comes_with_its_office_manager(db, monkeypatch, capsys, client_of):
    make_practice(monkeypatch, admin_name="Greta Ring")

    practice = Practice.objects.get()
    manager = User.all_practices.with_email("boss@example.com")
    assert (practice.name, practice.timezone) == ("Praxis am Ring", "Europe/Berlin")
    assert (manager.name, manager.role, manager.practice) == ("Greta Ring", "admin", practice)
    assert manager.check_password(PASSWORD)
    assert practice.join_code in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"timezone": "Mars/Olympus"}, "time zone"),
        ({"admin_email": "boss"}, "not a valid email"),
        ({"password": "x"}, "short"),
    ],
)
def test_failed_practice_creation_leaves_nothing(db, monkeypatch, options, sentence):
    with pytest.raises(CommandError, match=sentence):
        make_practice(monkeypatch, **options)
    assert not Practice.objects.exists()


def test_email_in_use_makes_no_practice(make_user, monkeypatch):
    make_user("staff", email="boss@example.com")
    with pytest.raises(CommandError, match="already has an account"):
        make_practice(monkeypatch)
    assert Practice.objects.count() == 1


def link_in(text):
    (link,) = re.findall(r"^(http\S+)$", text, re.M)
    return link


def open_account(client, link, password):
    """Follow the link as a browser does, and choose a password."""
    path = urlsplit(link).path
    assert client.get(path).status_code == 200
    client.post(path, {"password": password, "again": password})


def test_first_manager_chooses_a_password_by_a_link(db, monkeypatch, capsys, client):
    make_practice(monkeypatch, password_stdin=False)
    said = capsys.readouterr().out
    manager = User.all_practices.with_email("boss@example.com")
    assert not manager.has_usable_password()

    open_account(client, link_in(said), PASSWORD)

    assert User.all_practices.get(pk=manager.pk).check_password(PASSWORD)
    assert client.get(urlsplit(link_in(said)).path).status_code != 200


def test_link_is_mailed_when_asked(db, monkeypatch, capsys, mailoutbox, client):
    monkeypatch.setattr(mail, "mailer", SimpleNamespace(submit=lambda call, *arguments: call(*arguments)))
    monkeypatch.setattr(mail, "outbox", None)
    make_practice(monkeypatch, password_stdin=False, send=True)

    (message,) = mailoutbox
    assert message.to == ["boss@example.com"] and "http" not in capsys.readouterr().out
    open_account(client, link_in(message.body), PASSWORD)
    assert User.all_practices.with_email("boss@example.com").check_password(PASSWORD)


def test_new_link_is_printed_for_whoever_runs_the_server(make_user, capsys, client):
    user = make_user("staff")
    call_command("changepassword", user.email, "--link")

    open_account(client, link_in(capsys.readouterr().out), "Another1!")

    assert User.all_practices.get(pk=user.pk).check_password("Another1!")
    (asked,) = logged_events(AuditEvent.PASSWORD_RESET_REQUESTED)
    assert asked.about_id == user.pk
