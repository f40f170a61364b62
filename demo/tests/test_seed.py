"""`manage.py seed`, the demo and the bulk."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F, OuterRef, Subquery
from django.test import Client
from django.utils import timezone

from accounts.models import JoinCode, User
from appointments.models import Appointment, WaitingListEntry
from billing.models import Invoice
from billing.reports import figures
from core.tenancy.scope import practice_scope
from dashboard.numbers.figures import weeks_of
from demo import week
from demo.people import FREQUENT, make_random, person
from patients.models import ChartStatus, Deletion, Patient
from practices.models import Office, Practice
from practices.tests.factories import PracticeFactory
from records.models import Attachment, MedicalRecord, PatientForm, PlanOfCare, SessionNote
from tests.rows import rows_for_several_tests
from tests.sampling import sample

pytestmark = pytest.mark.embedded  # as `make run` seeds it; tests/contract/test_trail.py seeds in the other half too

COUNTED = (Patient, Appointment, MedicalRecord, SessionNote, PlanOfCare, Attachment, Deletion)
SIGN_INS = ["admin", "doctor", "staff", "billing", "patient"]
OVERLAPS = """
    SELECT count(*) FROM appointments_appointment a JOIN appointments_appointment b ON a.doctor_id = b.doctor_id
    AND a.id < b.id AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
    WHERE a.status <> 'cancelled' AND b.status <> 'cancelled'
"""


def seed(**options):
    call_command("seed", **{"password": "Passw0rd!", **options})


@pytest.fixture(scope="class")
def seeded(django_db_setup, django_db_blocker):
    """The demo, created once for a class of tests, each of which rolls back to it."""
    with rows_for_several_tests(django_db_blocker):
        seed()
        yield


@pytest.fixture
def demo(seeded, db):
    practice = Practice.objects.get()
    with practice_scope(practice.pk):
        yield practice


def counts():
    return {
        "users": User.all_practices.count(),
        **{model.__name__: model.objects.count() for model in COUNTED},
    }


def overlaps():
    with connection.cursor() as cursor:
        cursor.execute(OVERLAPS)
        return cursor.fetchone()[0]


def names(charts):
    return [chart.name for chart in charts.order_by("id")]


def signed_in(email):
    client = Client()
    answer = client.post("/api/auth/login", {"email": email, "password": "Passw0rd!"}, "application/json")
    assert answer.status_code == 200
    return client


class TestTheDemo:
    def test_everyone_has_the_right_office(self, demo):
        elsewhere, office = Office.objects.order_by("name")
        away = User.all_practices.with_email("doctor5@example.com")

        assert (office.tzinfo.key, elsewhere.tzinfo.key) == ("America/New_York", "America/Chicago")
        for colleague in User.objects.filter(role__in=["admin", "doctor", "staff", "billing"]):
            assert colleague.office_id == (elsewhere.pk if colleague == away else office.pk)
        assert User.all_practices.with_email("patient@example.com").office_id == office.pk
        assert {row.office_id for row in Appointment.objects.filter(doctor=away)} == {elsewhere.pk}
        assert {row.office_id for row in Appointment.objects.exclude(doctor=away)} == {office.pk}
        code = JoinCode.objects.get()
        assert (code.uses, code.most_uses) == (1, 1)
        assert Patient.objects.pending().get(user__office=office).primary_doctor_id == code.doctor_id

    def test_one_registration_matches_a_chart_without_an_account(self, demo):
        desk = signed_in("staff@example.com")
        waiting = desk.get("/api/registrations").json()["registrations"]

        (close,) = [
            row for row in waiting if any({"phone", "name"} <= set(match["because"]) for match in row["matches"])
        ]

        likeliest = close["matches"][0]
        assert set(likeliest["because"]) == {"phone", "name"} and close["name"] != likeliest["name"]
        into = {"patientId": likeliest["id"]}
        confirm = f"/api/registrations/{close['id']}/confirm"
        assert desk.post(confirm, into, "application/json").status_code == 200
        assert Patient.objects.get(pk=likeliest["id"]).user_id is not None

    def test_dashboards_have_numbers(self, demo):
        assert (demo.name, demo.timezone) == ("Demo Clinic", "America/New_York")
        numbers = {role: signed_in(f"{role}@example.com").get("/api/dashboard/stats").json() for role in SIGN_INS}

        assert numbers["admin"]["totalPatients"] >= 41 and numbers["admin"]["totalDoctors"] == 5
        assert numbers["doctor"]["assignedPatients"] > 5 and numbers["doctor"]["pendingReports"] > 0
        assert numbers["staff"]["pendingRegistrations"] == 3 and numbers["staff"]["scheduledAppointments"] > 50
        assert numbers["patient"]["upcomingAppointments"] > 0 and numbers["patient"]["medicalRecords"] > 0
        assert overlaps() == 0

    def test_demo_patient_owns_a_confirmed_chart(self, demo):
        account = User.all_practices.with_email("patient@example.com")
        assert (account.chart.status, account.chart.gender) == (ChartStatus.CONFIRMED, "female")

    def test_second_seed_adds_nothing(self, demo, capsys):
        before = counts()
        seed()
        assert counts() == before
        assert "already exists" in capsys.readouterr().out

    def test_missing_sign_in_is_created_again(self, demo):
        before = counts()
        User.all_practices.with_email("billing@example.com").delete()
        seed()
        assert counts() == before

    def test_phi_is_stored_encrypted(self, demo):
        tables = ("accounts_user", "patients_patient", "appointments_appointment", "records_medicalrecord")
        with connection.cursor() as cursor:
            stored = []
            for table in tables:
                cursor.execute(f"SELECT * FROM {table}")
                stored += [bytes(value) if isinstance(value, memoryview) else value for row in cursor for value in row]
        dump = "\n".join(value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in stored)
        for chart in Patient.objects.all()[:10]:
            assert chart.name not in dump and chart.email not in dump
        for record in MedicalRecord.objects.all()[:10]:
            assert record.diagnosis not in dump

    def test_bulk_adds_exactly_that_many(self, demo):
        before = counts()
        seed(patients=60, appointments=300, records=350)
        after = counts()
        assert {name: after[name] - before[name] for name in before if after[name] != before[name]} == {
            "Patient": 60,
            "Appointment": 300,
            "MedicalRecord": 350,
        }
        seed(appointments=300)
        assert overlaps() == 0
        chart = Patient.objects.order_by("-id").first()
        hits = signed_in("staff@example.com").get("/api/patients", {"search": chart.email}).json()
        assert [hit["id"] for hit in hits["patients"]] == [str(chart.pk)]


@pytest.fixture(scope="class", params=sample([17, 21, 22], 1), ids={17: "Tuesday", 21: "Saturday", 22: "Sunday"}.get)
def seeded_on(request, django_db_setup, django_db_blocker):
    """The demo as created at noon in New York, and that day."""
    noon = datetime(2026, 11, request.param, 17, tzinfo=UTC)
    with pytest.MonkeyPatch.context() as clock, rows_for_several_tests(django_db_blocker):
        clock.setattr(timezone, "now", lambda: noon)
        seed()
        yield noon.date()


@pytest.fixture
def demo_on_day(seeded_on, db):
    practice = Practice.objects.get()
    with practice_scope(practice.pk):
        yield practice, seeded_on


class TestOnAnyDay:
    def test_every_day_has_something_to_show(self, demo_on_day):
        practice, today = demo_on_day
        appointments = Appointment.objects.select_related("doctor", "office__practice")
        starts = [appointment.starts_at.astimezone(appointment.tzinfo) for appointment in appointments]
        by_day = Counter(start.date() for start in starts)

        assert practice.today() == today
        by_day = Counter({day: number for day, number in by_day.items() if day >= today - timedelta(days=28)})
        assert set(by_day) == {today + timedelta(days=offset) for offset in range(-28, 28)}
        assert overlaps() == 0
        assert all(9 <= start.hour < 17 for start in starts)
        weeks = Counter(day.weekday() for day in by_day.elements())
        assert weeks[0] > weeks[5] > weeks[6] > 0  # Monday, Saturday, Sunday

    def test_two_weeks_are_full_with_rooms_types_no_shows_and_a_series(self, demo_on_day):
        practice, today = demo_on_day
        visits = Appointment.objects.select_related("type", "office__practice")
        day = next(day for day in week.full_days(today) if day > today or day.weekday() == 4)
        start, end = practice.day_bounds(day)
        busy = visits.filter(starts_at__gte=start, starts_at__lt=end, status__in=["scheduled", "completed"])
        minutes = sum(visit.minutes + visit.type.buffer_after for visit in busy if visit.type)

        assert minutes > 0.6 * 5 * 7 * 60  # of five doctors' seven hours
        assert {visit.room.office_id == visit.office_id for visit in busy if visit.room} == {True}
        assert Appointment.objects.exclude(no_show_at=None).count() >= 3
        assert {visit.events.first().what for visit in busy} == {"booked"}
        series = list(Appointment.objects.exclude(series=None).order_by("position"))
        statuses = [visit.status for visit in series]  # the first are over
        assert len(series) == 6 and statuses == sorted(statuses) and set(statuses) == {"completed", "scheduled"}
        assert len({visit.starts_at.astimezone(visit.tzinfo).time() for visit in series}) == 1
        assert WaitingListEntry.objects.count() == 5

    def test_there_is_a_year_of_invoices_with_some_unpaid_of_each_age(self, demo_on_day):
        practice, today = demo_on_day
        year = today - timedelta(days=365)
        months = figures.revenue(year, today, "month")
        assert len(months) >= 12 and all(month.invoiced and month.paid for month in months[1:])
        assert all(amount > 0 for amount in figures.unpaid(today).values())
        payers = figures.unpaid_by_payer(today, by=User.all_practices.with_email("billing@example.com"))
        assert len(payers) == 3  # patients and two insurers
        numbers = list(Invoice.objects.filter(year=today.year).order_by("sequence").values_list("sequence", flat=True))
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 200
        weeks = weeks_of(practice, year, today)
        assert sum(week.visits > 0 for week in weeks) > 45 and sum(week.new_patients > 0 for week in weeks) > 30
        first = Appointment.objects.filter(patient=OuterRef("pk")).order_by("starts_at").values("starts_at")[:1]
        confirmed = Patient.objects.confirmed().filter(created_at__lt=practice.day_bounds(today)[0])
        assert not confirmed.annotate(first=Subquery(first)).filter(first__lt=F("created_at")).exists()

    def test_demo_patient_has_a_doctor_past_visits_with_records_and_three_to_come(self, demo_on_day):
        chart = User.all_practices.with_email("patient@example.com").chart
        visits = Appointment.objects.filter(patient=chart).order_by("starts_at")

        assert chart.primary_doctor == User.all_practices.with_email("doctor@example.com")
        assert [visit.status for visit in visits] == ["completed"] * 4 + ["scheduled"] * 3
        assert MedicalRecord.objects.filter(patient=chart, appointment__in=visits).count() == 4
        assert MedicalRecord.objects.filter(patient=chart, has_prescription=True).count() == 1

    def test_demo_patients_record_has_notes_a_plan_and_files(self, demo_on_day):
        notes = SessionNote.objects.order_by("date")
        assert [note.status for note in notes] == ["amended", "finalised", "draft"]
        assert all(note.subjective and note.objective and note.assessment and note.plan for note in notes)
        (plan,) = PlanOfCare.objects.with_progress()
        assert (plan.goals_met, plan.goals_total, plan.session_count, plan.appointments_completed) == (1, 3, 2, 3)
        assert [file.state for file in Attachment.objects.order_by("id")] == ["ready"] * 3
        assert [form.state for form in PatientForm.objects.order_by("id")] == ["completed", "asked"]
        (deletion,) = Deletion.objects.all()
        assert deletion.about == "records.SessionNote"
        assert {row.patient for row in (*notes, plan, deletion)} == {
            User.all_practices.with_email("patient@example.com").chart
        }


def test_seed_outside_debug_needs_a_password(db):
    with pytest.raises(CommandError, match="--password"):
        call_command("seed")
    assert Practice.objects.count() == 0


@pytest.mark.production
@pytest.mark.slow  # a whole demo for one password
def test_password_in_debug_is_the_contracts(db, settings):
    settings.DEBUG = True
    call_command("seed")
    assert User.all_practices.with_email("doctor@example.com").check_password("Passw0rd!")


def test_weak_password_is_refused(db):
    with pytest.raises(CommandError, match="too short"):
        seed(password="abc")


def test_email_of_another_practice_is_refused(make_user):
    make_user("staff", email="doctor@example.com")
    with pytest.raises(CommandError, match="already used by other people"):
        seed()
    assert Practice.objects.count() == 1


def test_many_appointments_add_doctors(scope, monkeypatch):
    monkeypatch.setattr("demo.bulk.DAYS_PER_DOCTOR", 5)
    seed(practice=scope.name, patients=3, appointments=200)
    assert (User.objects.doctors().count(), Appointment.objects.count(), overlaps()) == (3, 200, 0)


def test_same_random_seed_makes_the_same_people(db):
    made = []
    for name, number in (("First", 7), ("Second", 7), ("Third", 8)):
        practice = PracticeFactory(name=name)
        seed(practice=name, patients=20, random_seed=number)
        with practice_scope(practice.pk):
            made.append(names(Patient.objects.all()))
    assert made[0] == made[1] != made[2]


def test_bulk_needs_a_practice_and_patients(scope):
    with pytest.raises(CommandError, match="No practice is named 'Nowhere'"):
        seed(practice="Nowhere", patients=1)
    with pytest.raises(CommandError, match="no patients yet"):
        seed(practice=scope.name, appointments=1)


def test_surname_frequencies_are_realistic():
    random = make_random(1)
    surnames = [person(random).name.split()[-1] for _ in range(20_000)]
    assert 0.006 < surnames.count(FREQUENT[0]) / len(surnames) < 0.010
    assert len(set(surnames)) > 1_000
