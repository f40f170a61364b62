"""Who may see what: the list that a practice looks through once a year (45 CFR 164.308(a)(4)(ii)(C)), and the record
that it did, which is an event of the audit trail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, LoginSession, User
from accounts.roles import Role
from accounts.second_factor_challenge import HAS_SECOND_FACTOR
from audit import context, log, queries
from audit.events import AuditEvent
from audit.models import Event
from core.errors import Forbidden, Sentence
from core.permissions import Permission
from core.tenancy.scope import current_practice_id

P = Permission
REVIEWS_SHOWN = 5
SIGHTS: tuple[tuple[P, Sentence], ...] = (  # what may be seen, in the words of the page
    (P.READ_CHARTS, _("charts")),
    (P.READ_CONTACTS, _("contact data")),
    (P.READ_APPOINTMENTS, _("appointments")),
    (P.READ_RECORDS, _("records and files")),
    (P.BREAK_GLASS, _("restricted charts in an emergency")),
    (P.READ_BILLING, _("billing")),
    (P.EXPORT_CHARTS, _("exports of charts")),
    (P.READ_TRAIL, _("the audit trail")),
    (P.MANAGE_USERS, _("people and their access")),
)


@dataclass(frozen=True)
class Sight:
    """A person or a program, and what they may see."""

    name: str
    role: str
    sees: list[str]
    is_active: bool
    has_second_factor: bool | None  # None: a program
    last_at: datetime | None


def people(by: User) -> list[User]:
    """Return everybody who works here, in two statements however many they are."""
    _check_may(by)
    last = LoginSession.objects.filter(user=OuterRef("pk")).order_by("-created_at").values("created_at")[:1]
    found = User.objects.exclude(role=Role.PATIENT).annotate(
        has_second_factor=HAS_SECOND_FACTOR, signed_in_at=Subquery(last)
    )
    return sorted(found, key=lambda one: (not one.is_active, one.name.casefold()))


def programs(by: User) -> list[ApiKey]:
    _check_may(by)
    return [key for key in ApiKey.objects.order_by("id") if key.revoked_at is None]


def sight_of(person: Any) -> Sight:
    sees = [str(words) for permission, words in SIGHTS if person.can(permission)] if person.is_active else []
    role = str(Role(person.role).label)
    return Sight(person.name, role, sees, person.is_active, person.has_second_factor, person.signed_in_at)


def sight_of_key(key: ApiKey) -> Sight:
    granted = {Permission[name.upper()] for name in key.permissions if name.upper() in Permission.__members__}
    sees = [str(words) for permission, words in SIGHTS if permission in granted]
    return Sight(key.name, str(_("API key")), sees, True, None, key.last_used_at)


@transaction.atomic
def record_review(*, by: User) -> None:
    """Record that somebody has looked through the list, with how many were on it."""
    number, of_programs = len(people(by)), len(programs(by))
    with context.done_by(by):
        log.record(AuditEvent.ACCESS_REVIEWED, practice_id=current_practice_id(), people=number, programs=of_programs)


def reviews() -> list[Event]:
    """Return the last reviews, newest first."""
    wanted = queries.EventFilter(practice_id=current_practice_id(), event=AuditEvent.ACCESS_REVIEWED)
    return queries.page(wanted, after=None, limit=REVIEWS_SHOWN)[0]


def _check_may(by: User) -> None:
    if not by.can(P.MANAGE_PRIVACY):
        raise Forbidden(_("Only an office manager can review who may see what."))
