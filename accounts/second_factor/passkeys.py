"""Passkeys (WebAuthn, level 3), through py_webauthn: the options for the browser, and verifying its response.

They belong to the host of SITE_URL and work on its pages and those of the allowed origins. A challenge is a row that a
response deletes before it is verified, so that no response counts twice.
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

MAX_PASSKEYS = 10  # per person
RP_NAME = "Praxis"
CHALLENGE_LIFE = timedelta(minutes=5)
MAX_CHALLENGES = 5  # per person, at a time
MAX_ID_LENGTH, MAX_KEY_LENGTH = (
    1023,
    2048,
)  # bytes; the first is WebAuthn's, RSA keys of 8192 bits keep within the second
_TIMEOUT = int(CHALLENGE_LIFE.total_seconds() * 1000)


class NotVerified(Exception):
    """The response does not answer one of our challenges."""


class NewPasskey(NamedTuple):
    """A passkey that a browser has just created."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: list[str]


def rp_id() -> str:
    return urlsplit(settings.SITE_URL).hostname or ""


def _origins() -> list[str]:
    return [settings.SITE_URL, *settings.CORS_ALLOWED_ORIGINS]


def creation_options(user: User) -> dict[str, Any]:
    """Return options for navigator.credentials.create(), in WebAuthn's JSON (binary values in base64url)."""
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
    """Return options for navigator.credentials.get()."""
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
    """Create a challenge and keep only the newest. Parallel calls may leave one too many until the next."""
    now = timezone.now()
    challenge = generate_challenge()
    PasskeyChallenge.objects.create(user=user, value=challenge, expires_at=now + CHALLENGE_LIFE)
    theirs = PasskeyChallenge.objects.filter(user=user)
    newest = theirs.order_by("-pk").values("pk")[:MAX_CHALLENGES]
    theirs.filter(Q(expires_at__lte=now) | ~Q(pk__in=newest)).delete()
    return challenge


def verify_new(user: User, credential: dict[str, Any]) -> NewPasskey:
    """Return the passkey in a response to `creation_options`. Raises NotVerified."""
    challenge = _consume_challenge(user, credential)
    try:
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=rp_id(),
            expected_origin=_origins(),
        )
        decoded_public_key_to_cryptography(decode_credential_public_key(verified.credential_public_key))
        transports = parse_registration_credential_json(credential).response.transports or []
    except Exception as error:  # whatever the library raises for malformed input
        raise NotVerified from error
    if len(verified.credential_id) > MAX_ID_LENGTH or len(verified.credential_public_key) > MAX_KEY_LENGTH:
        raise NotVerified
    names = sorted({transport.value for transport in transports})
    return NewPasskey(verified.credential_id, verified.credential_public_key, verified.sign_count, names)


def consume(user: User, credential: dict[str, Any]) -> bool:
    """Return whether this is a valid response of one of the user's passkeys to `request_options`; use it up.

    A counter that did not increase suggests a copied passkey and is rejected (WebAuthn, section 6.1.1).
    """
    try:
        challenge = _consume_challenge(user, credential)
        passkey = _find_passkey(user, credential)
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


def _consume_challenge(user: User, credential: dict[str, Any]) -> bytes:
    """Delete and return the challenge that the response answers. Raises NotVerified."""
    try:
        challenge = parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"])).challenge
    except Exception as error:  # as above
        raise NotVerified from error
    mine = PasskeyChallenge.objects.filter(user=user, value=challenge, expires_at__gt=timezone.now())
    if mine.delete()[0] != 1:
        raise NotVerified
    return challenge


def _find_passkey(user: User, credential: dict[str, Any]) -> Passkey:
    """Return the user's passkey in the response. Raises NotVerified if it is not theirs."""
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
