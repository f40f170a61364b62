"""What a patient's own account may book, and that nobody is in two places at once.

Seen in care_fe#10307 and ottehr#615 (one patient with two doctors at one time); found by attack on 2026-11-29 (an
account that booked every slot of three days, eight doctors at the same minute, and the year 2099).
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from appointments.booking_rules import ANOTHER_VISIT, BOOKED_ENOUGH, ELSEWHERE, ELSEWHERE_YOURSELF, months_later
from appointments.models import Appointment
from core.tenancy.scope import practice_scope
from patients.models import ChartStatus
from patients.tests.factories import PatientFactory
from practices.models import Practice
from tests.admin_forms import errors_of, send

BOOKINGS = "/api/appointments"
SETTINGS = "/api/practice"


def at(days, hour=15, minute=0):
    """A moment so many days ahead."""
    moment = (datetime.now(UTC) + timedelta(days=days)).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def book(client, chart, doctor, when, **fields):
    body = {"patientId": str(chart.pk), "doctorId": str(doctor.pk), "date": when, "reason": "Back pain", **fields}
    return client.post(BOOKINGS, body, "application/json")


def move(client, booked, **changes):
    return client.patch(f"{BOOKINGS}/{booked['id']}", changes, "application/json")


@pytest.fixture
def doctors(make_user):
    return [make_user("doctor"), make_user("doctor")]


@pytest.fixture
def patient(as_role):
    client = as_role("patient")
    with practice_scope(client.user.practice_id):
        client.chart = PatientFactory(user=client.user)
    return client


@pytest.fixture
def chart(practice):
    with practice_scope(practice.pk):
        return PatientFactory()


def test_patient_has_so_many_upcoming_visits(patient, doctors, as_role, practice):
    answers = [book(patient, patient.chart, doctors[0], at(day)) for day in range(2, 8)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [409]
    assert answers[-1].json() == {"detail": BOOKED_ENOUGH}

    assert book(as_role("staff"), patient.chart, doctors[0], at(8)).status_code == 201  # the front desk may
    cancelled = [move(patient, answer.json(), status="cancelled").status_code for answer in answers[:2]]
    assert cancelled == [200, 200]
    assert book(patient, patient.chart, doctors[0], at(9)).status_code == 201
    assert book(patient, patient.chart, doctors[0], at(10)).status_code == 409
    with practice_scope(practice.pk):  # what is past does not count
        past = timezone.now() - timedelta(days=3)
        visit = Appointment.objects.filter(patient=patient.chart, status="scheduled").first()
        Appointment.objects.filter(pk=visit.pk).update(starts_at=past, ends_at=past + timedelta(minutes=30))
    assert book(patient, patient.chart, doctors[0], at(10)).status_code == 201


def test_unconfirmed_registration_books_less(patient, doctors, practice):
    with practice_scope(practice.pk):
        type(patient.chart).objects.filter(pk=patient.chart.pk).update(status=ChartStatus.PENDING)
    answers = [book(patient, patient.chart, doctors[0], at(day)).status_code for day in range(2, 5)]
    assert answers == [201, 201, 403]


def test_patient_books_and_moves_up_to_a_year_ahead(patient, doctors, as_role, practice, subtests):
    last = months_later(practice.today(), 12)
    inside = (last - timedelta(days=1)).strftime("%Y-%m-%dT10:00")
    beyond = (last + timedelta(days=1)).strftime("%Y-%m-%dT10:00")
    sentence = f"You can book up to {last:%b} {last.day}, {last.year}."
    booked = book(patient, patient.chart, doctors[0], inside)
    assert booked.status_code == 201
    for when in (beyond, "2099-12-31T10:00:00Z"):
        with subtests.test(when=when):
            refused = book(patient, patient.chart, doctors[0], when)
            assert (refused.status_code, refused.json()) == (409, {"detail": sentence})
            assert move(patient, booked.json(), date=when).json() == {"detail": sentence}
    assert book(as_role("staff"), patient.chart, doctors[0], beyond).status_code == 201


def test_months_later_is_a_day_that_exists(subtests):
    for day, months, expected in [
        ("2026-11-29", 12, "2027-11-29"),
        ("2027-01-31", 1, "2027-02-28"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-11-30", 1, "2026-12-30"),
    ]:
        with subtests.test(day=day, months=months):
            assert months_later(datetime.fromisoformat(day).date(), months).isoformat() == expected


def test_nobody_is_in_two_places_at_once(patient, doctors, as_role, subtests):
    one, other = doctors
    booked = book(patient, patient.chart, one, at(3, 15, 0))
    assert booked.status_code == 201
    for who in (patient, as_role("staff"), as_role("doctor")):
        for minute, overlaps in [(15, True), (0, True), (29, True), (30, False)]:
            with subtests.test(who=who.user.role, minute=minute):
                answer = book(who, patient.chart, other, at(3, 15, minute))
                if overlaps and who is patient:
                    assert (answer.status_code, answer.json()) == (409, {"detail": ELSEWHERE_YOURSELF})
                    continue
                assert answer.status_code == 201
                assert answer.json().get("warnings", []) == [ANOTHER_VISIT] * overlaps
                assert move(who, answer.json(), status="cancelled").status_code == 200


def test_front_desk_may_say_otherwise_a_patient_may_not(patient, doctors, as_role):
    one, other = doctors
    desk = as_role("staff")
    assert book(desk, patient.chart, one, at(3)).status_code == 201
    assert book(patient, patient.chart, other, at(3), allowOverlap=True).status_code == 403
    assert book(desk, patient.chart, other, at(3), allowOverlap=False).status_code == 409
    both = book(desk, patient.chart, other, at(3), allowOverlap=True)
    assert (both.status_code, both.json()["warnings"]) == (201, [ANOTHER_VISIT])
    assert move(desk, both.json(), notes="Together with the surgeon").status_code == 200  # its time stays
    assert move(desk, both.json(), date=at(3), status="scheduled", notes="As it was sent back").status_code == 200
    taken = book(desk, patient.chart, other, at(3, 15, 10), allowOverlap=True)
    assert taken.json() == {"detail": "The doctor has another appointment at this time."}


def test_neither_moving_nor_reopening_nor_restoring_leads_to_two_places(chart, doctors, as_role):
    one, other = doctors
    desk = as_role("staff")
    first, second = (book(desk, chart, doctor, at(3, hour)) for doctor, hour in [(one, 15), (other, 16)])
    assert move(desk, second.json(), date=at(3, 15, 15), allowOverlap=False).status_code == 409
    moved = move(desk, second.json(), date=at(3, 15, 15))
    assert (moved.status_code, moved.json()["warnings"]) == (200, [ANOTHER_VISIT])

    assert move(desk, first.json(), status="cancelled").status_code == 200
    refused = move(desk, first.json(), status="scheduled", allowOverlap=False)
    assert (refused.status_code, refused.json()) == (409, {"detail": ELSEWHERE})
    assert move(desk, first.json(), status="scheduled").json()["warnings"] == [ANOTHER_VISIT]

    path = f"{BOOKINGS}/{first.json()['id']}"
    assert desk.delete(path, {"reason": "By mistake"}, "application/json").status_code == 200
    refused = desk.post(f"{path}/restore", {}, "application/json")
    assert (refused.status_code, refused.json()) == (409, {"detail": ELSEWHERE})
    assert move(desk, second.json(), status="cancelled").status_code == 200
    assert desk.post(f"{path}/restore", {}, "application/json").status_code == 200


def test_merging_says_who_is_in_two_places_now(chart, doctors, as_role, enter_as, practice):
    """Two charts of one person may each have a visit at the same time; nobody could see that before they are one."""
    staff = as_role("staff")
    with practice_scope(practice.pk):
        twin, registered = PatientFactory(), PatientFactory(status=ChartStatus.PENDING, name=chart.name)
    for patient, doctor, when in [
        (chart, doctors[0], at(3)),
        (twin, doctors[1], at(3, minute=15)),
        (registered, doctors[1], at(4)),
        (chart, doctors[0], at(4, minute=15)),
        (twin, doctors[1], at(5)),  # alone at its time
    ]:
        assert book(staff, patient, doctor, when).status_code == 201
    path = f"/api/patients/{chart.pk}/merge"
    page = enter_as("staff").get(reverse("admin:patients_patient_merge_charts", args=[chart.pk]), {"other": twin.pk})

    before = staff.post(path, {"from": str(twin.pk), "dryRun": True}, "application/json").json()
    merged = staff.post(path, {"from": str(twin.pk)}, "application/json").json()
    confirmed = staff.post(
        f"/api/registrations/{registered.pk}/confirm", {"patientId": str(chart.pk)}, "application/json"
    ).json()

    (warning,) = merged["warnings"]
    assert warning.startswith("This patient has two visits at the same time: ")
    assert doctors[0].name in warning and doctors[1].name in warning
    assert before["warnings"] == [warning]
    assert len(confirmed["warnings"]) == 2
    assert "This patient has two visits at the same time" in page.content.decode()


def test_two_patients_and_a_finished_visit_are_no_overlap(chart, patient, doctors, as_role):
    one, other = doctors
    desk = as_role("staff")
    assert book(desk, chart, one, at(3)).status_code == 201
    ended = book(desk, patient.chart, one, at(4)).json()
    move(desk, ended, status="cancelled")
    assert book(desk, patient.chart, other, at(3)).status_code == 201
    assert book(desk, patient.chart, other, at(4)).status_code == 201


@pytest.mark.postgresql
@pytest.mark.slow  # starts threads
@pytest.mark.django_db(transaction=True)
def test_bounds_hold_under_parallel_calls(make_user, client_of, practice):
    account, doctors = make_user("patient"), [make_user("doctor") for _ in range(8)]
    with practice_scope(practice.pk):
        chart = PatientFactory(user=account)
    clients = [client_of(account) for _ in doctors]

    def parallel(when):
        def one(number):
            try:
                return book(clients[number], chart, doctors[number], when(number)).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(len(doctors)) as pool:
            return sorted(pool.map(one, range(len(doctors))))

    assert parallel(lambda number: at(3)) == [201] + [409] * 7
    assert parallel(lambda number: at(4, 8 + number)) == [201] * 4 + [409] * 4


# --- The settings


def test_manager_sets_the_bounds(patient, doctors, as_role, practice, subtests):
    manager = as_role("admin")
    shown = manager.get(SETTINGS).json()
    assert (shown["maxUpcomingAppointments"], shown["bookingMonthsAhead"]) == (5, 12)
    changed = manager.patch(SETTINGS, {"maxUpcomingAppointments": 1, "bookingMonthsAhead": 1}, "application/json")
    assert changed.json() == {**shown, "maxUpcomingAppointments": 1, "bookingMonthsAhead": 1, "version": 2}
    assert book(patient, patient.chart, doctors[0], at(40)).status_code == 409
    assert book(patient, patient.chart, doctors[0], at(3)).status_code == 201
    assert book(patient, patient.chart, doctors[0], at(4)).json() == {"detail": BOOKED_ENOUGH}

    for body in (
        {"maxUpcomingAppointments": 0},
        {"maxUpcomingAppointments": 101},
        {"bookingMonthsAhead": 0},
        {"bookingMonthsAhead": 121},
        {"bookingMonthsAhead": None},
        {"maxUpcoming": 3},
        {"timezone": "Mars/Base"},
        {"name": ""},
    ):
        with subtests.test(body=body):
            refused = manager.patch(SETTINGS, body, "application/json")
            assert (refused.status_code, list(refused.json()["errors"])) == (400, list(body))
    for role in ("doctor", "staff", "billing", "patient"):
        with subtests.test(role=role):
            client = as_role(role)
            assert client.get(SETTINGS).json()["bookingMonthsAhead"] == 1
            assert client.patch(SETTINGS, {"bookingMonthsAhead": 2}, "application/json").status_code == 403


def test_manager_sets_the_bounds_on_the_page_of_the_practice(enter_as, own):
    client = enter_as("admin")
    assert send(client, own.practice, max_upcoming_appointments="3", booking_months_ahead="6").status_code == 302
    practice = Practice.objects.get(pk=own.practice.pk)
    assert (practice.max_upcoming_appointments, practice.booking_months_ahead) == (3, 6)
    refused = send(client, own.practice, max_upcoming_appointments="0", booking_months_ahead="121")
    assert set(errors_of(refused)) == {"max_upcoming_appointments", "booking_months_ahead"}


def test_page_of_an_appointment_asks_before_an_overlap(enter_as, own, make_user):
    client, other = enter_as("admin"), make_user("doctor")
    add = reverse("admin:appointments_appointment_add")
    form = {
        "patient": str(own.chart.pk),
        "doctor": str(other.pk),
        "starts_at_0": own.appointment.starts_at.astimezone(own.practice.tzinfo).strftime("%Y-%m-%d"),
        "starts_at_1": own.appointment.starts_at.astimezone(own.practice.tzinfo).strftime("%H:%M"),
        "reason": "Second opinion",
    }
    assert errors_of(client.post(add, form))["__all__"] == [ELSEWHERE]
    assert client.post(add, {**form, "allow_overlap": "on"}).status_code == 302
    with practice_scope(own.practice.pk):
        assert Appointment.objects.filter(patient=own.chart).count() == 2
