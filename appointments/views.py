"""Appointments."""

from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.roles import Role
from appointments import services
from appointments.models import Appointment, AppointmentQuerySet, SeriesScope
from appointments.serializers import AppointmentPage, AppointmentQuery, AppointmentShape, BookingInput, ChangeInput
from appointments.series import services as series
from audit import log
from audit.events import AuditEvent
from core.api.names import check_something_sent
from core.api.pagination import Page
from core.api.schema import CONFLICT, NOT_FOUND, extend_schema, stale
from core.api.versions import ETAG, IF_MATCH, etag, given_version
from core.api.views import ApiView
from core.cache import cached_counts
from core.errors import StaleVersion
from core.permissions import Permission
from core.tenancy.compiled import BoundQuery, CompiledQuery
from core.tenancy.scope import current_practice_id
from patients.deletion.views import DELETE_ERRORS, RestoreView, delete_handler, restore_handler
from patients.restriction.services import emergency_details, resolve_access, visible_key
from practices.services import current_practice, local_days

BESIDES = ("version", "allowOverlap", "allowPast", "scope")  # they say something about the change
SHOWN = ("starts_at", "ends_at", "type_id", "status", "reason", "notes", "office_id", "version", "series_id")
STALE = stale(
    AppointmentShape,
    "The slot is taken, the appointment is cancelled, or someone else has changed it: `current` is how it is now.",
)


class Appointments(ApiView):
    permissions = {
        "GET": (Permission.READ_APPOINTMENTS, Permission.READ_OWN_APPOINTMENTS),
        "POST": (Permission.BOOK, Permission.BOOK_OWN),
    }
    audit_events = {"GET": AuditEvent.APPOINTMENTS_LISTED, "POST": AuditEvent.CREATED}
    audited_model = Appointment._meta.label
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND | CONFLICT}

    @extend_schema(
        parameters=[AppointmentQuery],
        responses={200: AppointmentPage},
        summary="List appointments: a doctor's or patient's own, the whole practice's for other roles",
        description="Latest first; with `date`, in the order of the day. Days are in the practice's time zone, also "
        "for offices in another one. An unknown `patientId` is 404.",
    )
    def get(self, request: Request) -> Response:
        with local_days(request.query_params):
            query = self.checked_query(AppointmentQuery)
        page = Page.taken_from(query)
        appointments = _listed_for(self.caller, **query)
        rows = page.rows(appointments)
        total = page.total(lambda: _total(self.caller, appointments, query))
        charts = resolve_access(self.caller, [row.patient for row in rows])
        self.audit_read((row.patient_id for row in rows), hits=total, **page.asked, **emergency_details(charts))
        shown = [AppointmentShape.for_user(self.caller, row) for row in rows]
        return Response({"appointments": shown, "total": total, **page.next})

    @extend_schema(
        request=BookingInput, parameters=[ETAG], responses={201: AppointmentShape}, summary="Book an appointment"
    )
    def post(self, request: Request) -> Response:
        appointment = services.book(by=self.caller, **self.checked(BookingInput))
        resolve_access(self.caller, [appointment.patient])
        shown = AppointmentShape.for_user(self.caller, appointment)
        return Response(shown, status=201, headers=etag(appointment.version))


class AppointmentById(ApiView):
    permissions = {
        "GET": (Permission.READ_APPOINTMENTS, Permission.READ_OWN_APPOINTMENTS),
        "PATCH": (Permission.CHANGE_APPOINTMENTS, Permission.CHANGE_OWN_APPOINTMENTS),
        "DELETE": Permission.DELETE_APPOINTMENTS,
    }
    audit_events = {
        "GET": AuditEvent.APPOINTMENT_READ,
        "PATCH": AuditEvent.CHANGED,
        "DELETE": AuditEvent.SOFT_DELETED,
    }
    audited_model = Appointment._meta.label
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | STALE, "DELETE": DELETE_ERRORS}

    @extend_schema(parameters=[ETAG], responses={200: AppointmentShape}, summary="Get an appointment")
    def get(self, request: Request, appointment_id: UUID) -> Response:
        return self.respond(self._get(appointment_id))

    @extend_schema(
        request=ChangeInput,
        parameters=[IF_MATCH, ETAG],
        responses={200: AppointmentShape},
        summary="Move, complete, cancel or reopen it, or change its doctor, reason or notes",
    )
    def patch(self, request: Request, appointment_id: UUID) -> Response:
        sent: Any = request.data

        def shown() -> dict[str, Any]:
            """Return it as it is; warnings, which only the answer to a booking has, may be sent back all the same."""
            return {**self._shown(self._get(appointment_id)), "warnings": sent.get("warnings")}

        changes = self.checked_changes(ChangeInput, shown=shown)
        expected = given_version(request, changes.pop("version", None))
        check_something_sent(
            request.data, ChangeInput().fields, besides=("version", "allowOverlap", "allowPast", "scope")
        )
        scope = changes.pop("scope")
        change = services.change if scope == SeriesScope.THIS else partial(series.change, scope=scope)
        try:
            changed = change(by=self.caller, appointment_id=appointment_id, expected=expected, **changes)
        except StaleVersion as refusal:
            self._log_current(refusal.extra["current"]["patientId"], appointment_id)
            raise
        return self.respond(changed)

    def respond(self, appointment: Appointment) -> Response:
        shown = self._shown(appointment)
        self.audit_read([appointment.patient_id], about_id=appointment.pk, **emergency_details([appointment.patient]))
        return Response(shown, headers=etag(appointment.version))

    def _get(self, appointment_id: UUID) -> Appointment:
        found: Appointment = Appointment.objects.visible_to(self.caller).with_people().get_or_refuse(pk=appointment_id)
        return found

    def _shown(self, appointment: Appointment) -> dict[str, Any]:
        resolve_access(self.caller, [appointment.patient])
        return AppointmentShape.for_user(self.caller, appointment)

    def _log_current(self, patient_id: UUID, appointment_id: UUID) -> None:
        """Log that the answer to a stale change shows the current state."""
        log.record(
            AuditEvent.APPOINTMENT_READ,
            practice_id=self.caller.practice_id,
            patients=[patient_id],
            about=self.audited_model,
            about_id=appointment_id,
        )

    delete = delete_handler(Appointment)


class RestoreAppointment(RestoreView):
    permissions = {"POST": Permission.DELETE_APPOINTMENTS}
    audited_model = Appointment._meta.label
    post = restore_handler(Appointment)


def _listed_for(
    user: User,
    *,
    date: date | None = None,
    doctor_id: UUID | None = None,
    patient_id: UUID | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    **filters: Any,
) -> BoundQuery[Appointment]:
    """Return the appointments in this person's list; a doctor gets their own unless `doctor_id` is given, and with
    `patient_id` everybody's with this patient. Raises NotFound for an unknown patient: an empty list would read as
    `none`."""
    if patient_id is not None:
        visible_key(user, pk=patient_id).get_or_refuse()
    elif doctor_id is None and user.role == Role.DOCTOR:
        doctor_id = user.pk
    midnight, next_midnight = (None, None) if date is None else current_practice().day_bounds(date)
    return _listed(
        user,
        doctor_id=doctor_id,
        patient_id=patient_id,
        start=start,
        end=end,
        midnight=midnight,
        next_midnight=next_midnight,
        **filters,
    )


@CompiledQuery
def _listed(
    person: User,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    midnight: datetime | None = None,
    next_midnight: datetime | None = None,
    **equal: Any,
) -> AppointmentQuerySet:
    """Build the list: the latest first, or a day in its order; `equal` filters by doctor, office, patient and
    status."""
    found: AppointmentQuerySet = Appointment.objects.visible_to(person).filter(**equal)
    if start is not None:
        found = found.filter(starts_at__gte=start)
    if end is not None:
        found = found.filter(starts_at__lt=end)
    if midnight is None:
        return found.with_shown_people(*SHOWN).order_by("-starts_at", "-id")
    found = found.filter(starts_at__gte=midnight, starts_at__lt=next_midnight)
    return found.with_shown_people(*SHOWN).order_by("starts_at", "id")


def _total(user: User, found: BoundQuery[Appointment], query: dict[str, Any]) -> int:
    """Count the appointments. One patient's and those of any range are quick to count, and too many to cache."""
    if query.keys() & {"patient_id", "start", "end"}:
        return found.count()
    total: int = cached_counts.get_or_compute(
        f"appointments:{_cache_scope(user)}:{sorted(query.items())}",
        practice_id=current_practice_id(),
        of=(Appointment,),
        compute=found.count,
    )
    return total


def _cache_scope(user: User) -> str:
    return str(user.pk) if user.role in (Role.DOCTOR, Role.PATIENT) else "practice"
