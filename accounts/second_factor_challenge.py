"""The step between password and second factor: who has to give one, and the token that proves the right password."""

from typing import NamedTuple

from django.core import signing
from django.db.models import Exists, OuterRef
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from accounts.audit import log_event
from accounts.models import Authenticator, Passkey, RecoveryCode, SecondFactorMethod, SignInChannel, User
from accounts.roles import Role
from audit.events import AuditEvent, Outcome
from core.errors import NotSignedIn
from core.tenancy.scope import installation_scope

LIFE_SECONDS = 300
TOO_LATE = _("Your sign-in has expired. Please start again.")
_SALT = "accounts.second_factor"

_APPS = Authenticator.objects.filter(confirmed_at__isnull=False)
_PASSKEYS = Passkey.objects.all()
# Annotates users: whether `available_methods` would return anything.
HAS_SECOND_FACTOR = Exists(_APPS.filter(user=OuterRef("pk"))) | Exists(_PASSKEYS.filter(user=OuterRef("pk")))


class SecondFactorChallenge(NamedTuple):
    """The result of a right password that still needs a second factor."""

    token: str
    methods: list[SecondFactorMethod]


def available_methods(user: User) -> list[SecondFactorMethod]:
    """Return the second factors that this person can use; empty if none is set up."""
    methods = []
    if _APPS.filter(user=user).exists():
        methods.append(SecondFactorMethod.TOTP)
    if _PASSKEYS.filter(user=user).exists():
        methods.append(SecondFactorMethod.PASSKEY)
    if methods and RecoveryCode.objects.filter(user=user, used_at=None).exists():
        methods.append(SecondFactorMethod.RECOVERY_CODE)
    return methods


def is_required_for(user: User) -> bool:
    """Return whether this person's practice requires a second factor of its staff."""
    if user.practice is None or user.role == Role.PATIENT:
        return False
    return user.practice.two_factor_required


def issue_challenge_token(user: User, channel: SignInChannel) -> str:
    """Return a token that proves, for LIFE_SECONDS and this channel, that the password was right. A new password, a new
    role or a deactivation invalidates it."""
    return signing.dumps([str(user.pk), channel, user.get_session_auth_hash()], salt=_SALT)


@installation_scope()
def get_challenged_user(token: str, channel: SignInChannel) -> User:
    """Return the user of a challenge token. Raises NotSignedIn, and AuditLogUnavailable if that cannot be logged."""
    user, valid = _user_of(token, channel)
    if user is None or not valid:
        log_event(AuditEvent.SECOND_FACTOR_FAILED, user, outcome=Outcome.FAILED, reason="challenge_not_valid")
        raise NotSignedIn(TOO_LATE)
    return user


def _user_of(token: str, channel: SignInChannel) -> tuple[User | None, bool]:
    """Return whose token this is, if it is ours, and whether it still proves anything."""
    try:
        user_id, token_channel, auth_hash = signing.loads(token, salt=_SALT)
        signing.loads(token, salt=_SALT, max_age=LIFE_SECONDS)
        in_time = True
    except signing.SignatureExpired:
        in_time = False
    except signing.BadSignature:
        return None, False
    user: User | None = User.all_practices.select_related("practice").filter(pk=user_id).first()
    if user is None or not user.is_active or not in_time or token_channel != channel:
        return user, False
    return user, constant_time_compare(auth_hash, user.get_session_auth_hash())
