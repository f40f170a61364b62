"""Which passwords are good enough: the contract's six characters for patients, Django's validators for everyone who
works here, since their accounts open every chart."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import (
    get_default_password_validators,
    get_password_validators,
    password_validators_help_texts,
    validate_password,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.hashers import normalise_password
from accounts.models import User
from accounts.roles import Role
from core.encryption.fields import unreadable_marked


class RepeatedCharacterValidator:
    """Refuses a password of a single character, and of blanks and others that cannot be seen (NIST SP 800-63B, 5.1.1.2:
    repetitive)."""

    def validate(self, password: str, user: User | None = None) -> None:
        seen = {character for character in password if character.isprintable() and not character.isspace()}
        if len(seen) < 2:
            raise ValidationError(
                _("This password is a single character, repeated."), code="password_repeated_character"
            )

    def get_help_text(self) -> str:
        return _("Your password can't be a single character, repeated.")


def check_rules(password: str, user: User) -> None:
    """Raise ValidationError for a password that this person must not have."""
    with unreadable_marked():  # a lost encryption key must not keep anyone from a new password
        validate_password(normalise_password(password), user, password_validators=_validators_for(user.role))


def describe_rules(role: str) -> str:
    """Return the rules as sentences, for a form."""
    return " ".join(password_validators_help_texts(_validators_for(role)))


def _validators_for(role: str) -> Sequence[Any]:
    return get_default_password_validators() if role == Role.PATIENT else _workforce_validators()


@cache
def _workforce_validators() -> Sequence[Any]:
    return get_password_validators(settings.WORKFORCE_PASSWORD_VALIDATORS)
