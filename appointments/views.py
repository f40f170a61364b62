"""Appointments."""

from datetime import date
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.roles import Permission, Role
from appointments import services
from appointments.models import Appointment, AppointmentQuerySet
from appointments.serializers import AppointmentPage, AppointmentQuery, AppointmentShape, BookingInput, ChangeInput
from audit.events import Kind
from core import totals
from core.api.pages import page_of
from core.api.schema import CONFLICT, NOT_FOUND
from core.api.views import ApiView
from core.tenancy import current_practice_id
from patients.deletion_views import DELETE_ERRORS, Restoring, deleting, restoring
from patients.restriction import emergencies, open_for
from practices.services import current_practice


class Appointments(ApiView):
    permissions = {
        "GET": (Permission.READ_APPOINTMENTS, Permission.READ_OWN_APPOINTMENTS),
        "POST": (Permission.BOOK, Permission.BOOK_OWN),
    }
    trail = {"GET": Kind.APPOINTMENTS_LISTED, "POST": Kind.CREATED}
    about = Appointment._meta.label
    extra_errors = {"POST": NOT_FOUND | CONFLICT}

    @extend_schema(
        parameters=[AppointmentQuery],
        responses={200: AppointmentPage},
        summary="A doctor's own appointments, a patient's own, the practice's for the others",
        description="The latest first; one day's (`date`) in the order of the day. A day is the practice's, also in "
        "an office with another time zone.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(AppointmentQuery)
        page = {"page": query.pop("page"), "limit": query.pop("limit")}
        appointments = _listed_for(self.caller, **query)
        total = totals.remembered(
            f"appointments:{_whose(self.caller)}:{sorted(query.items())}",
            practice_id=current_practice_id(),
            of=(Appointment,),
            compute=appointments.count,
        )
        rows = page_of(appointments.with_people(), **page)
        charts = open_for(self.caller, [row.patient for row in rows])
        self.saw((row.patient_id for row in rows), hits=total, **page, **emergencies(charts))
        return Response({"appointments": [AppointmentShape.seen_by(self.caller, row) for row in rows], "total": total})

    @extend_schema(request=BookingInput, responses={201: AppointmentShape}, summary="Book an appointment")
    def post(self, request: Request) -> Response:
        appointment = services.book(by=self.caller, **self.checked(BookingInput))
        open_for(self.caller, [appointment.patient])
        return Response(AppointmentShape.seen_by(self.caller, appointment), status=201)


class AppointmentById(ApiView):
    permissions = {
        "PATCH": (Permission.CHANGE_APPOINTMENTS, Permission.CHANGE_OWN_APPOINTMENTS),
        "DELETE": Permission.DELETE_APPOINTMENTS,
    }
    trail = {"PATCH": Kind.CHANGED, "DELETE": Kind.SOFT_DELETED}
    about = Appointment._meta.label
    extra_errors = {"PATCH": NOT_FOUND | CONFLICT, "DELETE": DELETE_ERRORS}

    @extend_schema(
        request=ChangeInput, responses={200: AppointmentShape}, summary="Move, complete, cancel, re-open, note"
    )
    def patch(self, request: Request, appointment_id: UUID) -> Response:
        changes = self.checked(ChangeInput)
        appointment = services.change(by=self.caller, appointment_id=appointment_id, **changes)
        self.saw([appointment.patient_id], **emergencies(open_for(self.caller, [appointment.patient])))
        return Response(AppointmentShape.seen_by(self.caller, appointment))

    delete = deleting(Appointment)


class RestoreAppointment(Restoring):
    permissions = {"POST": Permission.DELETE_APPOINTMENTS}
    about = Appointment._meta.label
    post = restoring(Appointment)


def _listed_for(
    user: User,
    *,
    date: date | None = None,
    status: str | None = None,
    doctor_id: UUID | None = None,
    office_id: UUID | None = None,
) -> AppointmentQuerySet:
    """What this person's list holds: a doctor sees their own day unless they ask for a colleague's."""
    appointments: AppointmentQuerySet = Appointment.objects.visible_to(user)
    if doctor_id is None and user.role == Role.DOCTOR:
        doctor_id = user.pk
    if doctor_id is not None:
        appointments = appointments.filter(doctor_id=doctor_id)
    if office_id is not None:
        appointments = appointments.filter(office_id=office_id)
    if status is not None:
        appointments = appointments.filter(status=status)
    if date is None:
        return appointments.order_by("-starts_at", "-id")
    start, end = current_practice().day_bounds(date)
    return appointments.filter(starts_at__gte=start, starts_at__lt=end).order_by("starts_at", "id")


def _whose(user: User) -> str:
    return str(user.pk) if user.role in (Role.DOCTOR, Role.PATIENT) else "practice"
