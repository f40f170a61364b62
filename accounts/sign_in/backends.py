"""Django's authentication backend: email and password."""

from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.db import DatabaseError
from django.http import HttpRequest

from accounts.hashers import forms_to_try, is_outdated
from accounts.models import User
from accounts.sessions import services as sessions
from accounts.sign_in.lockout import clear_attempts, give_back_attempt
from core.tenancy.scope import account_scope


class EmailBackend:
    """Authenticates both the API's sign-in and the admin site's form."""

    def authenticate(
        self, request: HttpRequest | None, username: str = "", password: str = "", **kwargs: Any
    ) -> User | None:
        """Return the active user with this email and password, or None. Both take the time of as many password hashes:
        one, for most passwords. Success resets the lockout count."""
        try:
            user = User.all_practices.with_email(username)
        except DatabaseError:
            give_back_attempt(username)  # nothing was guessed: an outage must not lock out whoever tries again
            raise
        if user is None:
            for form in forms_to_try(password):
                make_password(form)
            return None
        if not check_password(password, user.password) or not user.is_active:
            return None
        if is_outdated(password, user.password):
            _store_normalised(user, password)
        clear_attempts(username)  # as typed: a lost encryption key must not lock anyone out
        return user

    def get_user(self, user_id: str) -> User | None:
        """Return the user of an admin session."""
        return User.all_practices.select_related("practice").filter(pk=user_id, is_active=True).first()


def _store_normalised(user: User, password: str) -> None:
    """Hash the same password anew, so that it is right from every keyboard. The person's other sessions in the admin
    site end, which are bound to the hash."""
    stored = user.password
    user.set_password(password)
    with account_scope(user.practice_id):
        User.all_practices.filter(pk=user.pk, password=stored).update(password=user.password)
    sessions.invalidate_user(user=user)
