"""Between the right password and the second factor: who is asked for one, and the token that says whose password was
right."""

from typing import NamedTuple

from django.core import signing
from django.db.models import Exists, OuterRef
from django.utils.crypto import constant_time_compare

from accounts.models import Authenticator, Door, Method, Passkey, RecoveryCode, User
from accounts.roles import Role
from core.errors import NotSignedIn
from core.tenancy import installation_scope

LIFE_SECONDS = 300
TOO_LATE = "Your sign-in has expired. Please start again."
_SALT = "accounts.second_factor"

_APPS = Authenticator.objects.filter(confirmed_at__isnull=False)
_PASSKEYS = Passkey.objects.all()
# Of a user's row in a list: whether they have set up what methods_of() would say.
HAS_SECOND_FACTOR = Exists(_APPS.filter(user=OuterRef("pk"))) | Exists(_PASSKEYS.filter(user=OuterRef("pk")))


class SecondFactorAsked(NamedTuple):
    """The answer to a right password where that is not enough."""

    token: str
    methods: list[Method]


def methods_of(user: User) -> list[Method]:
    """What this person can prove themself with beside the password; empty where they have set up nothing."""
    methods = []
    if _APPS.filter(user=user).exists():
        methods.append(Method.TOTP)
    if _PASSKEYS.filter(user=user).exists():
        methods.append(Method.PASSKEY)
    if methods and RecoveryCode.objects.filter(user=user, used_at=None).exists():
        methods.append(Method.RECOVERY_CODE)
    return methods


def required_of(user: User) -> bool:
    """Whether the practice asks this person, as everybody who works there, for a second factor."""
    if user.practice is None or user.role == Role.PATIENT:
        return False
    return user.practice.two_factor_required


def token_for(user: User, door: Door) -> str:
    """Says for LIFE_SECONDS that this person's password was right at this door; a new password, a new role or a
    deactivation ends it at once."""
    return signing.dumps([str(user.pk), door, user.get_session_auth_hash()], salt=_SALT)


@installation_scope()
def user_of(token: str, door: Door) -> User:
    """Raises NotSignedIn."""
    try:
        user_id, token_door, auth_hash = signing.loads(token, salt=_SALT, max_age=LIFE_SECONDS)
    except signing.BadSignature as error:
        raise NotSignedIn(TOO_LATE) from error
    user: User | None = User.sign_in.select_related("practice").filter(pk=user_id, is_active=True).first()
    if user is None or token_door != door or not constant_time_compare(auth_hash, user.get_session_auth_hash()):
        raise NotSignedIn(TOO_LATE)
    return user
