"""The fields of letter templates. One for which a chart says nothing is never left out silently: it stands in the text
as `[[Address]]`, as do blanks that a template leaves on purpose, and a letter with such a mark is not signed."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.calendar.page import describe_time
from appointments.models import Appointment, AppointmentStatus
from core.encryption.fields import is_unreadable
from core.formats import format_day
from core.tenancy.compiled import now
from patients.models import Patient
from practices.models import Office
from records.models import ChartEntry
from records.models.chart_entry import ChartEntryStatus, ChartList

FIELD = re.compile(r"\{\s*([^{}]*?)\s*\}")
BLANK = re.compile(r"\[\[([^\[\]]*)\]\]")


class Subject(NamedTuple):
    """Whom a letter is about, and who writes it."""

    chart: Patient
    by: User
    office: Office | None


class MergeField(NamedTuple):
    label: str | Promise
    value: Callable[[Subject], str]


class Merged(NamedTuple):
    """A text with what the chart says, and the labels of what it does not."""

    text: str
    missing: list[str]


def _of_chart(name: str) -> Callable[[Subject], str]:
    def value(subject: Subject) -> str:
        return "" if is_unreadable(subject.chart, name) else str(getattr(subject.chart, name) or "")

    return value


def _birth_date(subject: Subject) -> str:
    born = None if is_unreadable(subject.chart, "date_of_birth") else subject.chart.date_of_birth
    return format_day(born) if born else ""


def _of_office(name: str) -> Callable[[Subject], str]:
    return lambda subject: str(getattr(subject.office, name)) if subject.office else ""


def _done(subject: Subject) -> Any:
    visits = Appointment.objects.visible_to(subject.by).filter(patient=subject.chart)
    return visits.filter(status=AppointmentStatus.COMPLETED).with_offices().order_by("starts_at", "id")


def _said(visit: Appointment | None) -> str:
    """Return the day of a visit, where it took place."""
    return format_day(visit.starts_at.astimezone(visit.tzinfo).date()) if visit else ""


def _next_visit(subject: Subject) -> str:
    visits = Appointment.objects.visible_to(subject.by).filter(patient=subject.chart)
    to_come = visits.filter(status=AppointmentStatus.SCHEDULED, starts_at__gt=now()).with_offices()
    visit = to_come.order_by("starts_at", "id").first()
    return describe_time(visit) if visit else ""


def _listed(kind: ChartList) -> Callable[[Subject], str]:
    def value(subject: Subject) -> str:
        entries = ChartEntry.objects.visible_to(subject.by).filter(patient=subject.chart, kind=kind)
        active = entries.filter(status=ChartEntryStatus.ACTIVE).order_by("id")
        return "; ".join(entry.text for entry in active if not is_unreadable(entry, "text"))

    return value


FIELDS: dict[str, MergeField] = {
    "patient": MergeField(_("Patient's name"), _of_chart("name")),
    "date_of_birth": MergeField(_("Date of birth"), _birth_date),
    "address": MergeField(_("Patient's address"), _of_chart("address")),
    "phone": MergeField(_("Patient's phone"), _of_chart("phone")),
    "doctor": MergeField(_("Who signs"), lambda subject: str(subject.by.name)),
    "specialization": MergeField(_("Specialization of who signs"), lambda subject: subject.by.specialization),
    "practice": MergeField(_("Practice"), lambda subject: subject.chart.practice.name),
    "office": MergeField(_("Office"), _of_office("name")),
    "office_address": MergeField(_("Address of the office"), _of_office("address")),
    "office_phone": MergeField(_("Phone of the office"), _of_office("phone")),
    "today": MergeField(_("Today's date"), lambda subject: format_day(subject.chart.practice.today())),
    "first_visit": MergeField(_("First visit"), lambda subject: _said(_done(subject).first())),
    "last_visit": MergeField(_("Last visit"), lambda subject: _said(_done(subject).last())),
    "next_visit": MergeField(_("Next visit"), _next_visit),
    "problems": MergeField(_("Problems"), _listed(ChartList.PROBLEM)),
    "medications": MergeField(_("Medications"), _listed(ChartList.MEDICATION)),
    "allergies": MergeField(_("Allergies"), _of_chart("allergies")),
}


def unknown_fields(text: str) -> list[str]:
    return sorted({name for name in FIELD.findall(text) if name not in FIELDS})


def merge(text: str, subject: Subject) -> Merged:
    """Fill in the fields; each is looked up once, and only if the text has it."""
    values = {name: FIELDS[name].value(subject).strip() for name in set(FIELD.findall(text)) if name in FIELDS}

    def filled(found: re.Match[str]) -> str:
        name = found[1]
        if name not in values:
            return found[0]
        return _plain(values[name]) or f"[[{FIELDS[name].label}]]"

    missing = [str(FIELDS[name].label) for name in FIELDS if name in values and not values[name]]
    return Merged(FIELD.sub(filled, text), missing)


def _plain(value: str) -> str:
    """Return a value without what would read as a mark or a field of ours."""
    return value.replace("[[", "[").replace("]]", "]").replace("{", "(").replace("}", ")")


def blanks_in(*texts: str) -> list[str]:
    """Return what is still to be filled in: marks, and fields that somebody typed."""
    return _once(
        found.strip() or "[[ ]]"
        for text in texts
        for found in (*BLANK.findall(text), *(f"{{{name}}}" for name in FIELD.findall(text)))
    )


def _once(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(found))
