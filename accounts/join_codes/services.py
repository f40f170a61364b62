"""Join codes, which a patient types to reach a doctor in an office of the practice.

The code is shown once, when it is created. Only a fingerprint is stored, under a key that is not in the database, so
that a dump reveals no code. Attempts are limited and logged.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import Throttled

from accounts.models import JoinCode, User
from accounts.roles import Role
from audit import log
from audit.events import AuditEvent, Outcome
from core.api import throttling
from core.choices import PublicTextChoices
from core.codes import normalise_code
from core.encryption.blind_index import join_code_fingerprint
from core.errors import Forbidden, Invalid
from core.permissions import Permission
from core.tenancy.managers import PracticeQuerySet
from core.tenancy.scope import account_scope
from practices.models import new_join_code
from practices.services import checking_office_exists, get_office

LATEST_EXPIRY = datetime(2100, 1, 1, tzinfo=UTC)
UNUSABLE = _("This join code can't be used. Please ask the practice for a new one.")
MAX_DRAWS = 5  # of 31 ** 8 codes; even a second draw is unlikely


class JoinCodeState(PublicTextChoices):
    LIVE = "live", _("Active")
    EXPIRED = "expired", _("Expired")
    USED_UP = "used_up", _("Used up")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class CodeRefused(Invalid):
    """400: the same message whatever is wrong with the code. `code` and `reason` are for the audit trail."""

    def __init__(self, field: str, *, reason: str, code: JoinCode | None = None) -> None:
        super().__init__(field, UNUSABLE)
        self.reason, self.code = reason, code


# --- Making and withdrawing -------------------------------------------------------------------------------------------


def get_managed_codes(user: User) -> PracticeQuerySet:
    """Return the codes that this person may manage: all of the practice's, or their own."""
    codes: PracticeQuerySet = JoinCode.objects.all()
    return codes if user.can(Permission.MAKE_JOIN_CODES) else codes.filter(doctor_id=user.pk)


def create(
    *,
    by: User,
    office_id: UUID,
    doctor_id: UUID | None = None,
    expires_at: datetime | None = None,
    most_uses: int | None = None,
) -> tuple[JoinCode, str]:
    """Return a new join code and its text, which is never shown again.

    Raises NotFound for an unknown doctor or office, Forbidden for a colleague's code, and Invalid for a time in the
    past or a number of uses below 1.
    """
    doctor = _doctor_for(by, doctor_id)
    if expires_at is not None:
        if not timezone.now() < expires_at < LATEST_EXPIRY:
            raise Invalid("expiresAt", _("Enter a time in the future."))
        expires_at = expires_at.astimezone(UTC)
    if most_uses is not None and most_uses < 1:
        raise Invalid("mostUses", _("A code must allow at least one use."))
    with checking_office_exists():
        office = get_office(office_id)
        return _create_unique(doctor=doctor, office=office, made_by=by, expires_at=expires_at, most_uses=most_uses)


def _doctor_for(by: User, doctor_id: UUID | None) -> User:
    if doctor_id is None and by.role != Role.DOCTOR:
        raise Invalid("doctorId", _("Choose a doctor."))
    doctor = User.objects.doctor(doctor_id or by.pk)
    if doctor.pk != by.pk and not by.can(Permission.MAKE_JOIN_CODES):
        raise Forbidden(_("You can create join codes only for yourself."))
    return doctor


def _create_unique(**fields: Any) -> tuple[JoinCode, str]:
    """The unique index settles which codes are free, on the whole installation."""
    for draw in range(MAX_DRAWS):
        text = new_join_code()
        try:
            with transaction.atomic():
                return JoinCode.objects.create(code_index=join_code_fingerprint(text), **fields), text
        except IntegrityError:
            if draw == MAX_DRAWS - 1 or _find(text) is None:
                raise
    raise AssertionError("unreachable")


@transaction.atomic
def withdraw(*, by: User, code_id: UUID) -> JoinCode:
    """Withdraw a code, so that no one can use it; a withdrawn one stays so. Raises NotFound, also for a colleague's."""
    code: JoinCode = get_managed_codes(by).select_for_update().get_or_refuse(pk=code_id)
    if code.withdrawn_at is None:
        code.withdrawn_at = timezone.now()
        code.save(update_fields={"withdrawn_at", "updated_at"})
    return code


def get_join_code_state(code: JoinCode) -> JoinCodeState:
    if code.withdrawn_at is not None:
        return JoinCodeState.WITHDRAWN
    if code.expires_at is not None and code.expires_at <= timezone.now():
        return JoinCodeState.EXPIRED
    return JoinCodeState.USED_UP if code.most_uses is not None and code.uses >= code.most_uses else JoinCodeState.LIVE


# --- Using one --------------------------------------------------------------------------------------------------------


def count_attempt(*, by: User | None, request: HttpRequest) -> None:
    """Count an attempt before the code is looked up. Raises Throttled, and Unavailable if it cannot count."""
    limit = settings.JOIN_CODE_TRIES_PER_HOUR
    try:
        if by is not None:
            throttling.count_attempt("join_code", str(by.pk), per_hour=limit)
        throttling.count_attempt_by_address("join_code_from", request, per_hour=limit)
    except Throttled:
        log_refused(practice_id=by.practice_id if by else None, reason="too_many_tries")
        raise


def find_in_any_practice(typed: str) -> JoinCode | None:
    """Return the code from any practice, for a person who registers; it may no longer be valid."""
    return _find(normalise_code(typed))


def _find(text: str) -> JoinCode | None:
    found: JoinCode | None = JoinCode.all_practices.filter(code_index=join_code_fingerprint(text)).first()
    return found


def lock(typed: str) -> JoinCode | None:
    """Return the practice's code, locked until this transaction ends."""
    codes = JoinCode.objects.select_for_update(of=("self",)).select_related("doctor", "office")
    found: JoinCode | None = codes.filter(code_index=join_code_fingerprint(normalise_code(typed))).first()
    return found


def get_refusal_reason(code: JoinCode | None) -> str:
    """Return why the code cannot be used, for the audit trail only; empty if it can."""
    if code is None:
        return "unknown"
    if not code.doctor.is_active or code.doctor.role != Role.DOCTOR:
        return "doctor_gone"
    state = get_join_code_state(code)
    return "" if state == JoinCodeState.LIVE else state.value


def count_use(code: JoinCode) -> None:
    """Count a use of a code from `lock`."""
    code.uses += 1
    code.save(update_fields={"uses", "updated_at"})


def log_used(code: JoinCode, *, patient_id: UUID, **details: Any) -> None:
    log.record(
        AuditEvent.JOIN_CODE_USED,
        practice_id=code.practice_id,
        patients=[patient_id],
        about=JoinCode._meta.label,
        about_id=code.pk,
        **details,
    )


def log_refused(
    *, practice_id: UUID | None, reason: str, code: JoinCode | None = None, patients: list[UUID] | None = None
) -> None:
    """Log a refused code in the trail of the caller's practice, else of the code's practice, else of the installation.

    What was typed is not logged: it may be another code with a typo.
    """
    of_this_practice = code is not None and code.practice_id == practice_id
    with account_scope(practice_id):
        log.record(
            AuditEvent.JOIN_CODE_REFUSED,
            practice_id=practice_id,
            outcome=Outcome.REFUSED,
            patients=patients or (),
            about=JoinCode._meta.label,
            about_id=code.pk if code and of_this_practice else None,
            reason=reason,
        )
