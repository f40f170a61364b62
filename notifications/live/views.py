"""`/ws/events`: a WebSocket's handshake, as a view like others, so that proxies, hosts, log lines, sessions and limits
are dealt with as everywhere; and the tickets of clients that cannot send a cookie."""

from base64 import b64encode
from functools import partial
from hashlib import sha1
from uuid import UUID

from django.conf import settings
from django.contrib.auth import SESSION_KEY as USER_KEY
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from websockets.headers import parse_connection, parse_upgrade

from accounts.api_keys import services as api_keys
from accounts.models import ApiKey, User
from accounts.sessions import services as sessions
from accounts.sessions.admin_site import SESSION_KEY
from accounts.sessions.admin_store import SessionStore
from accounts.sessions.cookies import ACCESS_COOKIE
from accounts.sessions.tokens import Claims, InvalidToken, TokenType, read
from audit import context
from core.api import throttling
from core.api.exceptions import error_response
from core.api.permissions import NOT_AUTHENTICATED, SECOND_FACTOR_DUE
from core.api.schema import extend_schema
from core.api.views import ApiView
from core.errors import Forbidden, NotSignedIn, Refusal
from core.middleware.request_guard import comes_from_other_origin
from core.permissions import Permission
from core.tenancy.scope import installation_scope, practice_scope
from notifications.live import handover, tickets
from notifications.live.hub import hub
from notifications.live.listeners import listener_of, may_listen
from notifications.live.serializers import TicketShape
from notifications.live.sources import source

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
PARAMETERS = {"cursor", "ticket"}
MOST_CONNECTIONS, MOST_OF_ONE = 4000, 50  # of one process, and in it of one person or program
TOO_MANY = _("You have too many connections open. Close some of them first.")


class Ticket(ApiView):
    permissions = {"POST": (Permission.READ_APPOINTMENTS, Permission.READ_OWN_APPOINTMENTS)}
    keeps_answers = False  # a kept answer would hold the ticket

    @extend_schema(
        responses={200: TicketShape},
        summary="Get a ticket to open /ws/events with, for clients that send a bearer token",
        description="Good once, within 30 seconds. The connection ends with the session or the key.",
    )
    def post(self, request: Request) -> Response:
        return Response({"ticket": tickets.issue(self.caller), "expiresIn": tickets.LIFE})


@require_GET
def events(request: HttpRequest) -> HttpResponse:
    """Open a WebSocket that tells what changed, by ids alone: `{"type", "id", "version", "cursor"}`. With `cursor`, of
    the last message, it begins with what was missed."""
    if not _is_handshake(request):
        response = error_response(426, gettext("This address speaks WebSocket, version 13."))
        response.headers["Upgrade"], response.headers["Sec-WebSocket-Version"] = "websocket", "13"
        return response
    unknown = sorted(request.GET.keys() - PARAMETERS)
    if unknown:
        return error_response(400, gettext("Unknown parameter."))
    try:
        user, session_id = _who(request)
        _check_may_listen(user)
        assert user.practice_id is not None
        with practice_scope(user.practice_id):
            cursor = request.GET.get("cursor")
            after = source().number_of(cursor) if cursor else source().last_number()
    except Refusal as refusal:
        return error_response(refusal.status, str(refusal.detail))
    except Throttled:
        return error_response(429, gettext("Too many requests. Please try again in a moment."))
    connection = request.META.get(handover.SOCKET)
    if connection is None:  # `make dev`
        return error_response(501, gettext("This server has no live updates."))
    if len(hub()) >= MOST_CONNECTIONS:
        return error_response(503, gettext("This isn't available right now. Please try again in a moment."))
    listener = listener_of(user, session_id)
    if hub().number_of(listener) >= MOST_OF_ONE:  # else a single account could take them all
        return error_response(429, str(TOO_MANY))
    handover.offer(connection, partial(hub().add, listener=listener, after=after))
    return _switch(request.headers["Sec-WebSocket-Key"])


def _is_handshake(request: HttpRequest) -> bool:
    headers = request.headers
    try:
        upgrade = parse_upgrade(headers.get("Upgrade", ""))
        connection = parse_connection(headers.get("Connection", ""))
    except Exception:  # the library's own, of a malformed header
        return False
    speaks = "websocket" in map(str.lower, upgrade) and "upgrade" in map(str.lower, connection)
    return speaks and headers.get("Sec-WebSocket-Version") == "13" and bool(headers.get("Sec-WebSocket-Key"))


def _who(request: HttpRequest) -> tuple[User, UUID | None]:
    """Return who opens it, by ticket or by cookie, and their session; a program has none. Raises NotSignedIn,
    Forbidden, and Throttled."""
    if ticket := request.GET.get("ticket"):
        user_id, session_id, api_key_id = tickets.redeem(ticket)
        if api_key_id is not None:
            return _by_key(api_key_id), None
        claims = Claims(session_id or UUID(int=0), user_id)
    else:
        if "Origin" not in request.headers or comes_from_other_origin(request):
            raise Forbidden(gettext("This request came from another site."))
        claims = _claims_in_cookie(request)
    user = sessions.get_live_session(claims, seen=False).user
    context.identify(user_id=user.pk, role=user.role, practice_id=user.practice_id)  # for the log line
    with throttling.counted_as_poll():
        throttling.count_user(user.pk)
    return user, claims.session_id


def _claims_in_cookie(request: HttpRequest) -> Claims:
    """Return those of the API's cookie, else of the site's."""
    if token := request.COOKIES.get(ACCESS_COOKIE):
        try:
            return read(token, TokenType.ACCESS)
        except InvalidToken as error:
            raise NotSignedIn(sessions.ENDED_SENTENCE) from error
    stored = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    session_id, user_id = stored.get(SESSION_KEY), stored.get(USER_KEY)
    if not session_id or not user_id:
        raise NotSignedIn(NOT_AUTHENTICATED)
    return Claims(UUID(session_id), UUID(user_id))


@installation_scope()
def _by_key(api_key_id: UUID) -> User:
    key = ApiKey.all_practices.select_related("made_by").filter(pk=api_key_id).first()
    if key is None or api_keys.get_state(key) != api_keys.ApiKeyState.LIVE:
        raise NotSignedIn(api_keys.NOT_VALID)
    return api_keys.acting_user(key)


def _check_may_listen(user: User) -> None:
    if user.second_factor_due:
        raise Forbidden(SECOND_FACTOR_DUE)
    if not may_listen(user):
        raise Forbidden(gettext("You don't have permission to do this."))


def _switch(key: str) -> HttpResponse:
    response = HttpResponse(status=101)
    proof = b64encode(sha1((key + MAGIC).encode()).digest()).decode()  # noqa: S324 - RFC 6455, 4.2.2
    for name, value in (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", proof)):
        response.headers[name] = value
    return response
