"""`manage.py purge_deleted`: what goes, what stays and why, and what is told of it."""

from datetime import timedelta
from io import StringIO

import orjson
import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Session, User
from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.soft_delete import SoftDeletable, soft_deletable_models
from core.tenancy import PracticeModel, practice_scope
from patients import deletions
from patients.models import Deletion, EmergencyAccess, LegalHold, Patient
from patients.tests.chart_with_all import chart_with_all, file_of
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from records.files import storing
from records.models import Attachment, Goal, MedicalRecord, PlannedAppointment, SessionNote
from records.tests.factories import GoalFactory, NoteFactory

OF_PATIENTS = [
    model
    for model in apps.get_models()
    if issubclass(model, PracticeModel) and model._meta.app_label in ("patients", "appointments", "records")
]


@pytest.fixture
def admin(make_user):
    return make_user("admin")


@pytest.fixture
def doctor(make_user):
    return make_user("doctor")


@pytest.fixture
def brief(practice):
    """The practice keeps clinical records for no longer than they can be restored."""
    keep(practice, years=0)


def keep(practice, *, years):
    practice.retention_years = years
    with practice_scope(practice.pk):
        practice.save()


def delete(by, *rows, days=31):
    """So many days ago."""
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
    """The file's object in the storage."""
    storing.storage().save(row.storage_name, ContentFile(b"encrypted"))
    return row


def is_stored(row):
    return storing.storage().exists(row.storage_name)


@pytest.fixture
def made(practice, doctor, make_user):
    """A chart with one of everything that can be in it."""
    with practice_scope(practice.pk):
        made = chart_with_all(doctor, user=make_user("patient"))
        stored(made.attachment)
        GoalFactory(plan=made.plan)
        PlannedAppointment.objects.create(plan=made.plan, appointment=made.appointment)
        EmergencyAccessFactory(patient=made.patient, opened_by=doctor)
        made.merged = PatientFactory(status="merged", merged_into=made.patient)
        SessionNote.objects.filter(pk=made.session.pk).update(appointment=made.appointment, plan_of_care=made.plan)
        Attachment.objects.update(note=made.session)
    return made


def test_of_a_chart_nothing_is_left(practice, admin, doctor, made, brief):
    with practice_scope(practice.pk):
        other = chart_with_all(doctor)
        others = stored(file_of(other.patient, doctor))
    delete(admin, made.patient)

    said = purge()

    assert "removed for good 1 with 8 rows" in said
    assert count(practice) == {
        "patients.Patient": 1,
        "appointments.Appointment": 1,
        "records.MedicalRecord": 1,
        "records.SessionNote": 2,
        "records.NoteVersion": 1,
        "records.PlanOfCare": 1,
        "records.Attachment": 2,
    }
    assert not is_stored(made.attachment)
    assert is_stored(others)


@pytest.mark.django_db(transaction=True)
def test_the_patients_account_goes_with_the_chart_and_a_colleagues_stays(
    practice, admin, made, brief, client_of, make_user
):
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
    assert not Session.objects.filter(user=made.patient.user_id).exists()


def test_what_can_still_be_restored_stays(practice, admin, made, brief):
    delete(admin, made.patient, days=29)
    before = count(practice)

    assert purge() == "Nothing was deleted so long ago.\n"
    assert count(practice) == before


def test_what_is_younger_than_the_practices_years_stays_and_the_command_says_until_when(practice, admin, made):
    delete(admin, made.patient)
    before = count(practice)

    said = purge()

    until = timezone.now().year + 10
    assert f"kept for 10 years of retention 1 (the first until {until}" in said
    assert count(practice) == before
    assert is_stored(made.attachment)


@pytest.mark.parametrize("latest", ["date", "created_at", "amended_at"])
def test_a_medical_record_is_kept_from_the_last_that_was_done_with_it(practice, admin, made, latest):
    """A visit of long ago may have been written down or amended today, or dated ahead."""
    long_ago = timezone.now() - timedelta(days=3660)
    times = {"date": long_ago, "created_at": long_ago, "amended_at": long_ago, latest: timezone.now()}
    with practice_scope(practice.pk):
        MedicalRecord.objects.filter(pk=made.record.pk).update(**times)
    delete(admin, made.record)

    assert "kept for 10 years of retention 1" in purge()


def test_a_draft_and_an_appointment_are_no_clinical_records_and_go_at_once(practice, admin, doctor, made):
    with practice_scope(practice.pk):
        loose = AppointmentFactory(patient=made.patient, doctor=doctor)
    delete(admin, loose)
    delete(doctor, made.draft)

    assert "removed for good 2 with 2 rows" in purge()
    with practice_scope(practice.pk):
        assert not SessionNote.with_deleted.filter(pk=made.draft.pk).exists()
        assert Patient.objects.filter(pk=made.patient.pk).exists()


def test_on_legal_hold_nothing_of_a_chart_goes(practice, admin, doctor, made, brief):
    delete(doctor, made.draft)
    delete(admin, made.patient)
    with practice_scope(practice.pk):
        deletions.place_hold(by=admin, patient_id=made.patient.pk, reason="Order of the court")
    before = count(practice)

    assert "on legal hold 2;" in purge()
    assert count(practice) == before

    with practice_scope(practice.pk):
        deletions.lift_hold(by=admin, patient_id=made.patient.pk)
    assert "removed for good 2" in purge()


def test_what_is_named_by_something_kept_waits_for_it(practice, admin, doctor, made):
    """An appointment whose note is deleted, and is kept."""
    with practice_scope(practice.pk):
        Attachment.objects.update(note=None)
    delete(admin, made.session, made.appointment)

    assert "kept for 10 years of retention 1" in (said := purge())
    with practice_scope(practice.pk):
        waiting = Deletion.objects.get(about_id=made.appointment.pk)
    assert f"named by what is kept 1 (deletions {waiting.pk});" in said
    keep(practice, years=0)
    assert "removed for good 2 with 2 rows" in purge("--dry-run")
    assert "removed for good 2 with 2 rows" in purge()


def test_a_chart_is_kept_as_long_as_what_was_deleted_before_it(practice, admin, made):
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

    assert "kept for 10 years of retention 2" in purge()


def test_a_dry_run_changes_nothing_and_says_the_same_numbers(practice, admin, doctor, made, brief):
    delete(doctor, made.draft)
    delete(admin, made.patient)
    before = count(practice)
    events = whole_trail().count()

    dry = purge("--dry-run")

    assert (count(practice), whole_trail().count()) == (before, events)
    assert is_stored(made.attachment)
    assert dry.replace("would be ", "") == purge()


def test_the_trail_has_counts_and_ids_and_nothing_of_the_patient(practice, admin, made, brief):
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


def test_very_many_ids_are_told_in_parts(practice, admin, doctor, brief, monkeypatch):
    monkeypatch.setattr("patients.purge.IDS_TOLD", 3)
    with practice_scope(practice.pk):
        chart = PatientFactory()
        notes = [NoteFactory(patient=chart, doctor=doctor) for _ in range(7)]
    delete(admin, chart)

    purge()

    told = [orjson.loads(event.details) for event in whole_trail().filter(kind="data.purged").order_by("id")]
    assert [sum(map(len, part["ids"].values())) for part in told] == [3, 3, 2]
    named = [pk for part in told for pk in part["ids"].get("records.SessionNote", [])]
    assert sorted(named) == sorted(str(note.pk) for note in notes)
    assert ["rows" in part for part in told] == [True, False, False]


def test_a_storage_that_fails_loses_track_of_nothing_and_keeps_nobody_else(
    practice, admin, doctor, made, brief, monkeypatch
):
    with practice_scope(practice.pk):
        other = chart_with_all(doctor)
        stored(other.attachment)
    delete(admin, made.patient, other.patient)
    remove = storing.remove

    def broken(name):
        if name == made.attachment.storage_name:
            raise storing.StorageDown
        remove(name)

    monkeypatch.setattr(storing, "remove", broken)
    with pytest.raises(CommandError, match="1 could not be removed"):
        purge()

    with practice_scope(practice.pk):
        assert {deletion.patient_id for deletion in Deletion.objects.all()} == {made.patient.pk}
        assert Deletion.objects.get().purge_began_at is not None
        assert Attachment.with_deleted.get().pk == made.attachment.pk
    assert is_stored(made.attachment) and not is_stored(other.attachment)

    monkeypatch.setattr(storing, "remove", remove)
    assert "removed for good 1 with 8 rows" in purge()
    assert not is_stored(made.attachment)
    assert count(practice) == {}


def test_what_has_begun_cannot_be_restored_and_is_finished(practice, admin, client_of, made, brief):
    delete(admin, made.patient)
    with practice_scope(practice.pk):
        Deletion.objects.update(purge_began_at=timezone.now(), created_at=timezone.now() - timedelta(days=31))
    keep(practice, years=10)

    assert client_of(admin).post(f"/api/patients/{made.patient.pk}/restore").status_code == 410
    assert "removed for good 1" in purge()
    assert client_of(admin).post(f"/api/patients/{made.patient.pk}/restore").status_code == 404


def test_what_was_purged_cannot_be_found_by_anybody(practice, admin, client_of, made, brief):
    delete(admin, made.patient)
    purge()

    client = client_of(admin)
    assert client.get("/api/deleted").json()["total"] == 0
    assert client.get("/api/patients", {"search": made.patient.name}).json()["total"] == 0


@pytest.mark.parametrize("batch", ["1", "2", "500"])
def test_the_size_of_the_batches_changes_nothing(practice, admin, doctor, brief, batch):
    with practice_scope(practice.pk):
        charts = [chart_with_all(doctor) for _ in range(3)]
    delete(doctor, *(chart.draft for chart in charts))
    delete(admin, *(chart.patient for chart in charts))

    assert "removed for good 6 with 21 rows" in purge("--batch", batch)
    assert count(practice) == {}


@pytest.mark.parametrize("batch", ["0", "-1", "many", "10001"])
def test_a_batch_is_a_sensible_number(batch):
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
    assert "removed for good 1" in next(line for line in said if line.startswith("Demo Clinic:"))
    assert "kept for 10 years of retention 1" in next(line for line in said if line.startswith("Elsewhere Clinic:"))
    assert count(practice) == {} and count(other_practice)


def test_every_model_that_names_a_chart_is_one_that_the_purge_knows():
    """A table of tomorrow that names a chart and is neither soft-deletable nor goes with it would keep it for ever."""
    naming = {
        relation.related_model
        for relation in Patient._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete
    }

    assert {model for model in naming if not issubclass(model, SoftDeletable)} == {Deletion, LegalHold, EmergencyAccess}
    assert Goal._meta.get_field("plan").remote_field.on_delete.__name__ == "CASCADE"
