"""The year before the demo's calendar, so that reports and numbers have something to show: a visit on each morning and
afternoon of a working day, and new patients all through it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from appointments.models import Appointment, AppointmentType
from demo.calendar import is_working_day
from demo.cases import Case, cases_of
from demo.people import make_random
from demo.visits import visit_of
from patients.models import Patient
from practices.models import Practice

DAYS = 365
MORNING, AFTERNOON = (9, 10, 11), (13, 14, 15)


def visits(practice: Practice, charts: Sequence[Patient], *, until: date) -> Iterator[tuple[Appointment, Case]]:
    """Yield the visits before this day. The charts are those of patients who have come one after the other; each was
    opened a week before its first visit."""
    random, today = make_random("demo year"), practice.today()
    kinds = {kind.name: kind for kind in AppointmentType.objects.all()}
    days = [day for day in (today - timedelta(days=ago) for ago in range(DAYS, 0, -1)) if is_working_day(day)]
    days = [day for day in days if day < until]
    every, known = len(days) // len(charts), 0
    for number, day in enumerate(days):
        is_new = number % every == 0 and known < len(charts)
        known += is_new
        chart = charts[known - 1] if is_new else random.choice(charts[:known])
        if is_new:
            opened = datetime.combine(day - timedelta(weeks=1), time(12), practice.tzinfo)
            Patient.objects.filter(pk=chart.pk).update(created_at=opened)
        yield _visit(random, practice, chart, day, MORNING, kinds["First visit" if is_new else "Follow-up"])
        yield _visit(random, practice, random.choice(charts[:known]), day, AFTERNOON, kinds["Follow-up"])


def _visit(
    random: Random, practice: Practice, chart: Patient, day: date, hours: Sequence[int], kind: AppointmentType
) -> tuple[Appointment, Case]:
    doctor = chart.primary_doctor
    assert doctor is not None
    zone = doctor.office.tzinfo if doctor.office else practice.tzinfo
    start = datetime.combine(day, time(random.choice(hours)), zone).astimezone(UTC)
    end = start + timedelta(minutes=kind.minutes)
    case = random.choice(cases_of(doctor.specialization, chart.date_of_birth and chart.date_of_birth.year))
    fields = {"practice": practice, "patient": chart, "type": kind, "reason": case.reason}
    return visit_of(random, doctor, start, end, **fields), case
