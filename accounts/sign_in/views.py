"""Sign-in of the web app: setting, renewing and clearing its cookies."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import LoginSession
from accounts.second_factor_challenge import SecondFactorChallenge
from accounts.sessions import cookies
from accounts.sessions import services as sessions
from accounts.sessions.authentication import bearer_token
from accounts.sessions.ending import end_named_by
from accounts.sessions.tokens import InvalidToken, TokenType, read
from accounts.sign_in import services as sign_in_services
from accounts.sign_in.serializers import LoginInput, Message, SecondFactorNeeded, SignedIn
from core.api.permissions import NOT_AUTHENTICATED
from core.api.schema import UNAVAILABLE, extend_schema
from core.api.views import PublicView
from core.errors import NotSignedIn


def _session_named_in(request: Request, cookie: str, kind: TokenType) -> UUID | None:
    """Return the session id in a valid token cookie."""
    try:
        return read(request.COOKIES.get(cookie, ""), kind).session_id
    except InvalidToken:
        return None


def sign_in_response(request: Request, session: LoginSession) -> Response:
    """Return the contract's response to a sign-in: the user and both cookies."""
    response = Response(SignedIn.to_dict(session.user))
    cookies.set_access(response, session)
    cookies.set_refresh(response, session, path=request.path)
    return response


class Login(PublicView):
    methods = ("POST",)
    answers_401 = True
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=LoginInput,
        responses={200: PolymorphicProxySerializer("LoginAnswer", [SignedIn, SecondFactorNeeded], None)},
        auth=[],
        summary="Sign in; sets both cookies",
    )
    def post(self, request: Request) -> HttpResponse:
        outcome = sign_in_services.sign_in(request=request._request, **self.checked(LoginInput))
        if isinstance(outcome, SecondFactorChallenge):
            return Response(SecondFactorNeeded.to_dict(outcome))
        return sign_in_response(request, outcome)


class Refresh(PublicView):
    methods = ("POST",)
    answers_401 = True

    def throttled_session(self, request: Request) -> UUID | None:
        return _session_named_in(request, cookies.REFRESH_COOKIE, TokenType.REFRESH)

    @extend_schema(
        request=None,
        responses={200: Message},
        auth=[{"refreshCookie": []}],
        summary="Get a new access cookie with the refresh cookie",
    )
    def post(self, request: Request) -> HttpResponse:
        token = request.COOKIES.get(cookies.REFRESH_COOKIE)
        if not token:
            raise NotSignedIn(NOT_AUTHENTICATED)
        session = sessions.get_session_to_refresh(token)
        response = Response(Message.to_dict(_("Token refreshed")))
        cookies.set_access(response, session)
        return response


class Logout(PublicView):
    methods = ("POST",)

    def throttled_session(self, request: Request) -> UUID | None:
        return _session_named_in(request, cookies.ACCESS_COOKIE, TokenType.ACCESS)

    @extend_schema(request=None, responses={200: Message}, auth=[], summary="End the session; clears both cookies")
    def post(self, request: Request) -> HttpResponse:
        end_named_by(bearer_token(request) or request.COOKIES.get(cookies.ACCESS_COOKIE, ""))
        response = Response(Message.to_dict(_("Logged out successfully")))
        cookies.clear(response, path=request.path)
        return response
