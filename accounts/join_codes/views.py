"""Join codes: a doctor manages their own, an office manager those of every doctor."""

from uuid import UUID

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.join_codes import services as join_codes
from accounts.join_codes.serializers import JoinCodeInput, JoinCodeMade, JoinCodePage, JoinCodeShape
from core.api.pagination import Page, PageQuery
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from practices.services import current_practice

MAY_MAKE = (Permission.MAKE_JOIN_CODES, Permission.MAKE_OWN_JOIN_CODES)


class JoinCodes(ApiView):
    permissions = {"GET": MAY_MAKE, "POST": MAY_MAKE}
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        parameters=[PageQuery],
        responses={200: JoinCodePage},
        summary="List join codes, newest first: a doctor's own, or all of the practice's for an office manager",
    )
    def get(self, request: Request) -> Response:
        page = Page.taken_from(self.checked_query(PageQuery))
        codes = join_codes.get_managed_codes(self.caller)
        rows = page.rows(codes.select_related("doctor", "office").order_by("-id"))
        shown = [JoinCodeShape.to_dict(row) for row in rows]
        return Response({"joinCodes": shown, "total": codes.count(), **page.asked, **page.next})

    @extend_schema(
        request=JoinCodeInput,
        responses={201: JoinCodeMade},
        summary="Create a join code; this response is the only one that shows it",
    )
    def post(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):
            wanted = self.checked(JoinCodeInput)
        code, text = join_codes.create(by=self.caller, **wanted)
        return Response(JoinCodeMade.made(code, text), status=201)


class JoinCodeById(ApiView):
    permissions = {"DELETE": MAY_MAKE}
    extra_errors = {"DELETE": NOT_FOUND}

    @extend_schema(responses={204: None}, summary="Withdraw a join code, so that no one can use it")
    def delete(self, request: Request, code_id: UUID) -> Response:
        join_codes.withdraw(by=self.caller, code_id=code_id)
        return Response(status=204)
