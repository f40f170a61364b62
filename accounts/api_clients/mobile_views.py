"""Sign-in of mobile apps and other programs: the same people and sessions as the web app's, with tokens in the answer
and in the Authorization header instead of cookies (seed 1-hipaa-auth.md)."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_clients import refresh_rotation
from accounts.api_clients.refresh_rotation import TokenPair
from accounts.api_clients.serializers import LogoutInput, RefreshInput, RoleShape, Tokens
from accounts.models import LoginSession, SignInChannel
from accounts.roles import NUMBERED_ROLES
from accounts.second_factor_challenge import SecondFactorChallenge
from accounts.sessions import services as sessions
from accounts.sessions.authentication import CHALLENGE, bearer_token
from accounts.sessions.tokens import InvalidToken, TokenType, read
from accounts.sign_in import services as sign_in_services
from accounts.sign_in.serializers import LoginInput, Message, SecondFactorNeeded
from core.api import throttling
from core.api.names import check_body_names
from core.api.schema import UNAVAILABLE, extend_schema
from core.api.views import PublicView


def token_response(session: LoginSession) -> Response:
    """Return the response to a bearer client's sign-in."""
    return pair_response(refresh_rotation.issue_first_pair(session))


def pair_response(pair: TokenPair) -> Response:
    """Return the token response of RFC 6749 5.1, which must not be cached."""
    return Response(Tokens.to_dict(pair), headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


def session_id_in_body(request: Request) -> UUID | None:
    """Return the session id in the body's refresh token, if we issued it. A malformed body is counted against the
    address before it is rejected."""
    try:
        body: Any = request.data
    except APIException:
        throttling.count_address(request._request)
        raise
    return _session_id_in(body.get("refresh_token"), TokenType.BEARER_REFRESH)


def _session_id_in(token: Any, kind: TokenType, *, allow_expired: bool = False) -> UUID | None:
    try:
        return read(token, kind, allow_expired=allow_expired).session_id if isinstance(token, str) else None
    except InvalidToken:
        return None


class BearerView(PublicView):
    """Base of the endpoints that get or give up bearer tokens, called without a valid access token."""

    methods = ("POST",)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code == 401:
            response.headers.setdefault("WWW-Authenticate", CHALLENGE)
        return response


class MobileLogin(BearerView):
    answers_401 = True
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=LoginInput,
        responses={200: PolymorphicProxySerializer("MobileLoginAnswer", [Tokens, SecondFactorNeeded], None)},
        auth=[],
        summary="Sign in; returns both tokens",
        description="If two-step verification is set up, it comes first, at POST /auth/mfa.",
    )
    def post(self, request: Request) -> Response:
        outcome = sign_in_services.sign_in(
            request=request._request, channel=SignInChannel.BEARER, **self.checked(LoginInput)
        )
        if isinstance(outcome, SecondFactorChallenge):
            return Response(SecondFactorNeeded.to_dict(outcome))
        return token_response(outcome)


class MobileRefresh(BearerView):
    answers_401 = True

    def throttled_session(self, request: Request) -> UUID | None:
        return session_id_in_body(request)

    @extend_schema(
        request=RefreshInput,
        responses={200: Tokens},
        auth=[],
        summary="Exchange a refresh token, which works once, for two new tokens",
        description="The same token gives the same two again for ten seconds, in case the response was lost. "
        "After that the token must have been copied, and the session ends.",
    )
    def post(self, request: Request) -> Response:
        return pair_response(refresh_rotation.refresh(self.checked(RefreshInput)["refresh_token"]))


class MobileLogout(BearerView):
    def throttled_session(self, request: Request) -> UUID | None:
        return self._session_id_in_access_token(request) or session_id_in_body(request)

    @extend_schema(
        request=LogoutInput,
        responses={200: Message},
        auth=[{}, {"bearer": []}],
        summary="End the session of the access token, or of the refresh token if that is gone",
    )
    def post(self, request: Request) -> Response:
        session_id = self._session_id_in_access_token(request)
        check_body_names(request, LogoutInput().fields)
        if session_id is None:
            token = self.checked(LogoutInput).get("refresh_token", "")
            session_id = _session_id_in(token, TokenType.BEARER_REFRESH, allow_expired=True)
        if session_id:  # else there is nothing to end
            sessions.end(session_id=session_id)
        return Response(Message.to_dict(_("Logged out successfully")))

    def _session_id_in_access_token(self, request: Request) -> UUID | None:
        return _session_id_in(bearer_token(request), TokenType.ACCESS, allow_expired=True)


class Roles(PublicView):
    methods = ("GET",)

    @extend_schema(
        responses={200: RoleShape(many=True)},
        auth=[],
        summary="List the roles with the ids that /auth/register takes",
    )
    def get(self, request: Request) -> Response:
        return Response([RoleShape.to_dict(role) for role in NUMBERED_ROLES])
