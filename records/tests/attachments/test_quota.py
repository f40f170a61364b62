"""The quota of files: exact to the byte, also with concurrent uploads."""

from collections import Counter
from contextlib import contextmanager, suppress
from threading import Barrier, BrokenBarrierError
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from appointments.tests.test_double_booking import at_once
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.attachments import services
from records.models import Attachment
from records.tests.attachments.conftest import ADDRESS, details, logged_events, rows, stored_names
from records.tests.factories import stored_file


@pytest.fixture(autouse=True)
def room(settings):
    settings.PATIENT_FILES_BYTES, settings.PRACTICE_FILES_BYTES = 1000, 2000


def test_patient_quota_is_exact(doctor, send, make_file, chart):
    make_file(content=b"x" * 900)

    assert send(doctor, b"x" * 101).status_code == 507
    assert send(doctor, b"x" * 100).status_code == 201
    full = send(doctor, b"x")

    assert full.status_code == 507
    assert "a patient" in full.json()["detail"]
    assert doctor.get(f"{ADDRESS}?patientId={chart.pk}").json()["usedBytes"] == 1000
    assert details("file.turned_away") == [{"reason": "full"}] * 2


def test_practice_quota_is_exact(doctor, send, make_file, practice):
    with practice_scope(practice.pk):
        for _ in range(2):
            stored_file(patient=PatientFactory(), uploaded_by=doctor.user, content=b"x" * 950)

    assert send(doctor, b"x" * 101).status_code == 507
    assert send(doctor, b"x" * 100).status_code == 201
    full = send(doctor, b"x")

    assert full.status_code == 507
    assert "the practice" in full.json()["detail"]


def test_quota_ignores_other_practices(doctor, send, other_practice, make_user):
    stranger = make_user("doctor", practice=other_practice)
    with practice_scope(other_practice.pk):
        stored_file(patient=PatientFactory(), uploaded_by=stranger, content=b"x" * 2000)

    assert send(doctor, b"x" * 1000).status_code == 201


@pytest.mark.parametrize("state", ["storing", "quarantined", "infected", "lost"])
def test_quota_counts_every_state(doctor, send, make_file, state):
    make_file(content=b"x" * 1000, state=state)

    assert send(doctor, b"x").status_code == 507


def test_quota_counts_deleted_file_until_purge(as_role, send, make_file):
    admin, file = as_role("admin"), make_file(content=b"x" * 1000)

    deleted = admin.delete(f"{ADDRESS}/{file.pk}", {"reason": "Another patient's"}, content_type="application/json")
    assert deleted.status_code == 200
    assert send(admin, b"x").status_code == 507


def test_quota_counts_cleaned_size(doctor, send, practice):
    """UTF-16 becomes UTF-8: from 2 bytes a character to 1, or here to 3."""
    text = "膝" * 190

    assert send(doctor, b"\xff\xfe" + text.encode("utf-16-le")).status_code == 201
    assert [row.size for row in rows(practice)] == [570]
    assert send(doctor, b"\xff\xfe" + text.encode("utf-16-le")).status_code == 507  # 382 bytes would have had room
    assert len(stored_names()) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whose", ["patient", "practice"])
def test_concurrent_uploads_respect_quota(transactional_db, practice, as_role, settings, whose, monkeypatch):
    five_of_them = Barrier(5)  # no more, for there are nine connections

    @contextmanager
    def clean_file(parts, *, name, declared_type):
        """Do without a child process, as only two run at a time."""
        yield SimpleNamespace(name=name, media_type=declared_type, chunks=lambda: parts)

    def claim(*arguments, real=services._claim, **fields):
        with suppress(BrokenBarrierError):  # somebody waits for a connection
            five_of_them.wait(timeout=2)
        real(*arguments, **fields)

    monkeypatch.setattr(services, "clean_file", clean_file)
    monkeypatch.setattr(services, "_claim", claim)
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    settings.PATIENT_FILES_BYTES, settings.PRACTICE_FILES_BYTES = (30, 10_000) if whose == "patient" else (10_000, 30)
    doctor = as_role("doctor")
    with practice_scope(practice.pk):
        charts = [PatientFactory()] * 10 if whose == "patient" else PatientFactory.create_batch(10)

    def upload(number):
        client = Client()
        client.cookies = doctor.cookies
        file = SimpleUploadedFile("findings.txt", b"0123456789", content_type="text/plain")
        return client.post(ADDRESS, {"file": file, "patientId": str(charts[number].pk)}).status_code

    assert Counter(at_once(10, upload)) == {201: 3, 507: 7}
    with practice_scope(practice.pk):
        assert sorted(Attachment.objects.values_list("state", "size")) == [("ready", 10)] * 3
    assert len(stored_names()) == 3
    assert Counter(logged_events()) == {("data.created", "done"): 3, ("file.turned_away", "refused"): 7}
