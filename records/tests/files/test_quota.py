"""How much room files take: exact at the byte, whoever else is adding one."""

from collections import Counter
from contextlib import contextmanager, suppress
from threading import Barrier, BrokenBarrierError
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from appointments.tests.test_double_booking import at_once
from core.tenancy import practice_scope
from patients.tests.factories import PatientFactory
from records.files import services
from records.models import Attachment
from records.tests.factories import stored_file
from records.tests.files.conftest import ADDRESS, details, rows, stored_names, told


@pytest.fixture(autouse=True)
def room(settings):
    settings.PATIENT_FILES_BYTES, settings.PRACTICE_FILES_BYTES = 1000, 2000


def test_a_patients_room_is_full_at_the_byte(doctor, send, keep, chart):
    keep(content=b"x" * 900)

    assert send(doctor, b"x" * 101).status_code == 507
    assert send(doctor, b"x" * 100).status_code == 201
    full = send(doctor, b"x")

    assert full.status_code == 507
    assert "a patient" in full.json()["detail"]
    assert doctor.get(f"{ADDRESS}?patientId={chart.pk}").json()["usedBytes"] == 1000
    assert details("file.turned_away") == [{"reason": "full"}] * 2


def test_a_practices_room_is_full_at_the_byte(doctor, send, keep, practice):
    with practice_scope(practice.pk):
        for _ in range(2):
            stored_file(patient=PatientFactory(), uploaded_by=doctor.user, content=b"x" * 950)

    assert send(doctor, b"x" * 101).status_code == 507
    assert send(doctor, b"x" * 100).status_code == 201
    full = send(doctor, b"x")

    assert full.status_code == 507
    assert "the practice" in full.json()["detail"]


def test_another_practices_files_take_no_room_of_this_one(doctor, send, other_practice, make_user):
    stranger = make_user("doctor", practice=other_practice)
    with practice_scope(other_practice.pk):
        stored_file(patient=PatientFactory(), uploaded_by=stranger, content=b"x" * 2000)

    assert send(doctor, b"x" * 1000).status_code == 201


@pytest.mark.parametrize("state", ["storing", "quarantined", "infected", "lost"])
def test_a_file_takes_room_in_whatever_state_it_is(doctor, send, keep, state):
    keep(content=b"x" * 1000, state=state)

    assert send(doctor, b"x").status_code == 507


def test_a_deleted_file_takes_room_until_it_is_purged(as_role, send, keep):
    admin, file = as_role("admin"), keep(content=b"x" * 1000)

    deleted = admin.delete(f"{ADDRESS}/{file.pk}", {"reason": "Another patient's"}, content_type="application/json")
    assert deleted.status_code == 200
    assert send(admin, b"x").status_code == 507


def test_what_is_cleaned_to_more_than_was_sent_is_counted_as_it_is_kept(doctor, send, practice):
    """UTF-16 becomes UTF-8: from 2 bytes a character to 1, or here to 3."""
    text = "膝" * 190

    assert send(doctor, b"\xff\xfe" + text.encode("utf-16-le")).status_code == 201
    assert [row.size for row in rows(practice)] == [570]
    assert send(doctor, b"\xff\xfe" + text.encode("utf-16-le")).status_code == 507  # 382 bytes would have had room
    assert len(stored_names()) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whose", ["patient", "practice"])
def test_of_ten_uploads_at_once_into_room_for_three_exactly_three_are_kept(
    transactional_db, practice, as_role, settings, whose, monkeypatch
):
    five_of_them = Barrier(5)  # no more, for there are nine connections

    @contextmanager
    def cleaned(parts, *, name, declared_type):
        """Without a child process, of which two at a time would hardly meet."""
        yield SimpleNamespace(name=name, media_type=declared_type, chunks=lambda: parts)

    def claim(*arguments, real=services._claim, **fields):
        with suppress(BrokenBarrierError):  # somebody waits for a connection
            five_of_them.wait(timeout=2)
        real(*arguments, **fields)

    monkeypatch.setattr(services, "cleaned", cleaned)
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
    assert Counter(told()) == {("data.created", "done"): 3, ("file.turned_away", "refused"): 7}
