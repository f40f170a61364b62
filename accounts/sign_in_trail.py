"""What the trail tells of accounts and of signing in (DESIGN.md rule 5): one event each, in the practice of the account
that it is about, or in the installation's where there is no account or it is a superuser's."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest

from accounts.models import User
from audit import context, trail
from audit.events import Kind, Outcome
from core.encryption.fields import unreadable_marked
from core.tenancy import account_scope, installation_scope


def tell(
    kind: Kind,
    about: User | None,
    *,
    by: User | None = None,
    email: str | None = None,
    outcome: Outcome = Outcome.DONE,
    **details: Any,
) -> None:
    """`by` is who proved to be themself, nobody at a failed sign-in; `email` what was typed, else the account's. Raises
    TrailDown."""
    practice_id = about.practice_id if about else None
    if email is None and about:
        with unreadable_marked():  # a lost key closes nobody's account
            email = about.email
    origin = context.current()
    if by is None and outcome != Outcome.DONE:
        origin = replace(origin, user_id=None, role="")  # somebody else may be signed in at this browser
    with account_scope(practice_id), context.coming_from(origin):
        trail.record(
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


def tell_failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    """A sign-in that failed or was locked out, of the API and of the admin site (a receiver of user_login_failed). An
    email with an account costs as much time here as one without."""
    email = str(credentials.get("username") or "")
    with installation_scope():
        user = User.sign_in.with_email(email)
    if getattr(request, "lockout_seconds", 0):
        tell(Kind.LOCKED_OUT, user, email=email, outcome=Outcome.REFUSED)
    else:
        tell(Kind.SIGN_IN_FAILED, user, email=email, outcome=Outcome.FAILED, reason=_reason(user))


def _reason(user: User | None) -> str:
    if user is None:
        return "unknown_email"
    return "wrong_password" if user.is_active else "deactivated"
