"""Who listens on an open connection, and whether they still may."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from accounts.api_keys import services as api_keys
from accounts.models import ApiKey, LoginSession, User
from accounts.sessions import idle_timeout
from accounts.sessions import services as sessions
from accounts.sessions.tokens import Claims
from audit import context
from core.errors import NotSignedIn
from core.tenancy.scope import installation_scope
from notifications.live.sources import Change, source


@dataclass(frozen=True, slots=True)
class Listener:
    """A person, by the login session that they listen with, or a program by its key."""

    user_id: UUID
    practice_id: UUID
    hears_all: bool
    session_id: UUID | None = None
    api_key_id: UUID | None = None

    @property
    def counted_as(self) -> UUID:
        """Whose connections are counted together: a program's apart from those of who made its key."""
        return self.api_key_id or self.user_id

    def hears(self, change: Change) -> bool:
        return self.hears_all or (change.account_id is not None and change.account_id == self.user_id)


def may_listen(user: User) -> bool:
    return user.practice_id is not None and (user.can(source().read_all) or user.can(source().read_own))


def listener_of(user: User, session_id: UUID | None) -> Listener:
    assert user.practice_id is not None
    return Listener(user.pk, user.practice_id, user.can(source().read_all), session_id, user.api_key_id)


def find_ended(listeners: Iterable[Listener]) -> set[Listener]:
    """Return those whose session or key has ended, timed out or changed hands. That a connection is open is nobody's
    activity: nothing is marked as seen."""
    by_session: dict[UUID, list[Listener]] = {}
    by_key: dict[UUID, list[Listener]] = {}
    for one in listeners:
        group, pk = (by_session, one.session_id) if one.session_id else (by_key, one.api_key_id)
        if pk is not None:
            group.setdefault(pk, []).append(one)
    with installation_scope():
        live = _live_sessions(by_session) | _live_keys(by_key)
    ended = [one for groups in (by_session, by_key) for pk, group in groups.items() if pk not in live for one in group]
    return set(ended)


def _live_sessions(ids: dict[UUID, list[Listener]]) -> set[UUID]:
    found = LoginSession.objects.filter(pk__in=list(ids), user__is_active=True).live() if ids else None
    rows = found.values_list("pk", "user_id", "last_seen_at") if found is not None else []
    limit, cutoff = idle_timeout.idle_limit(), idle_timeout.cutoff()
    with context.coming_from(context.Origin(agent="live updates")):
        # a row is up to a minute behind: where it is old, what else is known of the session decides
        return {pk for pk, user_id, seen in rows if not limit or seen >= cutoff or _is_live(Claims(pk, user_id))}


def _is_live(claims: Claims) -> bool:
    """Ask as a request would, which ends a session that has timed out."""
    try:
        sessions.get_live_session(claims, seen=False)
    except NotSignedIn:
        return False
    return True


def _live_keys(ids: dict[UUID, list[Listener]]) -> set[UUID]:
    rows = ApiKey.all_practices.select_related("made_by").filter(pk__in=list(ids)) if ids else []
    return {row.pk for row in rows if api_keys.get_state(row) == api_keys.ApiKeyState.LIVE}
