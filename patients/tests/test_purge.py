"""`manage.py purge_deleted`: what is removed, what is kept and why, and the audit event."""

from datetime import timedelta
from io import StringIO

import orjson
import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import LoginSession, User
from appointments.models import WaitingListEntry
from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from billing.models import Checkout, Coverage, Invoice, LedgerEntry, VisitCoding
from core.tenancy.models import PracticeModel
from core.tenancy.scope import practice_scope
from core.tenancy.soft_delete import SoftDeletable, soft_deletable_models
from notifications.models import Message, MessagePreference
from patients.deletion import services as deletions
from patients.merging import services as merging
from patients.models import (
    ChartMerge,
    Deletion,
    DuplicatePair,
    EmergencyAccess,
    LegalHold,
    LiftRequest,
    Patient,
    PrivacyRequest,
)
from patients.tests.chart_with_all import chart_with_all, file_of
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from records.attachments import storage
from records.models import Attachment, FormTemplate, FormVersion, Goal, MedicalRecord, PlannedAppointment, SessionNote
from records.tests.factories import GoalFactory, NoteFactory

OF_PATIENTS = [
    model
    for model in apps.get_models()
    if issubclass(model, PracticeModel) and model._meta.app_label in ("patients", "appointments", "records")
    if model not in (FormTemplate, FormVersion)  # what the practice asks, of no patient
]


@pytest.fixture
def admin(make_user):
    return make_user("admin")


@pytest.fixture
def doctor(make_user):
    return make_user("doctor")


@pytest.fixture
def brief(practice):
    """A practice without record retention."""
    keep(practice, years=0)


def keep(practice, *, years):
    practice.retention_years = years
    with practice_scope(practice.pk):
        practice.save()


def delete(by, *rows, days=31):
    """Delete the rows, dated this many days ago."""
    with practice_scope(by.practice_id):
        for row in rows:
            deletion = deletions.delete(by=by, row=row, reason="By mistake")
            Deletion.objects.filter(pk=deletion.pk).update(created_at=timezone.now() - timedelta(days=days))


def purge(*arguments):
    out = StringIO()
    call_command("purge_deleted", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def count(practice):
    with practice_scope(practice.pk):
        rows = {model._meta.label: getattr(model, "with_deleted", model.objects).count() for model in OF_PATIENTS}
        return {label: number for label, number in rows.items() if number}


def stored(row):
    """Store a file for the row."""
    storage.storage().save(row.storage_name, ContentFile(b"encrypted"))
    return row


def is_stored(row):
    return storage.storage().exists(row.storage_name)


@pytest.fixture
def made(practice, doctor, make_user):
    """A chart with one row of every model."""
    with practice_scope(practice.pk):
        made = chart_with_all(doctor, user=make_user("patient"))
        stored(made.attachment)
        GoalFactory(plan=made.plan)
        PlannedAppointment.objects.create(plan=made.plan, appointment=made.appointment)
        EmergencyAccessFactory(patient=made.patient, opened_by=doctor)
        made.merged = PatientFactory()
        merging.merge(by=doctor, into=made.patient.pk, source=made.merged.pk, keep={})
        SessionNote.objects.filter(pk=made.session.pk).update(appointment=made.appointment, plan_of_care=made.plan)
        Attachment.objects.update(note=made.session)
    return made


def test_purge_of_a_chart_leaves_nothing(practice, admin, doctor, made, brief):
    with practice_scope(practice.pk):
        other = chart_with_all(doctor)
        others = stored(file_of(other.patient, doctor))
    delete(admin, made.patient)

    said = purge()

    assert "removed: 1 (12 rows)" in said
    assert count(practice) == {
        "patients.Patient": 1,
        "appointments.Appointment": 1,
        "records.MedicalRecord": 1,
        "records.SessionNote": 2,
        "records.NoteVersion": 1,
        "records.PlanOfCare": 1,
        "records.BodyChart": 1,
        "records.ChartEntry": 1,
        "records.Measure": 1,
        "records.PatientForm": 1,
        "records.Attachment": 2,
    }
    assert not is_stored(made.attachment)
    assert is_stored(others)


@pytest.mark.django_db(transaction=True)
def test_purge_removes_patient_account_but_keeps_staff_account(practice, admin, made, brief, client_of, make_user):
    colleague = make_user("staff")
    with practice_scope(practice.pk):
        own = PatientFactory(user=colleague)
    patient = client_of(made.patient.user)
    delete(admin, made.patient, own)
    assert patient.get("/api/users/me").status_code == 200  # as long as the chart can be restored

    purge()

    assert patient.get("/api/users/me").status_code == 401
    with practice_scope(practice.pk):
        assert not User.objects.filter(pk=made.patient.user_id).exists()
        assert User.objects.filter(pk=colleague.pk).exists()
    assert not LoginSession.objects.filter(user=made.patient.user_id).exists()


def test_purge_keeps_what_can_still_be_restored(practice, admin, made, brief):
    delete(admin, made.patient, days=29)
    before = count(practice)

    assert purge() == "Nothing to remove.\n"
    assert count(practice) == before


def test_purge_keeps_records_within_retention_and_prints_until_when(practice, admin, made):
    delete(admin, made.patient)
    before = count(practice)

    said = purge()

    until = timezone.now().year + 10
    assert f"kept for 10 years: 1 (first until {until}" in said
    assert count(practice) == before
    assert is_stored(made.attachment)


@pytest.mark.parametrize("latest", ["date", "created_at", "amended_at"])
def test_medical_record_is_kept_from_the_last_that_was_done_with_it(practice, admin, made, latest):
    """A visit long ago may have been documented or amended today, or dated in the future."""
    long_ago = timezone.now() - timedelta(days=3660)
    times = {"date": long_ago, "created_at": long_ago, "amended_at": long_ago, latest: timezone.now()}
    with practice_scope(practice.pk):
        MedicalRecord.objects.filter(pk=made.record.pk).update(**times)
    delete(admin, made.record)

    assert "kept for 10 years: 1" in purge()


def test_draft_and_an_appointment_are_no_clinical_records_and_go_at_once(practice, admin, doctor, made):
    with practice_scope(practice.pk):
        loose = AppointmentFactory(patient=made.patient, doctor=doctor)
    delete(admin, loose)
    delete(doctor, made.draft)

    assert "removed: 2 (2 rows)" in purge()
    with practice_scope(practice.pk):
        assert not SessionNote.with_deleted.filter(pk=made.draft.pk).exists()
        assert Patient.objects.filter(pk=made.patient.pk).exists()


def test_purge_keeps_charts_on_legal_hold(practice, admin, doctor, made, brief):
    delete(doctor, made.draft)
    delete(admin, made.patient)
    with practice_scope(practice.pk):
        deletions.place_hold(by=admin, patient_id=made.patient.pk, reason="Order of the court")
    before = count(practice)

    assert "on legal hold: 2;" in purge()
    assert count(practice) == before

    with practice_scope(practice.pk):
        deletions.lift_hold(by=admin, patient_id=made.patient.pk)
    assert "removed: 2 " in purge()


def test_purge_keeps_rows_referenced_by_kept_rows(practice, admin, doctor, made):
    """The appointment's note is deleted but kept for retention."""
    with practice_scope(practice.pk):
        Attachment.objects.update(note=None)
    delete(admin, made.session, made.appointment)

    assert "kept for 10 years: 1" in (said := purge())
    with practice_scope(practice.pk):
        waiting = Deletion.objects.get(about_id=made.appointment.pk)
    assert f"referenced by kept rows: 1 (deletions {waiting.pk});" in said
    keep(practice, years=0)
    assert "removed: 2 (2 rows)" in purge("--dry-run")
    assert "removed: 2 (2 rows)" in purge()


def test_chart_is_kept_as_long_as_what_was_deleted_before_it(practice, admin, made):
    long_ago = timezone.now() - timedelta(days=3660)
    with practice_scope(practice.pk):
        Attachment.objects.update(note=None)
    delete(admin, made.session)
    with practice_scope(practice.pk):
        for model in soft_deletable_models():
            dates = {"date": long_ago} if hasattr(model, "date") else {}
            rows = model.with_deleted.exclude(pk=made.session.pk)
            rows.update(created_at=long_ago, updated_at=long_ago, **dates)
    delete(admin, made.patient)

    assert "kept for 10 years: 2" in purge()


def test_dry_run_changes_nothing_and_says_the_same_numbers(practice, admin, doctor, made, brief):
    delete(doctor, made.draft)
    delete(admin, made.patient)
    before = count(practice)
    events = whole_trail().count()

    dry = purge("--dry-run")

    assert (count(practice), whole_trail().count()) == (before, events)
    assert is_stored(made.attachment)
    assert dry.replace("would be ", "") == purge()


def test_purge_event_has_counts_and_ids_but_no_patient_data(practice, admin, made, brief):
    delete(admin, made.patient)
    before = set(whole_trail().values_list("pk", flat=True))

    purge()

    purged = [event for event in whole_trail().exclude(pk__in=before) if event.kind == "data.purged"]
    (event,) = purged
    assert (event.about, event.about_id, event.user_id) == ("patients.Patient", made.patient.pk, None)
    assert orjson.loads(event.patients) == [str(made.patient.pk)]
    details = orjson.loads(event.details)
    assert set(details) == {"ids", "rows"}
    assert set(details["ids"]) == {*(model._meta.label for model in soft_deletable_models()), "accounts.User"}
    assert details["ids"]["records.Attachment"] == [str(made.attachment.pk)]
    assert sorted(details["ids"]["patients.Patient"]) == sorted(str(pk) for pk in (made.patient.pk, made.merged.pk))
    assert details["rows"]["records.NoteVersion"] == details["rows"]["records.Goal"] == 1
    assert details["rows"]["patients.EmergencyAccess"] == 1
    assert "Jane" not in event.details and "mistake" not in event.details
    others = {event.kind for event in whole_trail().exclude(pk__in=before)} - {"data.purged", "session.ended"}
    assert not others


def test_many_purged_ids_are_split_over_events(practice, admin, doctor, brief, monkeypatch):
    monkeypatch.setattr("patients.deletion.purge.MAX_IDS_PER_EVENT", 3)
    with practice_scope(practice.pk):
        chart = PatientFactory()
        notes = [NoteFactory(patient=chart, doctor=doctor) for _ in range(7)]
    delete(admin, chart)

    purge()

    details = [orjson.loads(event.details) for event in whole_trail().filter(kind="data.purged").order_by("id")]
    assert [sum(map(len, part["ids"].values())) for part in details] == [3, 3, 2]
    named = [pk for part in details for pk in part["ids"].get("records.SessionNote", [])]
    assert sorted(named) == sorted(str(note.pk) for note in notes)
    assert ["rows" in part for part in details] == [True, False, False]


def test_storage_failure_keeps_the_deletion_and_continues_with_others(
    practice, admin, doctor, made, brief, monkeypatch
):
    with practice_scope(practice.pk):
        other = chart_with_all(doctor)
        stored(other.attachment)
    delete(admin, made.patient, other.patient)
    remove = storage.remove

    def broken(name):
        if name == made.attachment.storage_name:
            raise storage.StorageUnavailable
        remove(name)

    monkeypatch.setattr(storage, "remove", broken)
    with pytest.raises(CommandError, match="1 could not be removed"):
        purge()

    with practice_scope(practice.pk):
        assert {deletion.patient_id for deletion in Deletion.objects.all()} == {made.patient.pk}
        assert Deletion.objects.get().purge_began_at is not None
        assert Attachment.with_deleted.get().pk == made.attachment.pk
    assert is_stored(made.attachment) and not is_stored(other.attachment)

    monkeypatch.setattr(storage, "remove", remove)
    assert "removed: 1 (12 rows)" in purge()
    assert not is_stored(made.attachment)
    assert count(practice) == {}


def test_begun_purge_cannot_be_restored_and_is_finished(practice, admin, client_of, made, brief):
    delete(admin, made.patient)
    with practice_scope(practice.pk):
        Deletion.objects.update(purge_began_at=timezone.now(), created_at=timezone.now() - timedelta(days=31))
    keep(practice, years=10)

    assert client_of(admin).post(f"/api/patients/{made.patient.pk}/restore").status_code == 410
    assert "removed: 1 " in purge()
    assert client_of(admin).post(f"/api/patients/{made.patient.pk}/restore").status_code == 404


def test_purged_rows_are_not_found(practice, admin, client_of, made, brief):
    delete(admin, made.patient)
    purge()

    client = client_of(admin)
    assert client.get("/api/deleted").json()["total"] == 0
    assert client.get("/api/patients", {"search": made.patient.name}).json()["total"] == 0


@pytest.mark.parametrize("batch", ["1", "2", "500"])
def test_purge_result_is_independent_of_batch_size(practice, admin, doctor, brief, batch):
    with practice_scope(practice.pk):
        charts = [chart_with_all(doctor) for _ in range(3)]
    delete(doctor, *(chart.draft for chart in charts))
    delete(admin, *(chart.patient for chart in charts))

    assert "removed: 6 (33 rows)" in purge("--batch", batch)
    assert count(practice) == {}


@pytest.mark.parametrize("batch", ["0", "-1", "many", "10001"])
def test_batch_is_a_sensible_number(batch):
    with pytest.raises(CommandError):
        purge("--batch", batch)


def test_each_practice_has_its_own_years(practice, other_practice, admin, make_user, made, brief):
    elsewhere = make_user("admin", practice=other_practice)
    with practice_scope(other_practice.pk):
        theirs = chart_with_all(make_user("doctor", practice=other_practice))
    delete(admin, made.patient)
    delete(elsewhere, theirs.patient)

    said = purge().splitlines()

    assert len(said) == 2
    assert "removed: 1 " in next(line for line in said if line.startswith("Demo Clinic:"))
    assert "kept for 10 years: 1" in next(line for line in said if line.startswith("Elsewhere Clinic:"))
    assert count(practice) == {} and count(other_practice)


def test_every_model_that_names_a_chart_is_one_that_the_purge_knows():
    """A new model that refers to a chart, but is neither soft-deletable nor purged with it, would block the purge."""
    naming = {
        relation.related_model
        for relation in Patient._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete
    }

    others = {model for model in naming if not issubclass(model, SoftDeletable)}
    keeping = {Invoice, LedgerEntry, Checkout}  # a chart with money is kept (docs/adr/0041)
    assert others == {
        Deletion,
        LegalHold,
        EmergencyAccess,
        ChartMerge,
        DuplicatePair,
        LiftRequest,
        PrivacyRequest,  # stays, and forgets whose it was: dashboard/tests/test_privacy.py
        WaitingListEntry,
        Message,
        MessagePreference,
        Coverage,
        VisitCoding,
        *keeping,
    }
    for model in keeping:
        assert model._meta.get_field("patient").remote_field.on_delete.__name__ == "PROTECT"
    for model in (WaitingListEntry, LiftRequest, Message, MessagePreference, Coverage, VisitCoding):
        assert model._meta.get_field("patient").remote_field.on_delete.__name__ == "CASCADE"
    for end in ("one", "other"):
        assert DuplicatePair._meta.get_field(end).remote_field.on_delete.__name__ == "CASCADE"
    assert Goal._meta.get_field("plan").remote_field.on_delete.__name__ == "CASCADE"
