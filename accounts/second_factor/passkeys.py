"""Passkeys (WebAuthn, level 3), through py_webauthn: what a browser is asked, and whether its answer is right.

They belong to the host of SITE_URL and are used on the pages of it and of the allowed origins. A challenge is a row
that an answer deletes before anything else is looked at, so that no answer counts twice.
"""

from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    generate_challenge,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.models import Passkey, PasskeyChallenge, User

MOST = 10  # of one person
RP_NAME = "Praxis"
CHALLENGE_LIFE = timedelta(minutes=5)
MOST_CHALLENGES = 5  # of one person, at a time
LONGEST_ID, LONGEST_KEY = 1023, 2048  # bytes; the first is WebAuthn's, RSA keys of 8192 bits keep within the second
_TIMEOUT = int(CHALLENGE_LIFE.total_seconds() * 1000)


class NotVerified(Exception):
    """What came is no right answer to a challenge of ours."""


class New(NamedTuple):
    """A passkey that a browser has just made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: list[str]


def rp_id() -> str:
    return urlsplit(settings.SITE_URL).hostname or ""


def _origins() -> list[str]:
    return [settings.SITE_URL, *settings.CORS_ALLOWED_ORIGINS]


def creation_options(user: User) -> dict[str, Any]:
    """What navigator.credentials.create() takes, in WebAuthn's own JSON (binary values in base64url)."""
    options = generate_registration_options(
        rp_id=rp_id(),
        rp_name=RP_NAME,
        user_id=user.pk.bytes,
        user_name=user.email,
        user_display_name=user.name,
        challenge=_new_challenge(user),
        timeout=_TIMEOUT,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=_descriptors(user),
    )
    return options_to_json_dict(options)


def request_options(user: User) -> dict[str, Any]:
    """What navigator.credentials.get() takes."""
    options = generate_authentication_options(
        rp_id=rp_id(),
        challenge=_new_challenge(user),
        timeout=_TIMEOUT,
        allow_credentials=_descriptors(user),
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return options_to_json_dict(options)


def _descriptors(user: User) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=bytes(passkey.credential_id), transports=[AuthenticatorTransport(name) for name in passkey.transports]
        )
        for passkey in Passkey.objects.filter(user=user).order_by("pk")
    ]


def _new_challenge(user: User) -> bytes:
    """Only the newest are kept; of parallel ones one too many may stay until the next is made."""
    now = timezone.now()
    challenge = generate_challenge()
    PasskeyChallenge.objects.create(user=user, value=challenge, expires_at=now + CHALLENGE_LIFE)
    theirs = PasskeyChallenge.objects.filter(user=user)
    newest = theirs.order_by("-pk").values("pk")[:MOST_CHALLENGES]
    theirs.filter(Q(expires_at__lte=now) | ~Q(pk__in=newest)).delete()
    return challenge


def verified_new(user: User, credential: dict[str, Any]) -> New:
    """The passkey that this answer to `creation_options` brings. Raises NotVerified."""
    challenge = _used_up(user, credential)
    try:
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=rp_id(),
            expected_origin=_origins(),
        )
        decoded_public_key_to_cryptography(decode_credential_public_key(verified.credential_public_key))
        transports = parse_registration_credential_json(credential).response.transports or []
    except Exception as error:  # whatever the library stumbles over in what somebody sent
        raise NotVerified from error
    if len(verified.credential_id) > LONGEST_ID or len(verified.credential_public_key) > LONGEST_KEY:
        raise NotVerified
    names = sorted({transport.value for transport in transports})
    return New(verified.credential_id, verified.credential_public_key, verified.sign_count, names)


def take(user: User, credential: dict[str, Any]) -> bool:
    """Whether this is a right answer of one of their passkeys to `request_options`; it counts once. A counter that did
    not grow tells of a copied passkey, and is refused (WebAuthn, section 6.1.1)."""
    try:
        challenge = _used_up(user, credential)
        passkey = _named(user, credential)
        verified = _verified(passkey, credential, challenge)
    except NotVerified:
        return False
    count = verified.new_sign_count
    not_used_meanwhile = Q(sign_count__lt=count) if count else Q(sign_count=0)
    return (
        Passkey.objects.filter(not_used_meanwhile, pk=passkey.pk).update(sign_count=count, last_used_at=timezone.now())
        == 1
    )


def _verified(passkey: Passkey, credential: dict[str, Any], challenge: bytes) -> Any:
    try:
        return verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=rp_id(),
            expected_origin=_origins(),
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
        )
    except Exception as error:  # as above
        raise NotVerified from error


def _used_up(user: User, credential: dict[str, Any]) -> bytes:
    """The challenge of theirs that the answer names; no other answer can name it again. Raises NotVerified."""
    try:
        challenge = parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"])).challenge
    except Exception as error:  # as above
        raise NotVerified from error
    mine = PasskeyChallenge.objects.filter(user=user, value=challenge, expires_at__gt=timezone.now())
    if mine.delete()[0] != 1:
        raise NotVerified
    return challenge


def _named(user: User, credential: dict[str, Any]) -> Passkey:
    """Raises NotVerified where the answer names none of theirs, or somebody else as its owner."""
    try:
        credential_id = base64url_to_bytes(credential["rawId"])
        handle = credential["response"].get("userHandle")
        owner = base64url_to_bytes(handle) if handle else user.pk.bytes
    except Exception as error:  # as above
        raise NotVerified from error
    passkey = Passkey.objects.filter(user=user, credential_id=credential_id).first()
    if passkey is None or owner != user.pk.bytes:
        raise NotVerified
    return passkey
