"""Session notes and medical records on the admin site: finalised ones, with every version."""

import orjson
import pytest
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import Patient
from practices.tests.factories import OfficeFactory
from records.models import MedicalRecord, RecordVersion, SessionNote
from records.notes.services import amend_note
from records.tests.factories import FinalisedNoteFactory, MedicalRecordFactory, NoteFactory
from tests.admin_forms import page_of
from tests.damage import lose_key

LIST = reverse("admin:records_sessionnote_changelist")


@pytest.fixture
def note(own):
    with practice_scope(own.practice.pk):
        SessionNote.objects.filter(pk=own.note.pk).update(duration_minutes=40)
        return SessionNote.objects.get(pk=own.note.pk)


def amend(note, *, by, **changes):
    with practice_scope(note.practice_id):
        version = SessionNote.objects.get(pk=note.pk).version
        amend_note(by=by, note_id=note.pk, expected=version, **changes)


def restrict(chart):
    with practice_scope(chart.practice_id):
        Patient.objects.filter(pk=chart.pk).update(restricted=True)


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_staff_read_finalised_note(enter_as, own, note, role):
    page = enter_as(role).get(page_of(note)).content.decode()

    for words in (note.subjective, note.objective, note.assessment, note.plan, "Dr Ownwood", "Finalised", "40"):
        assert words in page
    assert f'<a href="{page_of(own.chart)}">Ann Ownwood</a>' in page
    assert b'name="_save"' not in enter_as(role).get(page_of(note)).content


def test_note_page_shows_amendments_with_reasons(enter_as, own, note):
    amend(note, by=own.doctor, reason="Wrong side noted", assessment="Strain <b>left</b>", duration_minutes=50)
    amend(note, by=own.doctor, reason="Plan was missing ice", plan="Rest\nIce")

    answer = enter_as("staff").get(page_of(note))

    newest, middle, first = answer.context["versions"]
    assert [one.version.number for one in (newest, middle, first)] == [3, 2, 1]
    assert [tuple(change) for change in middle.changes] == [
        ("Assessment", "Assessment Ownwood", "Strain <b>left</b>"),
        ("Minutes", "", "50"),
    ]
    assert (first.changes, dict(first.full_text)["Assessment"]) == ([], "Assessment Ownwood")
    page = answer.content.decode()
    assert "Reason: Wrong side noted" in page and "Reason: Plan was missing ice" in page
    assert "Strain &lt;b&gt;left&lt;/b&gt;" in page and "<b>left" not in page
    assert "<ins>Rest<br>Ice</ins>" in page


@pytest.mark.parametrize("drafts_are_read", [False, True])
def test_drafts_are_hidden(enter_as, own, drafts_are_read):
    with practice_scope(own.practice.pk):
        own.practice.doctors_see_drafts = drafts_are_read
        own.practice.save()
        draft = NoteFactory(patient=own.chart, doctor=own.doctor, subjective="zqdraft")
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        SessionNote.objects.create(patient=own.chart, doctor=client.user, plan="zqdraft")  # of earlier days as a doctor

    assert client.get(page_of(draft)).status_code == 404
    for address in (LIST, page_of(own.chart), f"{LIST}?patient={own.chart.pk}"):
        page = client.get(address).content.decode()
        assert str(draft.pk) not in page and "zqdraft" not in page
    assert [row.pk for row in client.get(LIST).context["cl"].result_list] == [own.note.pk]


def test_chart_shows_newest_notes_and_link_to_rest(enter_as, own, note, make_user):
    with practice_scope(own.practice.pk):
        for _ in range(11):
            FinalisedNoteFactory(patient=own.chart, doctor=own.doctor)
        elsewhere = FinalisedNoteFactory(patient=own.pending, doctor=own.doctor)
    client = enter_as("staff")

    page = client.get(page_of(own.chart))

    assert len(page.context["record"]["notes"]["shown"]) == 10
    assert "2 earlier session notes" in page.content.decode()
    assert str(elsewhere.pk) not in page.content.decode()
    listed = client.get(LIST, {"patient": own.chart.pk})
    assert listed.context["cl"].result_count == 12
    assert "Pending Ownwood" not in listed.content.decode()
    assert client.get(LIST).context["cl"].result_count == 13


@pytest.mark.parametrize("asked", ["abc", "", "01890000-0000-7000-8000-000000000000"])
def test_invalid_patient_filter_is_ignored(enter_as, own, note, asked):
    answer = enter_as("staff").get(LIST, {"patient": asked}, follow=True)
    assert (answer.status_code, answer.context["cl"].result_count) == (200, 1)


def test_chart_query_count_is_constant(enter_as, own, note, django_assert_max_num_queries, django_assert_num_queries):
    client = enter_as("admin")
    client.get(page_of(own.chart))
    with django_assert_max_num_queries(60) as first:
        client.get(page_of(own.chart))
    with practice_scope(own.practice.pk):
        for _ in range(5):
            FinalisedNoteFactory(patient=own.chart, doctor=own.doctor)
    with django_assert_num_queries(len(first)):
        client.get(page_of(own.chart))


def test_closed_chart_notes_are_hidden(enter_as, own, note):
    restrict(own.chart)
    client = enter_as("admin")

    assert client.get(page_of(note)).status_code == 404
    assert client.get(LIST).context["cl"].result_count == 0
    assert note.assessment not in client.get(page_of(own.chart)).content.decode()
    glass = reverse("admin:patients_patient_break_glass", args=[own.chart.pk])
    client.post(glass, {"reason": "Found unconscious"})
    assert client.get(page_of(note)).status_code == 200
    event = whole_trail().order_by("-id").first()
    assert (event.about, orjson.loads(event.patients)) == ("records.SessionNote", [str(own.chart.pk)])
    assert "emergency" in orjson.loads(event.details)


def test_record_page_shows_versions(enter_as, own):
    client = enter_as("staff")
    assert [one.version.number for one in client.get(page_of(own.record)).context["versions"]] == [1]
    with practice_scope(own.practice.pk):
        record = MedicalRecordFactory(patient=own.chart, doctor=own.doctor, diagnosis="Lumbar strain, right")
        for number, diagnosis in enumerate(("Lumbar strain", "Lumbar strain, right"), 1):
            RecordVersion.objects.create(
                record=record,
                number=number,
                author=own.doctor,
                content={**record.content(), "diagnosis": diagnosis},
                reason="" if number == 1 else "The side",
            )
        MedicalRecord.objects.filter(pk=record.pk).update(version=2, amended_at=timezone.now())

    answer = client.get(page_of(record))

    assert [tuple(change) for change in answer.context["versions"][0].changes] == [
        ("Diagnosis", "Lumbar strain", "Lumbar strain, right")
    ]
    assert "Reason: The side" in answer.content.decode()


def test_undecryptable_text_is_marked(enter_as, own):
    mark = "[cannot be decrypted: key 7 is missing]"
    lose_key(own.note, "assessment")
    lose_key(own.plan, "title")
    lose_key(own.file, "name")
    lose_key(own.deletion, "reason")
    with practice_scope(own.practice.pk):
        lose_key(own.note.versions.get(), "content")
    client = enter_as("admin")
    for row in (own.note, own.plan, own.deletion, own.chart):
        answer = client.get(page_of(row))
        assert (answer.status_code, mark in answer.content.decode()) == (200, True), row
    for row in (own.note, own.plan, own.file):
        answer = client.get(page_of(row).replace("/change/", "/delete/"))
        assert answer.status_code == 200, row
    for model in ("sessionnote", "planofcare", "attachment"):
        assert client.get(reverse(f"admin:records_{model}_changelist")).status_code == 200
    assert own.note.plan in client.get(page_of(own.note)).content.decode()
    assert client.get(page_of(own.file)).status_code == 503  # its form names it anew
    download = reverse("admin:records_attachment_content", args=[own.file.pk])
    assert client.get(download).getvalue() == b"Bone density: normal"


def test_note_links_to_appointment_and_plan(enter_as, own):
    with practice_scope(own.practice.pk):
        office = OfficeFactory(name="Loop", timezone="America/Chicago")
        Appointment.objects.filter(pk=own.appointment.pk).update(office=office)
        SessionNote.objects.filter(pk=own.note.pk).update(appointment=own.appointment, plan_of_care=own.plan)
    client = enter_as("admin")
    page = client.get(page_of(own.note)).content.decode()
    assert page_of(own.appointment) in page and "(Chicago time)" in page
    assert f'<a href="{page_of(own.plan)}">Plan Ownwood</a>' in page
    client.post(page_of(own.plan).replace("/change/", "/delete/"), {"reason": "Written twice"})
    assert page_of(own.plan) not in client.get(page_of(own.note)).content.decode()
