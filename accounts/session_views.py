"""The sessions of the person who asks: every device on which they are signed in, and an end to it."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import cookies, sessions
from accounts.authentication import bearer_token
from accounts.roles import Permission
from accounts.session_serializers import Ended, SessionList, SessionShape
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from core.errors import Missing


class OwnSessions(ApiView):
    permissions = {"GET": Permission.USE_OWN_ACCOUNT, "DELETE": Permission.USE_OWN_ACCOUNT}
    needs_practice = False

    @extend_schema(
        responses={200: SessionList}, summary="Where one is signed in: the 100 sessions last seen, the newest first"
    )
    def get(self, request: Request) -> Response:
        here = self.caller.session_id
        return Response({"sessions": [SessionShape.seen_from(here, row) for row in sessions.open_of(self.caller)]})

    @extend_schema(responses={200: Ended}, summary="Sign out everywhere else")
    def delete(self, request: Request) -> Response:
        return Response(Ended.of(sessions.end_own(user=self.caller, here=self.caller.session_id)))


class OwnSession(ApiView):
    permissions = {"DELETE": Permission.USE_OWN_ACCOUNT}
    needs_practice = False
    extra_errors = {"DELETE": NOT_FOUND}

    @extend_schema(responses={204: None}, summary="End one of one's sessions; ending this one signs out")
    def delete(self, request: Request, session_id: UUID) -> HttpResponse:
        here = self.caller.session_id
        if not sessions.end_own(user=self.caller, here=here, only=session_id):
            raise Missing("There is no such session.")
        response = Response(status=204)
        if session_id == here and not bearer_token(request):
            cookies.clear(response, path=request.path)
        return response
