"""Sign-in of mobile apps and other programs: the same people and sessions as the web app's, with tokens in the answer
and in the Authorization header instead of cookies (seed 1-hipaa-auth.md)."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import bearer, services, sessions
from accounts.authentication import CHALLENGE, bearer_token
from accounts.bearer import Pair
from accounts.mobile_serializers import LogoutInput, RefreshInput, RoleShape, Tokens
from accounts.models import Door, Session
from accounts.roles import NUMBERED_ROLES
from accounts.second_factor.asking import SecondFactorAsked
from accounts.serializers import LoginInput, Message, SecondFactorNeeded
from accounts.tokens import InvalidToken, Kind, read
from core.api import limits
from core.api.schema import UNAVAILABLE
from core.api.views import PublicView


def tokens_of(session: Session) -> Response:
    """The answer to a sign-in at this door."""
    return answer_with(bearer.first_pair(session))


def answer_with(pair: Pair) -> Response:
    """RFC 6749 5.1: the one shape, and nobody on the way keeps it."""
    return Response(Tokens.of(pair), headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


def named_in_body(request: Request) -> UUID | None:
    """The session of the refresh token in the body, where it is one of ours. A body that is no body is counted here, by
    its address, before it is refused."""
    try:
        body: Any = request.data
    except APIException:
        limits.count_address(request._request)
        raise
    return _named_by(body.get("refresh_token"), Kind.BEARER_REFRESH)


def _named_by(token: Any, kind: Kind, *, even_expired: bool = False) -> UUID | None:
    try:
        return read(token, kind, even_expired=even_expired).session_id if isinstance(token, str) else None
    except InvalidToken:
        return None


class BearerDoor(PublicView):
    """What one calls without an access token that is good, to come to one or to be rid of it."""

    methods = ("POST",)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code == 401:
            response.headers.setdefault("WWW-Authenticate", CHALLENGE)
        return response


class MobileLogin(BearerDoor):
    answers_401 = True
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=LoginInput,
        responses={200: PolymorphicProxySerializer("MobileLoginAnswer", [Tokens, SecondFactorNeeded], None)},
        auth=[],
        summary="Sign in; answers both tokens",
        description="Where a second factor is set up, it is asked for at POST /auth/mfa first.",
    )
    def post(self, request: Request) -> Response:
        outcome = services.sign_in(request=request._request, door=Door.BEARER, **self.checked(LoginInput))
        if isinstance(outcome, SecondFactorAsked):
            return Response(SecondFactorNeeded.of(outcome))
        return tokens_of(outcome)


class MobileRefresh(BearerDoor):
    answers_401 = True

    def counted_session(self, request: Request) -> UUID | None:
        return named_in_body(request)

    @extend_schema(
        request=RefreshInput,
        responses={200: Tokens},
        auth=[],
        summary="Two new tokens for a refresh token, which works once",
        description="The same token gives the same two again for ten seconds, to a client that lost the answer. "
        "After that somebody else must have it: the session ends.",
    )
    def post(self, request: Request) -> Response:
        return answer_with(bearer.refresh(self.checked(RefreshInput)["refresh_token"]))


class MobileLogout(BearerDoor):
    def counted_session(self, request: Request) -> UUID | None:
        return self._of_access_token(request) or named_in_body(request)

    @extend_schema(
        request=LogoutInput,
        responses={200: Message},
        auth=[{}, {"bearer": []}],  # type: ignore[list-item]
        summary="End the session of the access token, or of the refresh token where that is gone",
    )
    def post(self, request: Request) -> Response:
        session_id = self._of_access_token(request)
        if session_id is None:
            token = self.checked(LogoutInput).get("refresh_token", "")
            session_id = _named_by(token, Kind.BEARER_REFRESH, even_expired=True)
        if session_id:  # whoever is not signed in is signed out already
            sessions.end(session_id=session_id)
        return Response(Message.of("Logged out successfully"))

    def _of_access_token(self, request: Request) -> UUID | None:
        return _named_by(bearer_token(request), Kind.ACCESS, even_expired=True)


class Roles(PublicView):
    methods = ("GET",)

    @extend_schema(
        responses={200: RoleShape(many=True)}, auth=[], summary="The roles, by the ids that /auth/register takes"
    )
    def get(self, request: Request) -> Response:
        return Response([RoleShape.of(role) for role in NUMBERED_ROLES])
