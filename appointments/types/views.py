"""Appointment types."""

from functools import partial
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from appointments.models import AppointmentType
from appointments.types import services
from appointments.types.serializers import TypeChange, TypeInput, TypeList, TypeShape
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versioned import VersionedView
from core.api.versions import ETAG, IF_MATCH
from core.permissions import Permission

NAME_TAKEN = {"409": "Another type has this name."}
STALE = stale(
    TypeShape, "Another type has this name, or someone else has changed this one: `current` is how it is now."
)


class AppointmentTypes(VersionedView):
    permissions = {"GET": Permission.FIND_TIMES, "POST": Permission.MANAGE_SCHEDULES}
    extra_errors = {"POST": NOT_FOUND | NAME_TAKEN}

    @extend_schema(responses={200: TypeList}, summary="List appointment types, in the practice's order")
    def get(self, request: Request) -> Response:
        kinds = [TypeShape.for_user(self.caller, kind) for kind in AppointmentType.objects.prefetch_related("offers")]
        return Response({"appointmentTypes": kinds, "total": len(kinds)})

    @extend_schema(request=TypeInput, parameters=[ETAG], responses={201: TypeShape}, summary="Add an appointment type")
    def post(self, request: Request) -> Response:
        kind = services.create_type(by=self.caller, **self.checked(TypeInput))
        return self.versioned(TypeShape.to_dict(kind), status=201)


class AppointmentTypeById(VersionedView):
    permissions = {
        "GET": Permission.FIND_TIMES,
        "PATCH": Permission.MANAGE_SCHEDULES,
        "DELETE": Permission.MANAGE_SCHEDULES,
    }
    extra_errors = {
        "GET": NOT_FOUND,
        "PATCH": NOT_FOUND | STALE,
        "DELETE": NOT_FOUND | {"409": "Appointments use it."},
    }

    @extend_schema(parameters=[ETAG], responses={200: TypeShape}, summary="Get an appointment type")
    def get(self, request: Request, type_id: UUID) -> Response:
        return self.versioned(self._shown(type_id))

    @extend_schema(
        request=TypeChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: TypeShape},
        summary="Change an appointment type",
    )
    def patch(self, request: Request, type_id: UUID) -> Response:
        return self.change_versioned(
            TypeChange,
            shown=lambda: self._shown(type_id),
            change=partial(services.change_type, type_id=type_id, by=self.caller),
        )

    @extend_schema(responses={204: None}, summary="Remove an appointment type that no appointment has")
    def delete(self, request: Request, type_id: UUID) -> Response:
        services.remove_type(type_id=type_id, by=self.caller)
        return Response(status=204)

    def _shown(self, type_id: UUID) -> dict[str, object]:
        kind = AppointmentType.objects.prefetch_related("offers").get_or_refuse(pk=type_id)
        return TypeShape.for_user(self.caller, kind)
