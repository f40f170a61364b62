"""Links to files: for the session that requested one, for fifteen minutes, for one file."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import LoginSession
from accounts.sessions import services as sessions
from core.tenancy.scope import practice_scope
from patients.models import Patient
from records.models import Attachment
from records.tests.attachments.conftest import ADDRESS, logged_events


@pytest.fixture
def file(make_file):
    return make_file()


@pytest.fixture
def link(doctor, file):
    answer = doctor.post(f"{ADDRESS}/{file.pk}/link")
    assert answer.status_code == 200, answer.content
    return answer.json()["url"]


def test_link_serves_file_repeatedly_and_logs_each(doctor, link):
    for _ in range(2):
        answer = doctor.get(link)
        assert (answer.status_code, answer.getvalue()) == (200, b"Bone density: normal")
        assert answer["Content-Disposition"] == 'attachment; filename="findings.txt"'

    seen = ("data.changed", "done")  # by whom first
    assert logged_events() == [("file.linked", "done"), seen, ("file.read", "done"), ("file.read", "done")]


def test_link_has_expiry(doctor, file):
    before = timezone.now()
    expires = parse_datetime(doctor.post(f"{ADDRESS}/{file.pk}/link").json()["expiresAt"])

    assert timedelta(minutes=14) < expires - before < timedelta(minutes=16)


def test_link_works_under_both_api_prefixes(doctor, link):
    assert doctor.get(link.replace("/api/", "/api/v1/")).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(15 * 60 - 5, 200), (15 * 60 + 5, 410)])
def test_link_expires_after_fifteen_minutes(doctor, link, monkeypatch, seconds, status):
    later = time.time() + seconds
    monkeypatch.setattr("django.core.signing.time", SimpleNamespace(time=lambda: later))

    assert doctor.get(link).status_code == status


def test_link_is_for_its_session_only(as_role, anonymous, link, client_of, doctor):
    for stranger in (as_role("admin"), as_role("doctor"), client_of(doctor.user)):
        assert stranger.get(link).status_code == 404
    assert anonymous.get(link).status_code == 401
    assert ("file.read", "refused") in logged_events()


def test_link_ends_with_session(doctor, link, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        sessions.end(session_id=LoginSession.objects.get(user=doctor.user).pk)

    assert doctor.get(link).status_code == 401


def test_link_ends_with_account(as_role, doctor, link, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        as_role("admin").patch(f"/api/users/{doctor.user.pk}", {"isActive": False}, content_type="application/json")

    assert doctor.get(link).status_code == 401


def test_link_ends_when_chart_is_restricted(doctor, link, practice):
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)

    assert doctor.get(link).status_code == 403


def test_link_ends_with_file(doctor, link, practice, file):
    with practice_scope(practice.pk):
        Attachment.objects.get(pk=file.pk).delete()

    assert doctor.get(link).status_code == 404


@pytest.mark.parametrize("state", ["quarantined", "infected", "lost"])
def test_link_ends_when_file_is_not_served(doctor, link, practice, file, state):
    with practice_scope(practice.pk):
        Attachment.objects.filter(pk=file.pk).update(state=state)

    assert doctor.get(link).status_code in (403, 404, 409)


def test_link_is_for_its_file_only(doctor, link, make_file, file):
    other = make_file()

    assert doctor.get(link.replace(str(file.pk), str(other.pk))).status_code == 404


CHANGES = [lambda url: url[:-1], lambda url: url + "x", lambda url: url.rpartition("/")[0] + "/x"]


@pytest.mark.parametrize("change", CHANGES)
def test_modified_link_is_404(doctor, link, change):
    assert doctor.get(change(link)).status_code == 404


def test_link_contains_no_personal_data(link, file, practice, chart):
    assert "findings" not in link
    for secret in (chart.pk, practice.pk):
        assert str(secret) not in link
