"""The demo practice: a small clinic at work, made through the same services that people use."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from random import Random
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from accounts import join_codes
from accounts.models import User
from accounts.roles import Role
from accounts.services import register_user, update_user
from appointments.models import Status
from appointments.services import book, change
from core.tenancy import practice_scope
from dashboard.demo.calendar import slots
from dashboard.demo.cases import SPECIALTIES, Case, cases_of
from dashboard.demo.people import dice, email_of, person
from dashboard.demo.record import write_up
from patients.models import Patient
from patients.models import Status as Registration
from patients.registrations import confirm_registration
from patients.services import open_chart, register_patient, update_chart
from practices.models import Office, Practice
from practices.services import create_practice, save_office
from records.services import write_record

NAME, TIMEZONE = "Demo Clinic", "America/New_York"
SEED = "demo clinic"
CHARTS, PENDING = 40, 3
# The second office keeps another time; the last of the doctors works there.
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
BOOKED_SHARE = 0.12  # of a doctor's slots: enough to look at, few enough to seed in seconds
CANCELLED_SHARE, UNREPORTED_SHARE = 0.12, 0.15
# By weekday: the local hours in which appointments begin. On Sundays there is an emergency session.
WEEKDAY, SATURDAY, SUNDAY = (9, 10, 11, 13, 14, 15, 16), (9, 10, 11), (10, 11)
HOURS = (*[WEEKDAY] * 5, SATURDAY, SUNDAY)
ALWAYS_BOOKED = 2  # slots of the doctor on duty, so that no day's list is empty
OWN_CHART = {
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
LONG_NAME = 6  # letters, in which a slip is easily overlooked


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


class NotTheDemo(Exception):
    """A demo sign-in's email is in use by somebody who is not of the demo practice."""


@transaction.atomic
def ensure_demo(*, password: str) -> tuple[Practice, bool]:
    """The demo practice, made where there is none, and whether it was; a sign-in that is missing is made anew.
    Raises NotTheDemo, and Refusal for a password that is too weak."""
    practice = _existing()
    is_new = practice is None
    practice = practice or create_practice(name=NAME, timezone=TIMEZONE, by=None)
    with practice_scope(practice.pk):
        users = {one.email: _ensure_account(one, password) for one in SIGN_INS if one.role != Role.PATIENT}
        manager, desk = users["admin@example.com"], users["staff@example.com"]
        doctors = [user for user in users.values() if user.role == Role.DOCTOR]
        own_chart = _ensure_own_chart(practice, password, desk, doctors[0])
        if is_new:
            office = _move_in([*users.values(), own_chart.user], manager, away=doctors[-1])
            doctors = list(User.objects.doctors().select_related("office__practice").order_by("id"))
            _open_the_doors(practice, desk, doctors, own_chart)
            write_up(own_chart, doctor=doctors[0], desk=desk)
            _register_some(practice, password, doctors[0], office)
    return practice, is_new


def _existing() -> Practice | None:
    """The practice whose people have the demo's emails."""
    users = [(one, user) for one in SIGN_INS if (user := User.sign_in.with_email(one.email))]
    practices = {user.practice for _, user in users}
    if len(practices) > 1 or None in practices or any(user.role != one.role for one, user in users):
        raise NotTheDemo("The demo's sign-ins (admin@example.com and so on) are in use by other people.")
    return practices.pop() if practices else None


def _ensure_account(one: SignIn, password: str) -> User:
    return User.sign_in.with_email(one.email) or register_user(
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
    """The demo patient went the usual way: registered, was confirmed at the desk, and the desk filled in the chart."""
    one = next(one for one in SIGN_INS if one.role == Role.PATIENT)
    account = User.sign_in.with_email(one.email) or register_patient(
        join_code=practice.join_code, email=one.email, name=one.name, password=password, phone=one.phone
    )
    chart: Patient = Patient.objects.get(user=account)
    if chart.status == Registration.PENDING:
        confirm_registration(patient_id=chart.pk, by=desk)
        chart = update_chart(patient=chart, by=desk, primary_doctor=doctor, **OWN_CHART)
    return chart


def _move_in(users: list[User | None], manager: User, *, away: User) -> Office:
    """Everybody's office, but for who is `away` in the other."""
    here, elsewhere = (save_office(office=Office(**fields), by=manager) for fields in OFFICES)
    for user in users:
        if user is not None:
            update_user(user=user, by=manager, office=elsewhere if user == away else here)
    return here


def _register_some(practice: Practice, password: str, doctor: User, office: Office) -> None:
    """Registrations from the open world that wait for the front desk. The first came with the doctor's join code; the
    last is of somebody whose chart is there: the same phone, and a slip in the name."""
    random = dice(f"{SEED} registrations")
    _, text = join_codes.make(by=doctor, office_id=office.pk, most_uses=1)
    for join_code in (text, *[practice.join_code] * (PENDING - 2)):
        made = person(random)
        register_patient(join_code=join_code, email=made.email, name=made.name, password=password, phone=made.phone)
    charts = Patient.objects.confirmed().filter(user=None, primary_doctor=doctor).order_by("id")
    known = next(chart for chart in charts if len(chart.name.split()[-1]) >= LONG_NAME)
    name = _with_a_slip(known.name)
    register_patient(
        join_code=practice.join_code,
        email=email_of(name, 0, random),
        name=name,
        password=password,
        phone=known.phone,
    )


def _with_a_slip(name: str) -> str:
    """`Maria Thompson` is Maria Thomspon."""
    return f"{name[:-4]}{name[-3]}{name[-4]}{name[-2:]}"


def _open_the_doors(practice: Practice, desk: User, doctors: list[User], own_chart: Patient) -> None:
    """Charts, and a calendar from some weeks ago to some weeks ahead. Patients mostly see their primary doctor."""
    random = dice(SEED)
    patients_of: dict[User, list[Patient]] = {doctor: [] for doctor in doctors}
    for number in range(CHARTS):
        doctor = doctors[number % len(doctors)]
        patients_of[doctor].append(open_chart(by=desk, primary_doctor=doctor, **person(random).fields()))
    taken = set()
    for start, doctor, case in _own_visits(practice, doctors):
        taken.add((start, doctor))
        _encounter(desk, doctor, own_chart, start, case)
    for start, doctor, patient in _plan(random, practice, patients_of):
        case, fate = random.choice(cases_of(doctor.specialization)), random.random()
        if (start, doctor) not in taken:
            called_off, written_up = fate < CANCELLED_SHARE, fate > CANCELLED_SHARE + UNREPORTED_SHARE
            _encounter(desk, doctor, patient, start, case, called_off=called_off, written_up=written_up)


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
    """Who sees whom and when, each doctor in the hours of their office; nobody is in two rooms at once."""
    everybody = [patient for patients in patients_of.values() for patient in patients]
    today = practice.today()
    for offset in range(-7 * WEEKS_BACK, 7 * WEEKS_AHEAD):
        day = today + timedelta(days=offset)
        on_duty = list(patients_of)[day.toordinal() % len(patients_of)]
        share = 0 if HOURS[day.weekday()] is SUNDAY else BOOKED_SHARE
        open_to = {
            doctor: list(_starts(practice, day, doctor.office.tzinfo if doctor.office else None))
            for doctor in patients_of
        }
        for start in sorted(set(chain.from_iterable(open_to.values()))):
            here: set[Patient] = set()
            for doctor in (doctor for doctor, starts in open_to.items() if start in starts):
                patient = random.choice(patients_of[doctor] if random.random() < 0.9 else everybody)
                always = doctor is on_duty and start in open_to[doctor][:ALWAYS_BOOKED]
                is_booked = random.random() < share or always
                if is_booked and patient not in here:
                    here.add(patient)
                    yield start, doctor, patient


def _starts(practice: Practice, day: date, zone: ZoneInfo | None = None) -> Iterator[datetime]:
    """When an appointment can begin on this day, in an office of this time zone."""
    for start, _ in slots(practice, day, zone):
        if start.astimezone(zone or practice.tzinfo).hour in HOURS[day.weekday()]:
            yield start


def _encounter(
    desk: User,
    doctor: User,
    patient: Patient,
    start: datetime,
    case: Case,
    *,
    called_off: bool = False,
    written_up: bool = True,
) -> None:
    """Booked at the desk; what lies in the past was kept and mostly written up, or called off."""
    booked = book(by=desk, patient_id=patient.pk, doctor_id=doctor.pk, date=start, reason=case.reason)
    if called_off:
        change(by=desk, appointment_id=booked.pk, status=Status.CANCELLED)
    elif booked.ends_at <= timezone.now():
        change(by=desk, appointment_id=booked.pk, status=Status.COMPLETED)
        if written_up:
            write_record(by=doctor, patient_id=patient.pk, date=booked.ends_at, **case.record())
