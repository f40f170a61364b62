"""API keys: how a program of the practice's calls the API (docs/adr/0046).

A key acts for the practice in the name of the office manager who made it, with a part of their permissions, and works
as long as that person manages the practice. Each event that it causes names it beside the person. It is looked up by
one query, so that a revoked one is refused at once.
"""

import re
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, User
from accounts.roles import FOR_PROGRAMS, PERMISSIONS
from core.choices import PublicTextChoices
from core.errors import Forbidden, Invalid, NotSignedIn
from core.permissions import Permission
from core.tenancy.managers import InstallationQuerySet, PracticeQuerySet
from core.tenancy.scope import installation_scope

BEGINS = "praxis_"
LIFE, LONGEST_LIFE = timedelta(days=365), timedelta(days=2 * 366)
USE_NOTED_EVERY = timedelta(minutes=1)
NOT_VALID = _("This API key isn't valid. It may have expired or been revoked.")
_WELL_FORMED = re.compile(rf"{BEGINS}[0-9a-f]{{8}}_[A-Za-z0-9_-]{{43}}")
_NO_HASH = bytes(32)


class ApiKeyState(PublicTextChoices):
    LIVE = "live", _("Active")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Revoked")
    MAKER_GONE = "maker_gone", _("Stopped: whoever created it no longer manages the practice")


def permission_name(permission: Permission) -> str:
    """Return READ_APPOINTMENTS as "read_appointments", as the API writes it."""
    return permission.name.lower()


def grantable(user: User) -> list[Permission]:
    """Return what this person may give to a program, in the order of core/permissions.py."""
    return [one for one in Permission if one in FOR_PROGRAMS & PERMISSIONS[user.role]]


def get_state(key: ApiKey) -> ApiKeyState:
    if key.revoked_at is not None:
        return ApiKeyState.REVOKED
    if key.expires_at <= timezone.now():
        return ApiKeyState.EXPIRED
    return ApiKeyState.LIVE if _manages(key.made_by) else ApiKeyState.MAKER_GONE


def _manages(user: User) -> bool:
    return user.is_active and user.can(Permission.MANAGE_API_KEYS)


def list_keys() -> PracticeQuerySet:
    """Return the practice's keys, newest first."""
    keys: PracticeQuerySet = ApiKey.objects.select_related("made_by").order_by("-id")
    return keys


@transaction.atomic
def make(*, by: User, name: str, permissions: list[str], expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    """Return a new key and its text, which is never shown again. It lives for LIFE unless `expires_at` is given.

    Raises Forbidden for who does not manage the practice, and Invalid for a permission that its maker lacks or that is
    not for programs, for none, and for an expiry that is past or too far away.
    """
    (manager,) = User.all_practices.lock(by)
    if manager.practice_id is None or by.is_program or not _manages(manager):
        raise Forbidden(_("Only an office manager of the practice can create API keys."))
    possible = {permission_name(one) for one in grantable(manager)}
    if not permissions or not possible.issuperset(permissions):
        raise Invalid("permissions", _("Choose one or more of these: %(names)s.") % {"names": ", ".join(possible)})
    now = timezone.now()
    expires_at = expires_at or now + LIFE
    if not now < expires_at <= now + LONGEST_LIFE:
        raise Invalid("expiresAt", _("Enter a time in the future, two years from now at the latest."))
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        secret_hash=_hash(secret),
        permissions=sorted(set(permissions)),
        made_by=manager,
        expires_at=expires_at,
    )
    return key, f"{BEGINS}{prefix}_{secret}"


@transaction.atomic
def revoke(*, by: User, key_id: UUID) -> ApiKey:
    """Make a key useless from the next call on; a revoked one stays so. Raises Forbidden and NotFound."""
    if not by.can(Permission.MANAGE_API_KEYS):
        raise Forbidden(_("Only an office manager of the practice can revoke API keys."))
    key: ApiKey = ApiKey.objects.select_for_update().get_or_refuse(pk=key_id)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields={"revoked_at", "updated_at"})
    return key


# --- Using one --------------------------------------------------------------------------------------------------------


def looks_like_one(token: str) -> bool:
    return token.startswith(BEGINS)


@installation_scope()
def authenticate(text: str) -> User:
    """Return who the key acts for, with its permissions alone. Raises NotSignedIn, whatever is wrong with it."""
    if not _WELL_FORMED.fullmatch(text):
        raise NotSignedIn(NOT_VALID)
    prefix, _underscore, secret = text.removeprefix(BEGINS).partition("_")
    key: ApiKey | None = ApiKey.all_practices.select_related("made_by").filter(prefix=prefix).first()
    is_right = compare_digest(_hash(secret), bytes(key.secret_hash) if key else _NO_HASH)
    if key is None or not is_right or get_state(key) != ApiKeyState.LIVE:
        raise NotSignedIn(NOT_VALID)
    _note_use(key)
    return acting_user(key)


def acting_user(key: ApiKey) -> User:
    """Return the person in whose name the key acts, who can do what it grants and no more."""
    user = key.made_by
    user.granted = key.granted & FOR_PROGRAMS
    user.api_key_id = key.pk
    return user


def _note_use(key: ApiKey) -> None:
    """Note when the key was used, at most once a minute: a row is not written for each call."""
    now = timezone.now()
    due = now - USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at <= due:
        rows: InstallationQuerySet = ApiKey.all_practices.filter(pk=key.pk)
        rows.filter(Q(last_used_at=None) | Q(last_used_at__lte=due)).update(last_used_at=now)


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
