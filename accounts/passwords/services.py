"""Changing, setting and resetting passwords."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import log_event
from accounts.hashers import normalise_password
from accounts.models import RevocationReason, User
from accounts.sessions import services as sessions
from accounts.sign_in import lockout
from accounts.sign_in.services import confirm_password
from accounts.users.services import save_user, set_checked_password
from audit.events import AuditEvent
from core.errors import Forbidden, Invalid, NotSignedIn
from core.permissions import Permission


def change_password(*, by: User, current: str, new: str, keep: UUID | None) -> None:
    """Change one's own password.

    Raises Invalid for a wrong current, a weak or an unchanged password; what `confirm_password` raises; and NotSignedIn
    if the password was changed in the meantime.
    """
    try:
        known = confirm_password(by=by, password=current)
    except Invalid as wrong:
        raise Invalid("current", wrong.message) from wrong
    if normalise_password(new) == normalise_password(current):
        raise Invalid("new", _("This is already your password."))
    try:
        with transaction.atomic():
            (row,) = User.all_practices.lock(known)
            if row.password != known.password:
                raise NotSignedIn(sessions.ENDED_SENTENCE)
            _store_password(row, new, by=row, keep=keep)
    except Invalid as weak:
        raise Invalid("new", weak.message) from weak
    by.password, by.session_epoch = row.password, row.session_epoch  # for the admin site's own session


@transaction.atomic
def set_password(*, user: User, by: User | None, password: str) -> None:
    """Set another person's password and end all their sessions; `by` is None for a management command.

    Raises Forbidden if `by` is no longer a manager, and for one's own password, which takes the current one
    (`change_password`), so that a stolen cookie is not enough. Raises Invalid for a weak password.
    """
    manager, colleague = User.all_practices.lock(by or user, user)
    if by is not None and manager is colleague:
        raise Forbidden(_("Use your current password to change your own password."))
    if by is not None:
        check_is_manager(manager)
    _store_password(colleague, password, by=by and manager)


@transaction.atomic
def disable_password(*, user: User, by: User) -> None:
    """Let nobody sign in with this person's password any more, and end their sessions: it was chosen under the rules
    for patients. Raises Forbidden."""
    manager, colleague = User.all_practices.lock(by, user)
    check_is_manager(manager)
    colleague.set_unusable_password()
    log_event(AuditEvent.PASSWORD_CHANGED, colleague, by=manager, reason="new_role")
    sessions.end_all(user=colleague, by=manager, reason=RevocationReason.NEW_PASSWORD)
    save_user(colleague)
    user.password, user.session_epoch = colleague.password, colleague.session_epoch


def check_is_manager(by: User) -> None:
    if not (by.is_active and by.can(Permission.MANAGE_PRACTICE)):
        raise Forbidden(_("You no longer manage this practice."))


@transaction.atomic
def reset_password(*, user: User, password: str) -> None:
    """Set the password of a person with a valid link (accounts/passwords/reset.py) and end all their sessions.

    Raises Forbidden if the account has been deactivated, and Invalid.
    """
    (row,) = User.all_practices.lock(user)
    if not row.is_active:
        raise Forbidden(_("Your account is no longer active. Please ask your practice to turn it on again."))
    _store_password(row, password, by=row, reason="reset_link")
    transaction.on_commit(lambda: lockout.clear(lockout.password_key(row.pk)))


def _store_password(user: User, password: str, *, by: User | None, keep: UUID | None = None, reason: str = "") -> None:
    """Store a password for a locked user and end all their sessions except `keep`; `reason` is logged."""
    set_checked_password(user, password)
    details: dict[str, Any] = {"reason": reason} if reason else {}
    log_event(AuditEvent.PASSWORD_CHANGED, user, by=by, **details)
    sessions.end_all(user=user, by=by, reason=RevocationReason.NEW_PASSWORD, keep=keep)
    save_user(user)
