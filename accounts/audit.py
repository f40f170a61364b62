"""Audit events of accounts and sign-ins (docs/adr/0011). Each is logged in the practice of the account it concerns,
or in the installation's trail if there is no account or it is a superuser's."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest

from accounts.models import User
from audit import context, log
from audit.events import AuditEvent, Outcome
from core.encryption.fields import unreadable_marked
from core.metrics.requests import count_sign_in
from core.tenancy.scope import account_scope, installation_scope


def log_event(
    kind: AuditEvent,
    about: User | None,
    *,
    by: User | None = None,
    email: str | None = None,
    outcome: Outcome = Outcome.DONE,
    **details: Any,
) -> None:
    """Log an event; `by` is the authenticated person, None for a failed sign-in; `email` is what was typed, by default
    the account's. Raises AuditLogUnavailable."""
    practice_id = about.practice_id if about else None
    if email is None and about:
        with unreadable_marked():  # a lost encryption key must not lock anyone out
            email = about.email
    origin = context.current()
    if by is None and outcome != Outcome.DONE:
        origin = replace(origin, user_id=None, role="")  # someone else may be signed in in this browser
    with account_scope(practice_id), context.coming_from(origin):
        log.record(
            kind,
            practice_id=practice_id,
            outcome=outcome,
            user_id=by.pk if by else None,
            role=by.role if by else "",
            email=email,
            about=User._meta.label if about else "",
            about_id=about.pk if about else None,
            **details,
        )
    count_sign_in(kind)


def log_failed_sign_in(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """Log a failed or locked-out sign-in to the API or the admin site (a receiver of user_login_failed). It takes the
    same time whether or not the email has an account."""
    email = str(credentials.get("username") or "")
    with installation_scope():
        user = User.all_practices.with_email(email)
    if getattr(request, "lockout_seconds", 0):
        log_event(AuditEvent.LOCKED_OUT, user, email=email, outcome=Outcome.REFUSED)
    else:
        log_event(AuditEvent.SIGN_IN_FAILED, user, email=email, outcome=Outcome.FAILED, reason=_reason(user))


def _reason(user: User | None) -> str:
    if user is None:
        return "unknown_email"
    return "wrong_password" if user.is_active else "deactivated"
