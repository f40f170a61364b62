"""Join codes: what a patient types to come to a doctor in an office of the practice.

The code itself is shown once, when it is made. What is stored is its fingerprint under a key that the database does
not hold, so that a dump opens nothing; whoever guesses is counted and told by the trail.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.exceptions import Throttled

from accounts.models import JoinCode, User
from accounts.roles import Permission, Role
from audit import trail
from audit.events import Kind, Outcome
from core.api import limits
from core.encryption.blind_index import join_code_fingerprint
from core.errors import Forbidden, Invalid
from core.tenancy import PracticeQuerySet, account_scope
from practices.models import as_join_code, new_join_code
from practices.services import naming_an_office, office_of

LATEST = datetime(2100, 1, 1, tzinfo=UTC)
UNUSABLE = "This join code cannot be used. Please ask the practice for another one."
MOST_DRAWS = 5  # of 31 ** 8 codes; a second draw is already an oddity


class State(models.TextChoices):
    LIVE = "live", "Live"
    EXPIRED = "expired", "Expired"
    USED_UP = "used_up", "Used up"
    WITHDRAWN = "withdrawn", "Withdrawn"


class CodeRefused(Invalid):
    """400: the same answer whatever is wrong with the code. `code` and `reason` are the trail's."""

    def __init__(self, field: str, *, reason: str, code: JoinCode | None = None) -> None:
        super().__init__(field, UNUSABLE)
        self.reason, self.code = reason, code


# --- Making and withdrawing -------------------------------------------------------------------------------------------


def codes_of(user: User) -> PracticeQuerySet:
    """The codes that this person makes and withdraws: the practice's, or their own."""
    codes: PracticeQuerySet = JoinCode.objects.all()
    return codes if user.can(Permission.MAKE_JOIN_CODES) else codes.filter(doctor_id=user.pk)


def make(
    *,
    by: User,
    office_id: UUID,
    doctor_id: UUID | None = None,
    expires_at: datetime | None = None,
    most_uses: int | None = None,
) -> tuple[JoinCode, str]:
    """A new code, and what the patient types, which nobody is shown again. Raises Missing for a doctor or an office
    that the practice has not, Forbidden for a colleague's code, Invalid for a time that has passed
    and a number that is none."""
    doctor = _doctor_for(by, doctor_id)
    if expires_at is not None:
        if not timezone.now() < expires_at < LATEST:
            raise Invalid("expiresAt", "Give a time that is still to come.")
        expires_at = expires_at.astimezone(UTC)
    if most_uses is not None and most_uses < 1:
        raise Invalid("mostUses", "A code is used once at least.")
    with naming_an_office():
        office = office_of(office_id)
        return _drawn(doctor=doctor, office=office, made_by=by, expires_at=expires_at, most_uses=most_uses)


def _doctor_for(by: User, doctor_id: UUID | None) -> User:
    if doctor_id is None and by.role != Role.DOCTOR:
        raise Invalid("doctorId", "Say for which doctor.")
    doctor = User.objects.doctor(doctor_id or by.pk)
    if doctor.pk != by.pk and not by.can(Permission.MAKE_JOIN_CODES):
        raise Forbidden("You may make join codes for yourself alone.")
    return doctor


def _drawn(**fields: Any) -> tuple[JoinCode, str]:
    """The unique index settles which codes are free, on the whole installation."""
    for draw in range(MOST_DRAWS):
        text = new_join_code()
        try:
            with transaction.atomic():
                return JoinCode.objects.create(code_index=join_code_fingerprint(text), **fields), text
        except IntegrityError:
            if draw == MOST_DRAWS - 1 or _find(text) is None:
                raise
    raise AssertionError("unreachable")


@transaction.atomic
def withdraw(*, by: User, code_id: UUID) -> JoinCode:
    """Nobody uses it from now on; one that is withdrawn already stays so. Raises Missing, for a colleague's too."""
    code: JoinCode = codes_of(by).select_for_update().found(pk=code_id)
    if code.withdrawn_at is None:
        code.withdrawn_at = timezone.now()
        code.save(update_fields={"withdrawn_at", "updated_at"})
    return code


def state_of(code: JoinCode) -> State:
    if code.withdrawn_at is not None:
        return State.WITHDRAWN
    if code.expires_at is not None and code.expires_at <= timezone.now():
        return State.EXPIRED
    return State.USED_UP if code.most_uses is not None and code.uses >= code.most_uses else State.LIVE


# --- Using one --------------------------------------------------------------------------------------------------------


def count_try(*, by: User | None, request: HttpRequest) -> None:
    """Called before a code is looked at, whatever it is. Raises Throttled, and Unavailable while nobody counts."""
    most = settings.JOIN_CODE_TRIES_PER_HOUR
    try:
        if by is not None:
            limits.spend("join_code", str(by.pk), an_hour=most)
        limits.spend_by_address("join_code_from", request, an_hour=most)
    except Throttled:
        tell_refused(practice_id=by.practice_id if by else None, reason="too_many_tries")
        raise


def find_anywhere(typed: str) -> JoinCode | None:
    """The code of whichever practice, for somebody who registers; it may no longer be good."""
    return _find(as_join_code(typed))


def _find(text: str) -> JoinCode | None:
    found: JoinCode | None = JoinCode.anywhere.filter(code_index=join_code_fingerprint(text)).first()
    return found


def locked(typed: str) -> JoinCode | None:
    """The scope's practice's code, which nobody else uses before this transaction ends."""
    codes = JoinCode.objects.select_for_update(of=("self",)).select_related("doctor", "office")
    found: JoinCode | None = codes.filter(code_index=join_code_fingerprint(as_join_code(typed))).first()
    return found


def why_refused(code: JoinCode | None) -> str:
    """Empty for a code that is good now; else the reason, for the trail alone."""
    if code is None:
        return "unknown"
    if not code.doctor.is_active or code.doctor.role != Role.DOCTOR:
        return "doctor_gone"
    state = state_of(code)
    return "" if state == State.LIVE else state.value


def count_use(code: JoinCode) -> None:
    """Of a code that is `locked`."""
    code.uses += 1
    code.save(update_fields={"uses", "updated_at"})


def tell_used(code: JoinCode, *, patient_id: UUID, **details: Any) -> None:
    trail.record(
        Kind.JOIN_CODE_USED,
        practice_id=code.practice_id,
        patients=[patient_id],
        about=JoinCode._meta.label,
        about_id=code.pk,
        **details,
    )


def tell_refused(
    *, practice_id: UUID | None, reason: str, code: JoinCode | None = None, patients: list[UUID] | None = None
) -> None:
    """In the trail of the practice of whoever tried or, of somebody unknown, of the code; else in the installation's.
    What was typed is not told: it may be another code, mistyped."""
    of_this_practice = code is not None and code.practice_id == practice_id
    with account_scope(practice_id):
        trail.record(
            Kind.JOIN_CODE_REFUSED,
            practice_id=practice_id,
            outcome=Outcome.REFUSED,
            patients=patients or (),
            about=JoinCode._meta.label,
            about_id=code.pk if code and of_this_practice else None,
            reason=reason,
        )
