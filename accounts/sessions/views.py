"""The caller's own sessions: every device on which they are signed in, and signing out of each."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.sessions import cookies
from accounts.sessions import services as sessions
from accounts.sessions.authentication import bearer_token
from accounts.sessions.serializers import Ended, SessionList, SessionShape
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.errors import NotFound
from core.permissions import Permission


class OwnSessions(ApiView):
    permissions = {"GET": Permission.USE_OWN_ACCOUNT, "DELETE": Permission.USE_OWN_ACCOUNT}
    needs_practice = False

    @extend_schema(responses={200: SessionList}, summary="List your sessions: the 100 most recently seen, newest first")
    def get(self, request: Request) -> Response:
        here = self.caller.session_id
        return Response(
            {"sessions": [SessionShape.seen_from(here, row) for row in sessions.list_live_sessions(self.caller)]}
        )

    @extend_schema(responses={200: Ended}, summary="Sign out everywhere else")
    def delete(self, request: Request) -> Response:
        return Response(Ended.to_dict(sessions.end_own(user=self.caller, here=self.caller.session_id)))


class OwnSession(ApiView):
    permissions = {"DELETE": Permission.USE_OWN_ACCOUNT}
    needs_practice = False
    extra_errors = {"DELETE": NOT_FOUND}

    @extend_schema(responses={204: None}, summary="End one of your sessions; ending the current one signs you out")
    def delete(self, request: Request, session_id: UUID) -> HttpResponse:
        here = self.caller.session_id
        if not sessions.end_own(user=self.caller, here=here, only=session_id):
            raise NotFound(_("Session not found."))
        response = Response(status=204)
        if session_id == here and not bearer_token(request):
            cookies.clear(response, path=request.path)
        return response
