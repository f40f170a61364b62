"""Notes and prescriptions on the practice's letterhead."""

from io import BytesIO

import pytest
from django.urls import reverse
from pypdf import PdfReader
from uuid_utils.compat import uuid7

from appointments.tests.factories import AppointmentFactory
from audit.models import Event
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory
from records.models import MedicalRecord
from records.notes.services import amend_note
from records.tests.factories import FinalisedNoteFactory, MedicalRecordFactory, NoteFactory
from tests import damage


@pytest.fixture
def chart(practice, make_user):
    doctor = make_user("doctor", name="Dr. Mei Chen")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Zoë Иванова", address="218 Prospect Place")
        office = OfficeFactory(name="Midtown", address="350 Park Avenue", phone="(212) 555-0100")
        visit = AppointmentFactory(patient=chart, doctor=doctor, office=office)
        chart.note = FinalisedNoteFactory(patient=chart, doctor=doctor, appointment=visit)
        chart.draft = NoteFactory(patient=chart, doctor=doctor)
        chart.record = MedicalRecordFactory(patient=chart, doctor=doctor, appointment=visit)
        chart.without = MedicalRecordFactory(patient=chart, doctor=doctor, prescription="")
        amend_note(by=doctor, note_id=chart.note.pk, expected=1, reason="Longer", plan="Rest for two weeks")
    return chart


def words(answer):
    assert answer["Content-Type"] == "application/pdf"
    data = b"".join(answer) if answer.streaming else answer.content
    return " ".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages)


def test_prescription_is_written_in_the_chart(enter_as, chart, practice, other_practice, make_user):
    client, address = enter_as("doctor"), reverse("chart_record_new", args=[chart.pk])
    assert "New record or prescription" in client.get(address).content.decode()
    given = {"record_id": str(uuid7()), "diagnosis": " ", "prescription": "Ibuprofen"}
    blank = client.post(address, given).content.decode()
    assert "Fill this in." in blank and "Ibuprofen</textarea>" in blank
    assert f'name="record_id" value="{given["record_id"]}"' in blank
    given |= {"diagnosis": "Neck strain", "prescription": "Ibuprofen 400 mg\r\nwith food"}
    saved = client.post(address, given, follow=True)
    with practice_scope(practice.pk):
        record = MedicalRecord.objects.latest("created_at")
        record_ids = set(MedicalRecord.objects.values_list("pk", flat=True))
    assert (record.doctor_id, record.prescription) == (client.user.pk, "Ibuprofen 400 mg\nwith food")
    assert client.post(address, given)["Location"] == reverse("chart", args=[chart.pk])  # "Save" was pressed twice
    changed = client.post(address, given | {"diagnosis": "Shoulder strain"})  # went back to the form, and typed again
    assert "was saved already, with other texts" in changed.content.decode()
    with practice_scope(other_practice.pk):
        foreign = MedicalRecordFactory(doctor=make_user("doctor", practice=other_practice), patient=PatientFactory()).pk
    taken = client.post(address, given | {"record_id": str(foreign)})
    assert (taken.status_code, "Reload the page" in taken.content.decode()) == (200, True)
    with practice_scope(practice.pk):
        other = reverse("chart_record_new", args=[PatientFactory().pk])
        assert "Medical record not found." in client.post(other, given).content.decode()
        assert set(MedicalRecord.objects.values_list("pk", flat=True)) == record_ids
    assert f'<a href="{reverse("prescription", args=[record.pk])}">Show it</a>' in saved.content.decode()
    assert enter_as("staff").get(address).status_code == 403


def test_note_and_prescription_are_printed_and_signed(enter_as, as_role, practice, chart, subtests):
    client, caller = enter_as("staff"), as_role("staff")
    letterhead = (practice.name, "Midtown", "350 Park Avenue", "(212) 555-0100", "Zoë Иванова")
    for addresses, said, kind in (
        (
            (reverse("note-print", args=[chart.note.pk]), f"/api/sessions/{chart.note.pk}/pdf"),
            ("Rest for two weeks", "Signed electronically by Dr. Mei Chen", "Amended by Dr. Mei Chen"),
            "note.read",
        ),
        (
            (reverse("prescription", args=[chart.record.pk]), f"/api/records/{chart.record.pk}/prescription"),
            ("Ibuprofen 400 mg", "218 Prospect Place", "Signed electronically by Dr. Mei Chen"),
            "record.read",
        ),
    ):
        for one, address in zip((client, caller), addresses, strict=True):
            with subtests.test(address=address):
                text = words(one.get(address))
                assert [word for word in (*letterhead, *said) if word not in text] == []
                with practice_scope(practice.pk):
                    assert Event.objects.order_by("id").last().kind == kind
    assert "Lumbar strain" not in words(client.get(reverse("prescription", args=[chart.record.pk])))  # the diagnosis


def test_drafts_and_empty_prescriptions_are_not_printed(client_of, enter_as, chart):
    doctor = chart.note.doctor
    assert client_of(doctor).get(f"/api/sessions/{chart.draft.pk}/pdf").status_code == 409
    assert client_of(doctor).get(f"/api/records/{chart.without.pk}/prescription").status_code == 404
    assert enter_as("staff").get(reverse("prescription", args=[chart.without.pk])).status_code == 404
    assert enter_as("billing").get(reverse("prescription", args=[chart.record.pk])).status_code == 403


def test_what_cannot_be_decrypted_is_not_printed(client_of, enter_as, chart, subtests):
    damage.lose_key(chart.note, "plan")
    damage.lose_key(chart.record, "prescription")
    client, caller = enter_as("staff"), client_of(chart.note.doctor)
    for label, page, address in (
        ("note.plan", reverse("note-print", args=[chart.note.pk]), f"/api/sessions/{chart.note.pk}/pdf"),
        (
            "record.prescription",
            reverse("prescription", args=[chart.record.pk]),
            f"/api/records/{chart.record.pk}/prescription",
        ),
    ):
        with subtests.test(label=label):
            shown, answer = client.get(page), caller.get(address)
            assert (shown.status_code, answer.status_code) == (503, 503)
            assert f"{label} cannot be decrypted: key 7 is missing." in shown.content.decode()
            assert answer.json()["detail"] == f"{label} cannot be decrypted: key 7 is missing."
