"""Links to files: for the session that asked for one, for fifteen minutes, for one file."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts import sessions
from accounts.models import Session
from core.tenancy import practice_scope
from patients.models import Patient
from records.models import Attachment
from records.tests.files.conftest import ADDRESS, told


@pytest.fixture
def file(keep):
    return keep()


@pytest.fixture
def link(doctor, file):
    answer = doctor.post(f"{ADDRESS}/{file.pk}/link")
    assert answer.status_code == 200, answer.content
    return answer.json()["url"]


def test_a_link_hands_out_the_file_as_often_as_it_is_asked_and_each_time_is_told(doctor, link):
    for _ in range(2):
        answer = doctor.get(link)
        assert (answer.status_code, answer.getvalue()) == (200, b"Bone density: normal")
        assert answer["Content-Disposition"] == 'attachment; filename="findings.txt"'

    assert told() == [("file.linked", "done"), ("file.read", "done"), ("file.read", "done")]


def test_it_says_until_when_it_is_good(doctor, file):
    before = timezone.now()
    expires = parse_datetime(doctor.post(f"{ADDRESS}/{file.pk}/link").json()["expiresAt"])

    assert timedelta(minutes=14) < expires - before < timedelta(minutes=16)


def test_it_works_in_both_spellings_of_the_api(doctor, link):
    assert doctor.get(link.replace("/api/", "/api/v1/")).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(15 * 60 - 5, 200), (15 * 60 + 5, 410)])
def test_after_fifteen_minutes_it_is_over(doctor, link, monkeypatch, seconds, status):
    later = time.time() + seconds
    monkeypatch.setattr("django.core.signing.time", SimpleNamespace(time=lambda: later))

    assert doctor.get(link).status_code == status


def test_nobody_else_gets_anything_by_it(as_role, anonymous, link, client_of, doctor):
    for stranger in (as_role("admin"), as_role("doctor"), client_of(doctor.user)):
        assert stranger.get(link).status_code == 404
    assert anonymous.get(link).status_code == 401
    assert ("file.read", "refused") in told()


def test_it_ends_with_the_session(doctor, link, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        sessions.end(session_id=Session.objects.get(user=doctor.user).pk)

    assert doctor.get(link).status_code == 401


def test_it_ends_with_the_account(as_role, doctor, link, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        as_role("admin").patch(f"/api/users/{doctor.user.pk}", {"isActive": False}, content_type="application/json")

    assert doctor.get(link).status_code == 401


def test_it_ends_when_the_chart_is_closed(doctor, link, practice):
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)

    assert doctor.get(link).status_code == 403


def test_it_ends_with_the_file(doctor, link, practice, file):
    with practice_scope(practice.pk):
        Attachment.objects.get(pk=file.pk).delete()

    assert doctor.get(link).status_code == 404


@pytest.mark.parametrize("state", ["quarantined", "infected", "lost"])
def test_it_ends_when_the_file_is_no_longer_handed_out(doctor, link, practice, file, state):
    with practice_scope(practice.pk):
        Attachment.objects.filter(pk=file.pk).update(state=state)

    assert doctor.get(link).status_code in (403, 404, 409)


def test_it_is_for_that_file_alone(doctor, link, keep, file):
    other = keep()

    assert doctor.get(link.replace(str(file.pk), str(other.pk))).status_code == 404


CHANGES = [lambda url: url[:-1], lambda url: url + "x", lambda url: url.rpartition("/")[0] + "/x"]


@pytest.mark.parametrize("change", CHANGES)
def test_one_that_was_changed_is_none(doctor, link, change):
    assert doctor.get(change(link)).status_code == 404


def test_it_tells_nothing_of_whom_it_is_about(link, file, practice, chart):
    assert "findings" not in link
    for secret in (chart.pk, practice.pk):
        assert str(secret) not in link
