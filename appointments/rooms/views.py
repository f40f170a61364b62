"""Rooms."""

from functools import partial
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from appointments.models import Room
from appointments.rooms import services
from appointments.rooms.serializers import RoomChange, RoomInput, RoomList, RoomQuery, RoomShape
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versioned import VersionedView
from core.api.versions import ETAG, IF_MATCH
from core.permissions import Permission

NAME_TAKEN = {"409": "Another room of this office has this name."}
STALE = stale(
    RoomShape, "Another room has this name, or someone else has changed this one: `current` is how it is now."
)


class Rooms(VersionedView):
    permissions = {"GET": Permission.FIND_TIMES, "POST": Permission.MANAGE_SCHEDULES}
    extra_errors = {"POST": NOT_FOUND | NAME_TAKEN}

    @extend_schema(parameters=[RoomQuery], responses={200: RoomList}, summary="List rooms by name")
    def get(self, request: Request) -> Response:
        rooms = [RoomShape.to_dict(room) for room in Room.objects.filter(**self.checked_query(RoomQuery))]
        return Response({"rooms": rooms, "total": len(rooms)})

    @extend_schema(request=RoomInput, parameters=[ETAG], responses={201: RoomShape}, summary="Add a room")
    def post(self, request: Request) -> Response:
        room = services.create_room(by=self.caller, **self.checked(RoomInput))
        return self.versioned(RoomShape.to_dict(room), status=201)


class RoomById(VersionedView):
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

    @extend_schema(parameters=[ETAG], responses={200: RoomShape}, summary="Get a room")
    def get(self, request: Request, room_id: UUID) -> Response:
        return self.versioned(self._shown(room_id))

    @extend_schema(request=RoomChange, parameters=[IF_MATCH, ETAG], responses={200: RoomShape}, summary="Change a room")
    def patch(self, request: Request, room_id: UUID) -> Response:
        return self.change_versioned(
            RoomChange,
            shown=lambda: self._shown(room_id),
            change=partial(services.change_room, room_id=room_id, by=self.caller),
        )

    @extend_schema(responses={204: None}, summary="Remove a room that no appointment has")
    def delete(self, request: Request, room_id: UUID) -> Response:
        services.remove_room(room_id=room_id, by=self.caller)
        return Response(status=204)

    def _shown(self, room_id: UUID) -> dict[str, object]:
        return RoomShape.to_dict(Room.objects.get_or_refuse(pk=room_id))
