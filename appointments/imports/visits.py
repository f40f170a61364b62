"""Importing appointments: of patients whose charts are here, by name and date of birth or by their number in the other
program, if the charts were imported with it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from appointments.models import Appointment, AppointmentEvent, AppointmentStatus, AppointmentType, EventKind
from appointments.models.appointment_type import LONGEST
from appointments.services import CALENDAR_BUSY, TAKEN, calendar_names
from appointments.time_rules import EARLIEST, LATEST, at_local_time, is_later_day
from appointments.visits import history
from core.database.deadlocks import deadlock_as_conflict
from core.database.locks import take_lock
from core.encryption.blind_index import exact_token
from core.errors import Invalid
from core.search.letters import fold
from core.search.words import split_words
from core.tenancy.scope import current_practice_id
from patients.deletion import services as deletion
from patients.imports.dates import UnclearDateError, read_day, read_time, split_moment
from patients.imports.importers import (
    Cells,
    Context,
    Field,
    Importer,
    Verdict,
    named_elsewhere,
    number_key_of,
    register_importer,
)
from patients.models import ImportKind, ImportLine, LineState, Patient
from patients.registrations.matching import MatchReason, with_matches

STATUSES = {
    "scheduled": "scheduled booked confirmed planned open active gebucht geplant bestatigt offen",
    "completed": "completed complete done finished arrived attended seen checkedout erledigt abgeschlossen erschienen",
    "cancelled": "cancelled canceled abgesagt storniert",
    "no_show": "noshow missed dna didnotattend nichterschienen",
}
STATUS_OF = {word: status for status, words in STATUSES.items() for word in words.split()}
NO_SHOW = "no_show"
MAX_REASON, MAX_NOTES = 500, 5000

NO_PATIENT = gettext_lazy("No chart fits this patient. Import the patients first, or correct the line.")
SEVERAL = gettext_lazy("Several charts fit this patient. Add the date of birth or the number.")
NO_DOCTOR = gettext_lazy("No doctor of the practice is called this. Write the name as it stands under People.")
NO_TYPE = gettext_lazy("The practice has no such type of appointment. Write its name as the calendar does.")
NO_STATUS = gettext_lazy("Write scheduled, completed, cancelled or no-show.")
NO_MINUTES = gettext_lazy("Write how many minutes it takes, from 1 to 480.")
NO_END = gettext_lazy("It must end after it begins, within eight hours.")
NOT_OVER = gettext_lazy("This day is still to come, so it can't be completed yet.")
NOT_THERE = gettext_lazy("This is empty. Fill it in.")
TOO_LONG = gettext_lazy("This text is too long. Shorten it.")
IS_THERE = gettext_lazy("This appointment is in the calendar already.")


@register_importer
class Visits(Importer):
    name = ImportKind.APPOINTMENTS.value
    label = gettext_lazy("Appointments")
    asks_doctor = True
    one_of = (("patient_number", "patient", "last_name"), ("date",))
    fields = (
        Field(
            "patient_number",
            gettext_lazy("Patient's number in the other program"),
            "patientnumber patientid patientno mrn chartnumber accountnumber patientennummer",
        ),
        Field("patient", gettext_lazy("Patient's name"), "patient patientname name clientname client fullname"),
        Field("first_name", gettext_lazy("Patient's first name"), "firstname patientfirstname vorname"),
        Field("last_name", gettext_lazy("Patient's last name"), "lastname patientlastname nachname surname"),
        Field(
            "date_of_birth",
            gettext_lazy("Patient's date of birth"),
            "dateofbirth dob birthdate patientdob geburtsdatum",
            is_day=True,
        ),
        Field(
            "date",
            gettext_lazy("Day, or day and time"),
            "date appointmentdate day start starttime startsat datetime datum termin beginn",
            is_day=True,
        ),
        Field("time", gettext_lazy("Time"), "time appointmenttime from uhrzeit zeit von"),
        Field("end", gettext_lazy("End"), "end endtime endsat to until ende bis"),
        Field("minutes", gettext_lazy("Minutes"), "minutes duration length dauer minuten"),
        Field("doctor", gettext_lazy("Doctor"), "doctor provider practitioner clinician arzt behandler therapist"),
        Field("type", gettext_lazy("Type"), "type appointmenttype service art terminart leistung"),
        Field("status", gettext_lazy("What became of it"), "status state zustand"),
        Field("reason", gettext_lazy("Reason"), "reason subject title grund anlass"),
        Field("notes", gettext_lazy("Notes"), "notes note comment comments notizen bemerkung"),
    )

    def check(self, lines: list[tuple[int, Cells]], context: Context) -> list[Verdict]:
        verdicts = self._read(lines, context)
        sound = [verdict for verdict in verdicts if verdict.state == LineState.READY]
        busy = _Busy([verdict.row for verdict in sound])
        for verdict in sound:
            if busy.has(verdict.row):
                verdict.state = LineState.DOUBLE
                verdict.problems.append(str(IS_THERE))
            elif busy.has_conflict(verdict.row):
                verdict.wrong("", TAKEN)
            else:
                busy.add(verdict.row)
        return verdicts

    def make(self, lines: list[tuple[int, UUID, Cells]], context: Context) -> dict[int, str]:
        """The doctors' calendars are locked, so that nobody books in between what is looked at and what is saved."""
        ids = {number: row_id for number, row_id, _cells in lines}
        failed, visits = dict[int, str](), list[Appointment]()
        verdicts = self._read([(number, cells) for number, _id, cells in lines], context)
        doctors = {verdict.row.doctor_id for verdict in verdicts if verdict.row is not None}
        with deadlock_as_conflict(CALENDAR_BUSY), transaction.atomic():
            for name in calendar_names(*doctors):
                take_lock(name)
            sound = [verdict for verdict in verdicts if verdict.state != LineState.WRONG]
            busy = _Busy([verdict.row for verdict in sound])
            for verdict in verdicts:
                if verdict.state != LineState.WRONG and busy.has_conflict(verdict.row):
                    verdict.wrong("", TAKEN)
                if verdict.state == LineState.WRONG:
                    failed[verdict.number] = " ".join(verdict.problems)
                    continue
                busy.add(verdict.row)
                verdict.row.pk = ids[verdict.number]
                visits.append(verdict.row)
            if visits:
                Appointment.objects.bulk_create(visits)
                history.record_many(visits, by=context.by, what=EventKind.BOOKED)
        return failed

    def untouched(self, ids: list[UUID]) -> Mapping[UUID, Any]:
        found = {visit.pk: visit for visit in Appointment.objects.filter(pk__in=ids, version=1)}
        for used in named_elsewhere(Appointment, found, leaving_out={AppointmentEvent}):
            found.pop(used, None)
        return found

    def take_back(self, row: Any, *, by: User) -> None:
        deletion.delete(by=by, row=row, reason=_("The import was undone."))

    # --- Reading a line

    def _read(self, lines: list[tuple[int, Cells]], context: Context) -> list[Verdict]:
        verdicts = [Verdict(number) for number, _cells in lines]
        patients = _Patients([cells for _number, cells in lines], context)
        types = _types()
        for verdict, (_number, cells) in zip(verdicts, lines, strict=True):
            self._read_line(verdict, cells, context, patients, types)
        return verdicts

    def _read_line(
        self,
        verdict: Verdict,
        cells: Cells,
        context: Context,
        patients: "_Patients",
        types: dict[str, AppointmentType | None],
    ) -> None:
        patient_id = patients.find(cells, verdict)
        doctor = context.doctors.named(cells["doctor"]) if "doctor" in cells else context.batch.doctor
        if doctor is None or doctor.pk not in context.doctors.by_id:
            verdict.wrong(self.label_of("doctor"), NO_DOCTOR if "doctor" in cells else NOT_THERE)
            return
        kind = types.get(fold(cells["type"])) if "type" in cells else None
        if "type" in cells and kind is None:
            verdict.wrong(self.label_of("type"), NO_TYPE)
        zone = doctor.office.tzinfo if doctor.office else context.practice.tzinfo
        times = self._times(verdict, cells, context, zone, kind)
        status = _status_of(cells, verdict, times)
        for name, most in (("reason", MAX_REASON), ("notes", MAX_NOTES)):
            if len(cells.get(name, "")) > most:
                verdict.wrong(self.label_of(name), TOO_LONG)
        if verdict.state == LineState.WRONG or times is None or patient_id is None:
            return
        visit = Appointment(
            patient_id=patient_id,
            doctor=doctor,
            office_id=doctor.office_id,
            type=kind,
            starts_at=times[0],
            ends_at=times[1],
            status=AppointmentStatus.SCHEDULED if status == NO_SHOW else status,
            no_show_at=times[0] if status == NO_SHOW else None,
            reason=cells.get("reason") or (kind.name if kind else _("Imported")),
            notes=cells.get("notes", ""),
        )
        verdict.row, verdict.row_id = visit, visit.pk
        verdict.person = exact_token(
            f"import visit:{patient_id}:{doctor.pk}:{visit.starts_at.isoformat()}", practice_id=current_practice_id()
        )

    def _times(
        self, verdict: Verdict, cells: Cells, context: Context, zone: Any, kind: AppointmentType | None
    ) -> tuple[datetime, datetime] | None:
        """Return when it begins and ends; None if that cannot be read."""
        day_text, time_text = split_moment(cells.get("date", ""))
        time_text = cells.get("time") or time_text
        if not day_text or not time_text:
            verdict.wrong(self.label_of("time" if day_text else "date"), NOT_THERE)
            return None
        order, region = context.batch.date_order, context.practice.region
        label = self.label_of("date")
        try:
            day = read_day(day_text, order, region=region, today=context.today, is_birth=False)
            label = self.label_of("time")
            local = datetime.combine(day, read_time(time_text))
            start = at_local_time(local, zone)
            label = self.label_of("end")
            end = self._end(verdict, cells, local, start, zone, context, kind)
        except UnclearDateError as error:
            verdict.wrong(label, error.sentence)
            return None
        except Invalid as refusal:
            verdict.wrong(label, refusal.message)
            return None
        if not EARLIEST <= start < LATEST:
            verdict.wrong(self.label_of("date"), _("Enter a date between 2000 and 2099."))
            return None
        return (start, end) if end else None

    def _end(
        self,
        verdict: Verdict,
        cells: Cells,
        local: datetime,
        start: datetime,
        zone: Any,
        context: Context,
        kind: AppointmentType | None,
    ) -> datetime | None:
        if "minutes" in cells:
            text = cells["minutes"].casefold().removesuffix("minutes").removesuffix("min.").removesuffix("min").strip()
            if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LONGEST:
                verdict.wrong(self.label_of("minutes"), NO_MINUTES)
                return None
            return start + timedelta(minutes=int(text))
        if "end" in cells:
            ends = split_moment(cells["end"])[1] or cells["end"]
            end = at_local_time(datetime.combine(local.date(), read_time(ends)), zone)
            if not start < end <= start + timedelta(minutes=LONGEST):
                verdict.wrong(self.label_of("end"), NO_END)
                return None
            return end
        return start + timedelta(minutes=kind.minutes if kind else context.practice.appointment_minutes)


def _status_of(cells: Cells, verdict: Verdict, times: tuple[datetime, datetime] | None) -> str:
    """Return the status that the line gives; without one, what is over was completed."""
    if times is None:
        return ""
    is_past = times[0] < timezone.now()
    if "status" not in cells:
        return str(AppointmentStatus.COMPLETED if is_past else AppointmentStatus.SCHEDULED)
    status = STATUS_OF.get("".join(split_words(fold(cells["status"]))), "")
    if not status:
        verdict.wrong(_("What became of it"), NO_STATUS)
    elif (status == AppointmentStatus.COMPLETED and is_later_day(times[0])) or (status == NO_SHOW and not is_past):
        verdict.wrong(_("What became of it"), NOT_OVER)
    return status


def _types() -> dict[str, AppointmentType | None]:
    found: dict[str, AppointmentType | None] = {}
    for kind in AppointmentType.objects.all():
        name = fold(kind.name)
        found[name] = None if name in found else kind
    return found


class _Patients:
    """Whose line it is. Charts are looked for once for all lines of one person."""

    def __init__(self, lines: list[Cells], context: Context) -> None:
        self._context = context
        numbers = {number_key_of(cells["patient_number"]) for cells in lines if "patient_number" in cells}
        known = ImportLine.objects.filter(number_key__in=numbers, state__in=(LineState.MADE, LineState.SAME))
        self._numbers: dict[int, set[UUID]] = {}
        for key, row_id in known.values_list("number_key", "row_id"):
            self._numbers.setdefault(key, set()).add(row_id)
        rows = {row for found in self._numbers.values() for row in found}
        self._there = set(Patient.objects.confirmed().filter(pk__in=rows).values_list("pk", flat=True))
        self._named = self._find_named(lines)

    def _find_named(self, lines: list[Cells]) -> dict[tuple[str, str], set[UUID]]:
        people = {_person(cells) for cells in lines if "patient_number" not in cells}
        people.discard(("", ""))
        asked: list[tuple[tuple[str, str], Patient]] = []
        for person in sorted(people):
            born = self._born(person[1])
            if person[0] and not isinstance(born, UnclearDateError):
                asked.append((person, Patient(name=person[0], date_of_birth=born)))
        found = with_matches([chart for _person, chart in asked])
        return {
            person: {
                match.chart.pk
                for match in matched.matches
                if not match.chart.restricted and _is_same(chart, match.chart, match.reasons)
            }
            for (person, chart), matched in zip(asked, found, strict=True)
        }

    def _born(self, text: str) -> Any:
        if not text:
            return None
        order, region = self._context.batch.date_order, self._context.practice.region
        try:
            return read_day(text, order, region=region, today=self._context.today, is_birth=True)
        except UnclearDateError as error:
            return error

    def find(self, cells: Cells, verdict: Verdict) -> UUID | None:
        if "patient_number" in cells:
            found = self._numbers.get(number_key_of(cells["patient_number"]), set()) & self._there
        else:
            person = _person(cells)
            if isinstance(born := self._born(person[1]), UnclearDateError):
                verdict.wrong(_("Patient's date of birth"), born.sentence)
                return None
            found = self._named.get(person, set())
        if len(found) != 1:
            verdict.wrong(_("Patient"), SEVERAL if found else NO_PATIENT)
            return None
        return next(iter(found))


def _person(cells: Cells) -> tuple[str, str]:
    name = cells.get("patient") or " ".join(filter(None, (cells.get("first_name"), cells.get("last_name"))))
    return name, cells.get("date_of_birth", "")


def _is_same(asked: Patient, chart: Patient, reasons: list[MatchReason]) -> bool:
    """A similar name is enough with the same date of birth; without one it must be the same words."""
    if asked.date_of_birth is not None:
        return {MatchReason.NAME, MatchReason.BIRTH_DATE} <= set(reasons)
    return sorted(split_words(fold(asked.name))) == sorted(split_words(fold(chart.name)))


class _Busy:
    """When the doctors of these visits are taken, and by which visit."""

    def __init__(self, visits: list[Appointment]) -> None:
        self._spans: dict[UUID, list[tuple[datetime, datetime]]] = {}
        self._visits: set[tuple[UUID, UUID, datetime]] = set()
        if not visits:
            return
        doctors = {visit.doctor_id for visit in visits}
        first, last = min(visit.starts_at for visit in visits), max(visit.ends_at for visit in visits)
        there = Appointment.objects.filter(doctor__in=doctors, starts_at__lt=last, ends_at__gt=first)
        there = there.filter(starts_at__gt=first - timedelta(minutes=LONGEST)).order_by()
        for patient, doctor, start, end, status in there.values_list(
            "patient_id", "doctor_id", "starts_at", "ends_at", "status"
        ):
            self._visits.add((patient, doctor, start))
            if status == AppointmentStatus.SCHEDULED:
                self._spans.setdefault(doctor, []).append((start, end))

    def has(self, visit: Appointment) -> bool:
        return (visit.patient_id, visit.doctor_id, visit.starts_at) in self._visits

    def has_conflict(self, visit: Appointment) -> bool:
        spans = self._spans.get(visit.doctor_id, ()) if visit.status == AppointmentStatus.SCHEDULED else ()
        return any(start < visit.ends_at and end > visit.starts_at for start, end in spans)

    def add(self, visit: Appointment) -> None:
        if visit.status == AppointmentStatus.SCHEDULED:
            self._spans.setdefault(visit.doctor_id, []).append((visit.starts_at, visit.ends_at))
