"""Sign-in and one's own account."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import cookies, services, sessions
from accounts.authentication import bearer_token
from accounts.models import Session
from accounts.roles import Permission
from accounts.second_factor.asking import SecondFactorAsked
from accounts.serializers import LoginInput, Message, Profile, ProfileInput, SecondFactorNeeded, SignedIn
from accounts.tokens import InvalidToken, Kind, read
from core.api.schema import UNAVAILABLE
from core.api.views import NOT_AUTHENTICATED, ApiView, PublicView
from core.errors import NotSignedIn


def _session_named_in(request: Request, cookie: str, kind: Kind) -> UUID | None:
    """The session of a token that is ours and in time."""
    try:
        return read(request.COOKIES.get(cookie, ""), kind).session_id
    except InvalidToken:
        return None


def signed_in(request: Request, session: Session) -> Response:
    """The contract's answer to a sign-in: the person, and both cookies."""
    response = Response(SignedIn.of(session.user))
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
        outcome = services.sign_in(request=request._request, **self.checked(LoginInput))
        if isinstance(outcome, SecondFactorAsked):
            return Response(SecondFactorNeeded.of(outcome))
        return signed_in(request, outcome)


class Refresh(PublicView):
    methods = ("POST",)
    answers_401 = True

    def counted_session(self, request: Request) -> UUID | None:
        return _session_named_in(request, cookies.REFRESH_COOKIE, Kind.REFRESH)

    @extend_schema(
        request=None,
        responses={200: Message},
        auth=[{"refreshCookie": []}],  # type: ignore[list-item]
        summary="A new access cookie for the refresh cookie",
    )
    def post(self, request: Request) -> HttpResponse:
        token = request.COOKIES.get(cookies.REFRESH_COOKIE)
        if not token:
            raise NotSignedIn(NOT_AUTHENTICATED)
        session = sessions.to_refresh(token)
        response = Response(Message.of("Token refreshed"))
        cookies.set_access(response, session)
        return response


class Logout(PublicView):
    methods = ("POST",)

    def counted_session(self, request: Request) -> UUID | None:
        return _session_named_in(request, cookies.ACCESS_COOKIE, Kind.ACCESS)

    @extend_schema(request=None, responses={200: Message}, auth=[], summary="End the session; clears both cookies")
    def post(self, request: Request) -> HttpResponse:
        token = bearer_token(request) or request.COOKIES.get(cookies.ACCESS_COOKIE, "")
        try:
            claims = read(token, Kind.ACCESS, even_expired=True)
            sessions.end(session_id=claims.session_id)
        except InvalidToken:
            pass  # whoever is not signed in is signed out already
        response = Response(Message.of("Logged out successfully"))
        cookies.clear(response, path=request.path)
        return response


class Me(ApiView):
    permissions = {"GET": Permission.USE_OWN_ACCOUNT, "PATCH": Permission.USE_OWN_ACCOUNT}
    needs_practice = False
    before_second_factor = True

    @extend_schema(responses={200: Profile}, summary="One's own account")
    def get(self, request: Request) -> Response:
        return Response(Profile.of(self.caller))

    @extend_schema(request=ProfileInput, responses={200: Profile}, summary="Change one's own account")
    def patch(self, request: Request) -> Response:
        return Response(Profile.of(services.update_profile(by=self.caller, **self.checked(ProfileInput))))
