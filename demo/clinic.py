"""The demo practice: a small working clinic, created through the same services that people use."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import chain
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from accounts.join_codes import services as join_codes
from accounts.models import User
from accounts.roles import Role
from accounts.users.services import register_user, update_user
from appointments.models import AppointmentStatus, AppointmentType, Priority
from appointments.rooms.services import create_room
from appointments.schedule.services import add_hours
from appointments.series import services as series
from appointments.services import book, change
from appointments.types.services import create_type
from appointments.waiting_list.services import add as add_to_waiting_list
from core.tenancy.scope import practice_scope
from demo import forms, messages, week, year
from demo.bills import add_price_list, bill_visits
from demo.calendar import is_working_day, slots
from demo.cases import SPECIALTIES, Case, cases_of
from demo.people import email_of, make_random, person
from demo.record import write_up
from demo.visits import insert_visits, visit_of
from patients.models import ChartStatus as Registration
from patients.models import Patient
from patients.registrations.register import register_patient
from patients.registrations.services import confirm_registration
from patients.services import open_chart, update_chart
from practices.models import Office, Practice
from practices.services import create_practice, save_office
from records.medical_records.services import create_record

NAME, TIMEZONE = "Demo Clinic", "America/New_York"
SEED = "demo clinic"
CHARTS, PENDING = 40, 3
# The second office is in another time zone; the last doctor works there.
OFFICES: tuple[dict[str, str], ...] = (
    {"name": "Midtown", "address": "350 Park Avenue, New York, NY 10022", "phone": "(212) 555-0100"},
    {
        "name": "Chicago Loop",
        "address": "200 South Wacker Drive, Chicago, IL 60606",
        "phone": "(312) 555-0100",
        "timezone": "America/Chicago",
    },
)
WEEKS_BACK, WEEKS_AHEAD = 4, 4
BOOKED_SHARE = 0.12  # of a doctor's slots outside the full weeks (demo/week.py)
# Local start hours of appointments by weekday; Sundays have an emergency session.
WEEKDAY, SATURDAY, SUNDAY = (9, 10, 11, 13, 14, 15, 16), (9, 10, 11), (10, 11)
HOURS = (*[WEEKDAY] * 5, SATURDAY, SUNDAY)
TYPES: tuple[dict[str, Any], ...] = (
    {"name": "First visit", "minutes": 60, "buffer_after": 10, "colour": "#2e7d32"},
    {"name": "Follow-up", "minutes": 30, "colour": "#1565c0"},
    {"name": "Video call", "minutes": 20, "colour": "#6a1b9a", "video": True},
    {"name": "Procedure", "minutes": 90, "buffer_before": 10, "buffer_after": 10, "bookable_online": False},
)
ROOMS = {"Midtown": ("Room 1", "Room 2", "Room 3", "Exercise room"), "Chicago Loop": ("Treatment room",)}
SERIES_WEEKS, SERIES_BACK, SERIES_HOUR = 6, 2, time(11)  # how many visits, how many of them are over, and when
ALWAYS_BOOKED = 2  # first slots of the doctor on duty, so that no day is empty
OWN_CHART: dict[str, Any] = {
    "date_of_birth": date(1984, 5, 17),
    "gender": "female",
    "address": "218 Prospect Place, Brooklyn, NY 11238",
    "blood_type": "A+",
    "allergies": "Penicillin",
    "medical_history": "Motor vehicle accident in 2018 with whiplash; recurring neck pain since.",
    "emergency_contact": "Erik Jensen (spouse), (212) 555-0115",
}
# The demo patient's visits: days from today (one more where that is a Sunday), which doctor, which of their cases.
OWN_VISITS = ((-23, 0, 1), (-16, 0, 3), (-9, 2, 1), (-2, 0, 3), (5, 0, 3), (12, 2, 3), (19, 0, 3))
OWN_HOUR = 10
LONG_NAME = 6  # letters; a typo is easily overlooked in a long name


@dataclass(frozen=True, slots=True)
class SignIn:
    email: str
    role: Role
    name: str
    specialization: str = ""
    department: str = ""
    phone: str = ""


SIGN_INS = (
    SignIn("admin@example.com", Role.ADMIN, "Alice Morgan", phone="(212) 555-0100"),
    SignIn("doctor@example.com", Role.DOCTOR, "Dr. Daniel Reyes", SPECIALTIES[0], phone="(212) 555-0101"),
    SignIn("staff@example.com", Role.STAFF, "Sam Whitfield", department="Front desk", phone="(212) 555-0102"),
    SignIn("billing@example.com", Role.BILLING, "Bianca Ross", phone="(212) 555-0103"),
    SignIn("patient@example.com", Role.PATIENT, "Paula Jensen", phone="(212) 555-0114"),
    SignIn("doctor2@example.com", Role.DOCTOR, "Dr. Mei Chen", SPECIALTIES[1], phone="(212) 555-0104"),
    SignIn("doctor3@example.com", Role.DOCTOR, "Dr. Omar Haddad", SPECIALTIES[2], phone="(212) 555-0105"),
    SignIn("doctor4@example.com", Role.DOCTOR, "Dr. Ruth Okafor", SPECIALTIES[3], phone="(212) 555-0106"),
    SignIn("doctor5@example.com", Role.DOCTOR, "Dr. Peter Lindgren", SPECIALTIES[4], phone="(212) 555-0107"),
)


# What those on the waiting list wish for.
WAITING: tuple[dict[str, Any], ...] = (
    {"note": "Can come at short notice; lives around the corner.", "priority": Priority.URGENT},
    {"note": "Only before work.", "latest": time(10, 0)},
    {"note": "After school.", "earliest": time(15, 0), "weekdays": [0, 2, 4]},
    {"note": "Would like an earlier visit than the one booked."},
    {"note": "Any day but Friday.", "weekdays": [0, 1, 2, 3], "priority": Priority.FLEXIBLE},
)


class DemoEmailTaken(Exception):
    """A demo sign-in's email is used by somebody outside the demo practice."""


@transaction.atomic
def ensure_demo(*, password: str) -> tuple[Practice, bool]:
    """Create the demo practice, or its missing sign-ins if it exists; return it and whether it is new.
    Raises DemoEmailTaken, and Refusal for a password that is too weak."""
    practice = _existing()
    is_new = practice is None
    practice = practice or create_practice(name=NAME, timezone=TIMEZONE)
    with practice_scope(practice.pk):
        users = {one.email: _ensure_account(one, password) for one in SIGN_INS if one.role != Role.PATIENT}
        manager, desk = users["admin@example.com"], users["staff@example.com"]
        doctors = [user for user in users.values() if user.role == Role.DOCTOR]
        own_chart = _ensure_own_chart(practice, password, desk, doctors[0])
        if is_new:
            office = _assign_offices([*users.values(), own_chart.user], manager, away=doctors[-1])
            doctors = list(User.objects.doctors().select_related("office__practice").order_by("id"))
            _set_hours(manager, doctors)
            _fill_calendar(practice, desk, doctors, own_chart)
            week.fill(practice, desk, doctors)
            write_up(own_chart, doctor=doctors[0], desk=desk)
            forms.fill(own_chart, manager=manager, desk=desk)
            _fill_waiting_list(desk, doctors)
            add_price_list(manager)
            bill_visits(practice, manager)
            _add_registrations(practice, password, doctors[0], office)
            messages.fill()
    return practice, is_new


def _existing() -> Practice | None:
    """Return the practice whose people have the demo's emails, or None."""
    users = [(one, user) for one in SIGN_INS if (user := User.all_practices.with_email(one.email))]
    practices = {user.practice for _, user in users}
    if len(practices) > 1 or None in practices or any(user.role != one.role for one, user in users):
        raise DemoEmailTaken("The demo's emails (admin@example.com and so on) are already used by other people.")
    return practices.pop() if practices else None


def _ensure_account(one: SignIn, password: str) -> User:
    return User.all_practices.with_email(one.email) or register_user(
        by=None,
        email=one.email,
        name=one.name,
        password=password,
        role=one.role,
        phone=one.phone,
        specialization=one.specialization,
        department=one.department,
    )


def _ensure_own_chart(practice: Practice, password: str, desk: User, doctor: User) -> Patient:
    """Register the demo patient the usual way: the desk confirms the registration and fills in the chart."""
    one = next(one for one in SIGN_INS if one.role == Role.PATIENT)
    account = User.all_practices.with_email(one.email) or register_patient(
        join_code=practice.join_code, email=one.email, name=one.name, password=password, phone=one.phone
    )
    chart: Patient = Patient.objects.get(user=account)
    if chart.status == Registration.PENDING:
        confirm_registration(patient_id=chart.pk, by=desk)
        chart = update_chart(patient=chart, by=desk, primary_doctor=doctor, **OWN_CHART)
    return chart


def _assign_offices(users: list[User | None], manager: User, *, away: User) -> Office:
    """Create the offices and put everyone in the first, except `away` in the second. Return the first."""
    main, other = (save_office(office=Office(**fields), by=manager) for fields in OFFICES)
    for user in users:
        if user is not None:
            update_user(user=user, by=manager, office=other if user == away else main)
    return main


def _add_registrations(practice: Practice, password: str, doctor: User, office: Office) -> None:
    """Add registrations for the front desk to confirm. The first used the doctor's join code; the last belongs
    to an existing chart: same phone, and a typo in the name."""
    random = make_random(f"{SEED} registrations")
    _, text = join_codes.create(by=doctor, office_id=office.pk, most_uses=1)
    for join_code in (text, *[practice.join_code] * (PENDING - 2)):
        new = person(random)
        register_patient(join_code=join_code, email=new.email, name=new.name, password=password, phone=new.phone)
    charts = Patient.objects.confirmed().filter(user=None, primary_doctor=doctor).order_by("id")
    known = next(chart for chart in charts if len(chart.name.split()[-1]) >= LONG_NAME)
    name = _with_typo(known.name)
    register_patient(
        join_code=practice.join_code,
        email=email_of(name, 0, random),
        name=name,
        password=password,
        phone=known.phone,
    )


def _with_typo(name: str) -> str:
    """`Maria Thompson` is Maria Thomspon."""
    return f"{name[:-4]}{name[-3]}{name[-4]}{name[-2:]}"


def _fill_waiting_list(desk: User, doctors: list[User]) -> None:
    """Let some patients wait for a sooner visit, half of them with the doctor they know."""
    kinds = list(AppointmentType.objects.all())
    charts = Patient.objects.confirmed().filter(user=None).order_by("id")
    for number, (chart, wishes) in enumerate(zip(charts[: len(WAITING)], WAITING, strict=True)):
        add_to_waiting_list(
            by=desk,
            patient_id=chart.pk,
            type_id=kinds[number % len(kinds)].pk,
            doctor_ids=[doctors[number % len(doctors)].pk] if number % 2 else [],
            **wishes,
        )


def _set_hours(manager: User, doctors: list[User]) -> None:
    """Open from Monday to Friday with a break at noon, each doctor at their office, which has rooms."""
    for office in Office.objects.all():
        for name in ROOMS[office.name]:
            create_room(by=manager, office_id=office.pk, name=name)
    for position, kind in enumerate(TYPES):
        create_type(by=manager, position=position, **kind)
    for doctor in doctors:
        for weekday in range(5):
            for start, end in week.WORKING_HOURS:
                add_hours(
                    by=manager, doctor_id=doctor.pk, office_id=doctor.office_id, weekday=weekday, start=start, end=end
                )


def _fill_calendar(practice: Practice, desk: User, doctors: list[User], own_chart: Patient) -> None:
    """Add charts and appointments: a few of the year before, then more from WEEKS_BACK to WEEKS_AHEAD but for the full
    weeks between. Patients mostly see their primary doctor."""
    random = make_random(SEED)
    patients_of: dict[User, list[Patient]] = {doctor: [] for doctor in doctors}
    for number in range(CHARTS):
        doctor = doctors[number % len(doctors)]
        patients_of[doctor].append(open_chart(by=desk, primary_doctor=doctor, **person(random).fields()))
    taken = set()
    for start, doctor, case in _own_visits(practice, doctors):
        taken.add((start, doctor))
        _encounter(desk, doctor, own_chart, start, case)
    taken.update(_add_series(practice, desk, doctors[1]))
    charts = [patient for patients in zip(*patients_of.values(), strict=True) for patient in patients]
    visits = [*year.visits(practice, charts, until=practice.today() - timedelta(weeks=WEEKS_BACK))]
    for start, doctor, patient in _plan(random, practice, patients_of):
        if (start, doctor) not in taken:
            born = patient.date_of_birth and patient.date_of_birth.year
            case = random.choice(cases_of(doctor.specialization, born))
            end = start + timedelta(minutes=practice.appointment_minutes)
            fields = {"practice": practice, "patient": patient, "reason": case.reason}
            visits.append((visit_of(random, doctor, start, end, **fields), case))
    insert_visits(random, visits, desk)


def _add_series(practice: Practice, desk: User, doctor: User) -> Iterator[tuple[datetime, User]]:
    """Book somebody's weekly exercises, of which the first are over, and yield when they are."""
    chart = open_chart(by=desk, primary_doctor=doctor, **person(make_random(f"{SEED} series")).fields())
    day = practice.today() - timedelta(weeks=SERIES_BACK)
    while not is_working_day(day):
        day += timedelta(days=1)
    for visit in series.book(
        by=desk,
        patient_id=chart.pk,
        doctor_id=doctor.pk,
        date=datetime.combine(day, SERIES_HOUR),  # local to the doctor's office
        type_id=AppointmentType.objects.get(name="Follow-up").pk,
        reason=cases_of(doctor.specialization)[0].reason,
        every=1,
        unit="week",
        count=SERIES_WEEKS,
        allow_past=True,
    ):
        if visit.appointment_id and visit.starts_at + timedelta(hours=1) <= timezone.now():
            change(by=desk, appointment_id=visit.appointment_id, status=AppointmentStatus.COMPLETED)
        yield visit.starts_at, doctor


def _own_visits(practice: Practice, doctors: list[User]) -> Iterator[tuple[datetime, User, Case]]:
    for offset, number, case in OWN_VISITS:
        day = practice.today() + timedelta(days=offset)
        if HOURS[day.weekday()] is SUNDAY:
            day += timedelta(days=1)
        start = next(start for start in _starts(practice, day) if start.astimezone(practice.tzinfo).hour == OWN_HOUR)
        yield start, doctors[number], cases_of(doctors[number].specialization)[case]


def _plan(
    random: Random, practice: Practice, patients_of: dict[User, list[Patient]]
) -> Iterator[tuple[datetime, User, Patient]]:
    """Yield who sees whom and when, within the hours of each doctor's office; no patient has two visits at once."""
    all_patients = [patient for patients in patients_of.values() for patient in patients]
    today = practice.today()
    full = week.full_days(today)
    for offset in range(-7 * WEEKS_BACK, 7 * WEEKS_AHEAD):
        day = today + timedelta(days=offset)
        if day in full:
            continue
        on_duty = list(patients_of)[day.toordinal() % len(patients_of)]
        share = 0 if HOURS[day.weekday()] is SUNDAY else BOOKED_SHARE
        starts_of = {
            doctor: list(_starts(practice, day, doctor.office.tzinfo if doctor.office else None))
            for doctor in patients_of
        }
        for start in sorted(set(chain.from_iterable(starts_of.values()))):
            busy: set[Patient] = set()
            for doctor in (doctor for doctor, starts in starts_of.items() if start in starts):
                patient = random.choice(patients_of[doctor] if random.random() < 0.9 else all_patients)
                always = doctor is on_duty and start in starts_of[doctor][:ALWAYS_BOOKED]
                is_booked = random.random() < share or always
                if is_booked and patient not in busy:
                    busy.add(patient)
                    yield start, doctor, patient


def _starts(practice: Practice, day: date, zone: ZoneInfo | None = None) -> Iterator[datetime]:
    """Yield the possible appointment starts on this day, in an office of this time zone."""
    for start, _ in slots(practice, day, zone):
        if start.astimezone(zone or practice.tzinfo).hour in HOURS[day.weekday()]:
            yield start


def _encounter(desk: User, doctor: User, patient: Patient, start: datetime, case: Case) -> None:
    """Book a visit at the desk. A past one is completed, with a record."""
    booked = book(by=desk, patient_id=patient.pk, doctor_id=doctor.pk, date=start, reason=case.reason, allow_past=True)
    if booked.ends_at <= timezone.now():
        change(by=desk, appointment_id=booked.pk, status=AppointmentStatus.COMPLETED)
        create_record(by=doctor, patient_id=patient.pk, date=booked.ends_at, **case.record())
