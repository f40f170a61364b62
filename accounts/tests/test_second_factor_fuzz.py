"""Whatever somebody sends for a passkey is refused, and breaks nothing."""

import hashlib
import json
from base64 import urlsafe_b64encode

import cbor2
import orjson
import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from accounts.models import Passkey, SignInChannel, User
from accounts.second_factor import passkeys, services
from accounts.second_factor_challenge import issue_challenge_token
from accounts.tests.factories import PASSWORD
from accounts.tests.soft_passkey import SoftPasskey, text
from core.errors import Invalid
from tests.sampling import examples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
BASE64 = st.binary(max_size=120).map(lambda value: urlsafe_b64encode(value).decode().rstrip("="))


def near(strategy):
    """Mostly what belongs there, and sometimes anything."""
    return st.one_of(strategy, strategy, strategy, JSON)


CBOR = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.binary(max_size=60) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.integers(-5, 5) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=6,
)


def client_data(challenge, kind):
    fields = {
        "type": near(st.just(kind)),
        "challenge": near(st.just(challenge)),
        "origin": near(st.just("http://localhost:5173")),
    }
    said = st.fixed_dictionaries(fields, optional={"tokenBinding": JSON, "crossOrigin": JSON})
    return said.map(lambda value: text(orjson.dumps(value)))


def authenticator_data(rp_hash):
    tail = st.binary(max_size=80) | CBOR.map(cbor2.dumps)
    flags, count = st.integers(0, 255), st.integers(0, 2**32 - 1)
    return st.builds(
        lambda flag, number, rest, key: rp_hash + bytes([flag]) + number.to_bytes(4, "big") + rest + key,
        flags,
        count,
        st.just(b"") | st.just(bytes(16) + b"\x00\x04abcd") | st.binary(max_size=30),
        tail,
    )


def credentials(options, kind, rp_hash):
    data = authenticator_data(rp_hash)
    attestation = st.fixed_dictionaries(
        {"fmt": near(st.sampled_from(["none", "packed", "tpm", "apple", "fido-u2f", "android-key"])), "authData": data},
        optional={"attStmt": CBOR},
    ).map(lambda value: text(cbor2.dumps(value)))
    response = st.fixed_dictionaries(
        {"clientDataJSON": near(client_data(options["challenge"], kind) | BASE64)},
        optional={
            "attestationObject": near(attestation | BASE64),
            "authenticatorData": near(data.map(text) | BASE64),
            "signature": near(BASE64),
            "userHandle": near(BASE64),
            "transports": near(st.lists(st.sampled_from(["usb", "internal", "nonsense"]) | JSON, max_size=3)),
        },
    )
    identity = near(BASE64)
    whole = st.builds(
        lambda name, other, same, inner, kind, more: {
            "id": name,
            "rawId": name if same else other,
            "type": kind,
            "response": inner,
            **more,
        },
        identity,
        identity,
        st.booleans(),
        near(response),
        near(st.just("public-key")),
        st.dictionaries(st.sampled_from(["authenticatorAttachment", "clientExtensionResults"]), JSON, max_size=2),
    )
    return st.one_of(whole, whole, whole, st.dictionaries(st.text(max_size=10), JSON, max_size=4))


@pytest.fixture
def unlimited(monkeypatch, settings):
    monkeypatch.setattr("accounts.sign_in.lockout.reserve", lambda key: 0)
    settings.ANON_RATE_LIMIT_PER_MINUTE = 1_000_000


@pytest.mark.slow  # hypothesis builds odd answers
@hypothesis(max_examples=examples(80, 4), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_arbitrary_json_as_response_is_refused(unlimited, person, data):
    client = Client(raise_request_exception=False)
    challenge = text(passkeys._new_challenge(person))
    rp_hash = hashlib.sha256(b"localhost").digest()
    if not Passkey.objects.exists():
        made = SoftPasskey().made(services.start_passkey(by=person, password=PASSWORD))
        services.add_passkey(by=person, name="Phone", credential=made, session_id=person.session_id)
    token = issue_challenge_token(User.all_practices.get(pk=person.pk), SignInChannel.API)
    credential = data.draw(credentials({"challenge": challenge}, "webauthn.get", rp_hash))
    if data.draw(st.booleans()):
        credential["rawId"] = credential["id"] = text(bytes(Passkey.objects.get().credential_id))

    body = {"mfa_token": token, "method": "passkey", "credential": credential}
    answer = client.post("/api/auth/mfa", body, content_type="application/json")

    assert answer.status_code in (400, 401), answer.content


@pytest.mark.slow  # the same
@hypothesis(max_examples=examples(80, 4), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_arbitrary_json_as_new_passkey_is_refused(person, data):
    challenge = text(passkeys._new_challenge(person))
    credential = data.draw(
        credentials({"challenge": challenge}, "webauthn.create", hashlib.sha256(b"localhost").digest())
    )

    with pytest.raises(Invalid):
        services.add_passkey(by=person, name="Odd", credential=credential, session_id=person.session_id)
    assert not Passkey.objects.exists()


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"response": value}
    return value


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param({"id": "A" * 900_000, "rawId": "A" * 900_000}, id="long"),
        pytest.param(nested(900), id="deep"),
        pytest.param({"rawId": "A", "response": {"clientDataJSON": text(b"[" * 100_000)}}, id="deep client data"),
        pytest.param({"rawId": "\u0000", "response": {"clientDataJSON": "\u0000\u0000"}}, id="NUL"),
        pytest.param({"rawId": "é!", "response": {"clientDataJSON": "é!"}}, id="no base64"),
        pytest.param({"rawId": [], "response": []}, id="wrong types"),
    ],
)
@pytest.mark.parametrize("at", ["/api/auth/mfa", "/auth/mfa", "/api/users/me/mfa/passkeys/confirm"])
def test_what_is_long_or_deep_or_no_text_is_refused(unlimited, person, client_of, at, credential):
    client = client_of(person)
    client.raise_request_exception = False
    channel = SignInChannel.BEARER if at.startswith("/auth") else SignInChannel.API
    token = issue_challenge_token(User.all_practices.get(pk=person.pk), channel)
    body = {"mfa_token": token, "method": "passkey", "name": "Phone", "credential": credential}

    answer = client.post(at, json.dumps(body), content_type="application/json")

    assert answer.status_code in (400, 401, 413), answer.content
    assert set(answer.json()) <= {"detail", "errors"}
