"""Appointments."""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.roles import Role
from appointments import services
from appointments.models import Appointment, AppointmentQuerySet, SeriesScope
from appointments.serializers import (
    AppointmentPage,
    AppointmentQuery,
    AppointmentShape,
    BookingInput,
    ChangeInput,
    DeletedAppointment,
    RemovedAppointment,
)
from appointments.series import services as series
from appointments.visits.changes import changed_since
from appointments.visits.machine import Action
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

CONTROL_FIELDS = ("version", "allowOverlap", "allowPast", "scope")  # they say something about the change
LISTED_COLUMNS = (
    *("starts_at", "ends_at", "type_id", "status", "reason", "notes", "office_id", "room_id", "series_id"),
    *("version", "type__video", "type__video_link"),
    *("confirmed_at", "arrived_at", "started_at", "finished_at", "no_show_at"),
    *("cancelled_at", "cancel_reason", "cancelled_late"),
)
STALE = stale(
    AppointmentShape,
    "The slot is taken, it may not follow what happened before, or someone else has changed it: `current` is how it is "
    "now.",
)


class Appointments(ApiView):
    permissions = {
        "GET": (Permission.READ_APPOINTMENTS, Permission.READ_OWN_APPOINTMENTS),
        "POST": (Permission.BOOK, Permission.BOOK_OWN),
    }
    audit_events = {"GET": AuditEvent.APPOINTMENTS_LISTED, "POST": AuditEvent.CREATED}
    audited_model = Appointment._meta.label
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND | CONFLICT}

    def is_poll(self, request: Request) -> bool:
        return "updatedSince" in request.query_params

    @extend_schema(
        parameters=[AppointmentQuery],
        responses={200: AppointmentPage},
        summary="List appointments: a doctor's or patient's own, the whole practice's for other roles",
        description="Latest first; with `date`, in the order of the day. Days are in the practice's time zone, also "
        "for offices in another one. An unknown `patientId` is 404. With `updatedSince`, what was added, changed or "
        "deleted since, in the order of the changes; send each answer's `next` as `cursor` to ask for what came "
        "after it. What changed and does not match the other filters now, such as a visit that was moved to another "
        "doctor, is in `removed`. These calls have a limit of their own (`POLLS_PER_MINUTE`, 240).",
    )
    def get(self, request: Request) -> Response:
        with local_days(request.query_params):
            query = self.checked_query(AppointmentQuery)
        if "updated_since" in query:
            return self._changes(**query)
        page = Page.taken_from(query)
        appointments = _listed_for(self.caller, **query)
        rows = page.rows(appointments)
        total = page.total(lambda: _total(self.caller, appointments, query))
        charts = resolve_access(self.caller, [row.patient for row in rows])
        self.audit_read((row.patient_id for row in rows), hits=total, **page.asked, **emergency_details(charts))
        caller = self.caller
        shown = [AppointmentShape.for_user(caller, row) for row in rows]
        return Response({"appointments": shown, "total": total, **page.next})

    def _changes(self, *, updated_since: datetime, page: int, patient_id: UUID | None = None, **query: Any) -> Response:
        if patient_id is not None:
            query["patient_id"] = visible_key(self.caller, pk=patient_id).get_or_refuse().pk
        found = changed_since(self.caller, *LISTED_COLUMNS, since=updated_since, **query)
        charts = resolve_access(self.caller, [row.patient for row in found.rows])
        if found.rows:
            patients = (row.patient_id for row in found.rows)
            self.audit_read(patients, hits=found.total, limit=query["limit"], **emergency_details(charts))
        else:
            self.audit_nothing()
        shown = [AppointmentShape.for_user(self.caller, row) for row in found.rows]
        deleted = [DeletedAppointment.to_dict(row) for row in found.deleted]
        removed = [RemovedAppointment.to_dict(row) for row in found.removed]
        changes = {"appointments": shown, "deleted": deleted, "removed": removed}
        return Response({**changes, "total": found.total, "next": found.next})

    @extend_schema(
        request=BookingInput, parameters=[ETAG], responses={201: AppointmentShape}, summary="Book an appointment"
    )
    def post(self, request: Request) -> Response:
        appointment = services.book(by=self.caller, **self.checked(BookingInput))
        resolve_access(self.caller, [appointment.patient])
        shown = AppointmentShape.for_user(self.caller, appointment)
        return Response(shown, status=201, headers=etag(appointment.version))


class OneAppointment(ApiView):
    """Base of the views that answer an appointment."""

    audited_model = Appointment._meta.label

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

    def _changed(self, change: Callable[..., Appointment], appointment_id: UUID, **asked: Any) -> Response:
        """Answer what the service made of the appointment."""
        try:
            return self.respond(change(by=self.caller, appointment_id=appointment_id, **asked))
        except StaleVersion as refusal:
            self._log_current(refusal.extra["current"]["patientId"], appointment_id)
            raise

    def _log_current(self, patient_id: UUID, appointment_id: UUID) -> None:
        """Log that the answer to a stale change shows the current state."""
        log.record(
            AuditEvent.APPOINTMENT_READ,
            practice_id=self.caller.practice_id,
            patients=[patient_id],
            about=self.audited_model,
            about_id=appointment_id,
        )


class AppointmentById(OneAppointment):
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
        check_something_sent(request.data, ChangeInput().fields, besides=CONTROL_FIELDS)
        scope = changes.pop("scope")
        change = services.change if scope == SeriesScope.THIS else partial(series.change, scope=scope)
        return self._changed(change, appointment_id, expected=expected, **changes)

    delete = delete_handler(Appointment)


class RestoreAppointment(RestoreView):
    permissions = {"POST": Permission.DELETE_APPOINTMENTS}
    audited_model = Appointment._meta.label
    post = restore_handler(Appointment)


def _handler(action: Action, summary: str) -> Callable[..., Response]:
    """Return the `post` method of a view that says what happened to an appointment."""

    @extend_schema(
        parameters=[IF_MATCH, ETAG],
        responses={200: AppointmentShape},
        summary=summary,
        description="What is so already changes nothing. 409 where it may not follow what happened before.",
    )
    def post(view: OneAppointment, request: Request, appointment_id: UUID) -> Response:
        expected = given_version(request, None)
        return view._changed(services.act, appointment_id, action=action, expected=expected)

    return post


class ActionView(OneAppointment):
    """Base of the views that say what happened to an appointment."""

    permissions: ClassVar = {"POST": Permission.CHANGE_APPOINTMENTS}
    audit_events: ClassVar = {"POST": AuditEvent.CHANGED}
    extra_errors: ClassVar = {"POST": NOT_FOUND | STALE}


class ConfirmAppointment(ActionView):
    permissions = {"POST": (Permission.CHANGE_APPOINTMENTS, Permission.CHANGE_OWN_APPOINTMENTS)}
    post = _handler(Action.CONFIRM, "Say that the patient will come; patients may say so of their own")


class ArriveAtAppointment(ActionView):
    post = _handler(Action.ARRIVE, "Say that the patient is here")


class StartAppointment(ActionView):
    post = _handler(Action.START, "Say that the appointment has started")


class FinishAppointment(ActionView):
    post = _handler(Action.FINISH, "Say that the appointment is over: its status is completed")


class NoShowAppointment(ActionView):
    post = _handler(Action.NO_SHOW, "Say that the patient didn't come, once it has begun")


class UndoAppointment(ActionView):
    permissions = {"POST": (Permission.CHANGE_APPOINTMENTS, Permission.CHANGE_OWN_APPOINTMENTS)}
    post = _handler(Action.UNDO, "Take back what happened last; patients only their own confirmation")


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
    """Build the list: the latest first, or a day in its order; `equal` filters by doctor, office, room, patient
    and status."""
    found: AppointmentQuerySet = Appointment.objects.visible_to(person).filter(**equal).select_related("type")
    if start is not None:
        found = found.filter(starts_at__gte=start)
    if end is not None:
        found = found.filter(starts_at__lt=end)
    if midnight is None:
        return found.with_shown_people(*LISTED_COLUMNS).order_by("-starts_at", "-id")
    found = found.filter(starts_at__gte=midnight, starts_at__lt=next_midnight)
    return found.with_shown_people(*LISTED_COLUMNS).order_by("starts_at", "id")


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
