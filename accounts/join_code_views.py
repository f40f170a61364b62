"""Join codes: a doctor's own, an office manager's for any doctor."""

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import join_codes
from accounts.join_code_serializers import JoinCodeInput, JoinCodeMade, JoinCodePage, JoinCodeShape
from accounts.roles import Permission
from core.api.pages import PageQuery, page_of
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from practices.services import current_practice

MAY_MAKE = (Permission.MAKE_JOIN_CODES, Permission.MAKE_OWN_JOIN_CODES)


class JoinCodes(ApiView):
    permissions = {"GET": MAY_MAKE, "POST": MAY_MAKE}
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        parameters=[PageQuery],
        responses={200: JoinCodePage},
        summary="Join codes, the newest first: a doctor's own, all of the practice's for an office manager",
    )
    def get(self, request: Request) -> Response:
        page = self.checked_query(PageQuery)
        codes = join_codes.codes_of(self.caller)
        rows = page_of(codes.select_related("doctor", "office").order_by("-id"), **page)
        return Response({"joinCodes": [JoinCodeShape.of(row) for row in rows], "total": codes.count(), **page})

    @extend_schema(
        request=JoinCodeInput,
        responses={201: JoinCodeMade},
        summary="Make a join code; it is shown in this answer and never again",
    )
    def post(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):
            wanted = self.checked(JoinCodeInput)
        code, text = join_codes.make(by=self.caller, **wanted)
        return Response(JoinCodeMade.made(code, text), status=201)


class JoinCodeById(ApiView):
    permissions = {"DELETE": MAY_MAKE}
    extra_errors = {"DELETE": NOT_FOUND}

    @extend_schema(responses={204: None}, summary="Withdraw a join code: nobody uses it from now on")
    def delete(self, request: Request, code_id: UUID) -> Response:
        join_codes.withdraw(by=self.caller, code_id=code_id)
        return Response(status=204)
