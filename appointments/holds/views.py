"""Holds: a slot is kept while somebody fills the form."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from appointments.holds import services
from appointments.holds.serializers import SlotHoldInput, SlotHoldShape
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission

HOLD = (Permission.BOOK, Permission.BOOK_OWN)
NOT_FREE = {"409": "The slot is taken or held, or you hold three already."}


class SlotHolds(ApiView):
    permissions = {"POST": HOLD}
    extra_errors = {"POST": NOT_FOUND | NOT_FREE}

    @extend_schema(
        request=SlotHoldInput,
        responses={201: SlotHoldShape},
        summary="Hold a slot for three minutes",
        description="Until then nobody else can book or hold it. Book it with `holdId`, or release it.",
    )
    def post(self, request: Request) -> Response:
        held = services.hold(by=self.caller, **self.checked(SlotHoldInput))
        return Response(SlotHoldShape.to_dict(held), status=201)


class SlotHoldById(ApiView):
    permissions = {"DELETE": HOLD}
    extra_errors = {"DELETE": NOT_FOUND}

    @extend_schema(responses={204: None}, summary="Release a slot that you hold")
    def delete(self, request: Request, hold_id: UUID) -> Response:
        services.release(by=self.caller, hold_id=hold_id)
        return Response(status=204)
