"""The admin site saves through the services: their rules apply, and their refusals are shown."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from accounts.models import LoginSession, User
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from core.errors import Invalid
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.models import Office
from tests.admin_forms import page_of, send

CHART = {
    "name": "Rosa Müller",
    "date_of_birth": "1975-04-05",
    "gender": "female",
    "email": "rosa@example.org",
    "phone": "+1 555 777 8899",
    "address": "2 Oak Street",
    "emergency_contact": "",
    "primary_doctor": "",
    "blood_type": "A+",
    "allergies": "Penicillin",
    "medical_history": "",
}


# --- Charts


def test_chart_is_opened_and_found_by_the_same_index(enter_as, own):
    client = enter_as("admin")
    answer = client.post(reverse("admin:patients_patient_add"), CHART)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    with practice_scope(own.practice.pk):
        chart = Patient.objects.latest("created_at")
    assert (chart.name, chart.status, chart.allergies) == ("Rosa Müller", "confirmed", "Penicillin")

    for query in ("muller", "rosa@example", "777 8899", "ros"):
        page = client.get(reverse("admin:patients_patient_changelist"), {"q": query})
        assert [row.pk for row in page.context["cl"].result_list] == [chart.pk], query
    assert not client.get(reverse("admin:patients_patient_changelist"), {"q": "nobody"}).context["cl"].result_list
    assert not client.get(reverse("admin:patients_patient_changelist"), {"q": "--"}).context["cl"].result_list


def test_chart_is_changed_and_keeps_what_was_not_touched(enter_as, own):
    client = enter_as("admin")
    assert send(client, own.chart, name="Ann Married", primary_doctor=own.doctor.pk).status_code == 302
    with practice_scope(own.practice.pk):
        chart = Patient.objects.get(pk=own.chart.pk)
    assert (chart.name, chart.email, chart.primary_doctor_id) == ("Ann Married", own.chart.email, own.doctor.pk)
    page = client.get(reverse("admin:patients_patient_changelist"), {"q": "married"})
    assert [row.pk for row in page.context["cl"].result_list] == [chart.pk]


def test_doctor_who_left_stays_on_the_chart(enter_as, own):
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        own.chart.primary_doctor = own.doctor
        own.chart.save()
        own.doctor.is_active = False
        own.doctor.save()
    assert send(client, own.chart, phone="123").status_code == 302
    with practice_scope(own.practice.pk):
        chart = Patient.objects.get(pk=own.chart.pk)
    assert (chart.phone, chart.primary_doctor_id) == ("123", own.doctor.pk)


@pytest.mark.parametrize("change", [{"date_of_birth": "1800-01-01"}, {"email": "none"}, {"name": "A\x00B"}])
def test_invalid_chart_is_sent_back(enter_as, own, change):
    answer = enter_as("admin").post(reverse("admin:patients_patient_add"), {**CHART, **change})
    assert answer.status_code == 200
    assert set(answer.context["adminform"].form.errors) == set(change)


def test_registrations_are_listed_and_confirmed_once(enter_as, own):
    client = enter_as("admin")
    waiting = f"{reverse('admin:patients_patient_changelist')}?status__exact=pending"
    assert [row.pk for row in client.get(waiting).context["cl"].result_list] == [own.pending.pk]
    page = page_of(own.pending)
    assert "waiting to be confirmed" in client.get(page).content.decode()

    confirm = reverse("admin:patients_patient_confirm", args=[own.pending.pk])
    assert client.get(confirm).status_code == 405
    assert client.post(confirm).url == page
    with practice_scope(own.practice.pk):
        assert Patient.objects.get(pk=own.pending.pk).status == "confirmed"
    again = client.post(confirm, {"from": "today"}, follow=True)
    assert "has already been confirmed" in again.content.decode()


def test_registrations_are_confirmed_together(enter_as, own):
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        others = [PatientFactory(status="pending") for _ in range(2)]
    picked = [str(chart.pk) for chart in [own.pending, own.chart, *others]]
    bulk = {"action": "confirm_registrations", "_selected_action": picked}
    page = client.post(reverse("admin:patients_patient_changelist"), bulk, follow=True)
    assert "3 registrations confirmed." in page.content.decode()
    with practice_scope(own.practice.pk):
        assert not Patient.objects.pending().exists()
    page = client.post(reverse("admin:patients_patient_changelist"), bulk, follow=True)
    assert "None of these registrations is waiting" in page.content.decode()


# --- Appointments

BOOKING = {"starts_at_0": "2031-01-06", "starts_at_1": "09:00", "reason": "Check-up", "notes": ""}


def book(client, own, **fields):
    form = {**BOOKING, "patient": str(own.chart.pk), "doctor": str(own.doctor.pk), **fields}
    return client.post(reverse("admin:appointments_appointment_add"), form)


def test_appointment_is_booked_in_the_practices_time(enter_as, own):
    client = enter_as("admin")
    assert book(client, own).status_code == 302
    with practice_scope(own.practice.pk):
        made = Appointment.objects.latest("created_at")
    assert made.starts_at == datetime(2031, 1, 6, 14, 0, tzinfo=UTC)  # nine in New York
    assert made.ends_at - made.starts_at == timedelta(minutes=30)
    assert "Jan 6, 2031, 9:00 AM" in client.get(reverse("admin:appointments_appointment_changelist")).content.decode()


def test_double_booking_shows_a_form_error(enter_as, own):
    client = enter_as("admin")
    book(client, own)
    answer = book(client, own, starts_at_1="09:15")
    assert answer.status_code == 200
    assert "The doctor has another appointment at this time." in answer.content.decode()
    assert "Ann Ownwood" in answer.content.decode()  # what was picked is still picked
    with practice_scope(own.practice.pk):
        assert Appointment.objects.filter(starts_at__year=2031).count() == 1


def test_moving_onto_a_taken_slot_changes_nothing(enter_as, own):
    client = enter_as("admin")
    book(client, own)
    book(client, own, starts_at_1="10:00")
    with practice_scope(own.practice.pk):
        later = Appointment.objects.latest("created_at")
    answer = send(client, later, starts_at_1="09:00", notes="moved")
    assert answer.status_code == 200
    assert "another appointment at this time" in answer.content.decode()
    with practice_scope(own.practice.pk):
        assert Appointment.objects.get(pk=later.pk).notes == ""
    assert send(client, later, starts_at_1="11:00", notes="moved").status_code == 302
    with practice_scope(own.practice.pk):
        moved = Appointment.objects.get(pk=later.pk)
    assert (moved.starts_at.hour, moved.version, moved.notes) == (16, 2, "moved")
    assert moved.patient_id == own.chart.pk


def test_time_skipped_by_daylight_saving_is_refused(enter_as, own):
    answer = book(enter_as("admin"), own, starts_at_0="2031-03-09", starts_at_1="02:30")  # clocks go forward at two
    assert set(answer.context["adminform"].form.errors) == {"starts_at"}
    answer = book(enter_as("admin"), own, starts_at_0="1999-01-01")
    assert answer.context["adminform"].form.errors == {"starts_at": ["Enter a date between 2000 and 2099."]}


def test_appointments_and_records_are_found_by_their_patient(enter_as, own):
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        AppointmentFactory(patient=PatientFactory(name="Somebody Else"), doctor=own.doctor)
    for model, row in (("appointments_appointment", own.appointment), ("records_medicalrecord", own.record)):
        for query in ("ownwood", "own"):
            page = client.get(reverse(f"admin:{model}_changelist"), {"q": query})
            assert [found.pk for found in page.context["cl"].result_list] == [row.pk]


def test_appointments_are_filtered_by_the_local_day_and_doctor(enter_as, own):
    client = enter_as("admin")
    start, end = own.practice.day_bounds(own.practice.today())
    with practice_scope(own.practice.pk):
        at = {"patient": own.chart, "doctor": own.doctor}
        first = AppointmentFactory(**at, starts_at=start, ends_at=start + timedelta(minutes=30))
        last = AppointmentFactory(**at, starts_at=end - timedelta(minutes=30), ends_at=end)
        AppointmentFactory(**at, starts_at=end, ends_at=end + timedelta(minutes=30))

    def listed(**query):
        page = client.get(reverse("admin:appointments_appointment_changelist"), query)
        return [row.pk for row in page.context["cl"].result_list]

    assert listed(when="today") == [first.pk, last.pk]
    assert len(listed(when="tomorrow")) == 1
    assert len(listed(when="coming")) == 4
    assert listed(when="past") == []
    assert len(listed(doctor=str(own.doctor.pk))) == 4
    assert len(listed(when="nonsense", doctor="nonsense")) == 4


# --- People, practice, offices


@pytest.mark.django_db(transaction=True)
def test_deactivation_ends_every_session(enter_as, client_of, own):
    desk = enter_as("staff")
    api = client_of(desk.user)
    assert api.get("/api/users/me").status_code == 200
    assert send(enter_as("admin"), desk.user, is_active=None).status_code == 302
    assert api.get("/api/users/me").status_code == 401
    assert desk.get(reverse("admin:index")).status_code == 302
    assert not LoginSession.objects.live().filter(user=desk.user).exists()


def test_form_of_a_person_sets_no_password(enter_as, own):
    """They set their own, by a link."""
    send(enter_as("admin"), own.doctor, new_password="An0ther!12345")
    assert User.all_practices.get(pk=own.doctor.pk).check_password("Passw0rd!")


def test_taken_email_shows_a_form_error(enter_as, own, foreign):
    answer = send(enter_as("admin"), own.doctor, email=foreign.doctor.email.upper())
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == {"email": ["This email already has an account."]}


def test_office_manager_cannot_lock_themself_out(enter_as, own):
    client = enter_as("admin")
    answer = send(client, client.user, role="staff")
    assert "change your own role or deactivate yourself" in answer.content.decode()
    assert client.get(reverse("admin:index")).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_ones_own_new_password_keeps_one_here_and_ends_the_rest(enter_as, client_of, own):
    client = enter_as("admin")
    api = client_of(client.user)
    form = {"old_password": "Passw0rd!", "new_password1": "An0ther!", "new_password2": "An0ther!"}
    assert client.post(reverse("admin:password_change"), form).status_code == 302
    assert api.get("/api/users/me").status_code == 401
    assert client.get(reverse("admin:index")).status_code == 200


def test_people_are_found_by_name_or_whole_email(enter_as, own, make_user):
    client = enter_as("admin")
    patient = make_user("patient", name="Patty Ent", email="patty@example.com")

    def listed(**query):
        page = client.get(reverse("admin:accounts_user_changelist"), query)
        return {row.pk for row in page.context["cl"].result_list}

    assert listed() == {client.user.pk, own.doctor.pk}
    assert listed(q="ownw dr") == {own.doctor.pk}
    assert listed(q="patty@example.com") == {patient.pk}
    assert listed(who="patient") == {patient.pk}
    assert len(listed(who="all")) == 3


def test_practice_and_its_offices_are_changed(enter_as, own):
    client = enter_as("admin")
    page = page_of(own.practice)
    assert client.get(reverse("admin:practices_practice_changelist")).url == page
    assert own.practice.join_code in client.get(page).content.decode()
    form = {"name": "Oak Clinic", "timezone": "Europe/Paris", "appointment_minutes": 45, "currency": "EUR"}
    assert send(client, own.practice, **form, join_code="TAKEN000").status_code == 302
    code = own.practice.join_code
    own.practice.refresh_from_db()
    practice = own.practice
    assert (practice.name, practice.timezone, practice.appointment_minutes) == ("Oak Clinic", "Europe/Paris", 45)
    assert practice.join_code == code
    bad = send(client, own.practice, timezone="Mars/Base", appointment_minutes=2)
    assert set(bad.context["adminform"].form.errors) == {"timezone", "appointment_minutes"}

    office = {"name": "Main office", "address": "1 Main Street", "phone": "", "timezone": ""}
    assert client.post(reverse("admin:practices_office_add"), office).status_code == 302
    with practice_scope(practice.pk):
        stored = Office.objects.get(name__exact="Main office")
    assert send(client, stored, phone="5").status_code == 302
    with practice_scope(practice.pk):
        stored.refresh_from_db()
    assert stored.phone == "5"


def test_logs_of_the_admin_hold_no_phi(enter_as, own):
    client = enter_as("admin")
    client.post(reverse("admin:patients_patient_add"), CHART)
    client.post(reverse("admin:patients_patient_confirm", args=[own.pending.pk]))
    entries = " ".join(f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all())
    assert "Chart" in entries
    assert not any(marked in entries for marked in ("Rosa", "Penicillin", "Pending Own"))


def test_refusal_of_a_service_is_a_form_error_and_is_called_once(enter_as, own, monkeypatch):
    asked = []

    def refuse(*, practice, by):
        asked.append(by)
        Office.objects.create(name="Left behind")
        raise Invalid("name", "Not today.")

    monkeypatch.setattr("practices.admin.services.save_practice", refuse)
    client = enter_as("admin")
    answer = send(client, own.practice, name="Another name")

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == {"name": ["Not today."]}
    assert asked == [client.user]
    with practice_scope(own.practice.pk):
        assert not Office.objects.filter(name="Left behind").exists()
