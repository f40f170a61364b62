"""Passkeys, with an authenticator in software: one that behaves, and answers that somebody bent."""

from datetime import timedelta

import cbor2
import pytest
from django.utils import timezone

from accounts.models import LoginSession, Passkey, PasskeyChallenge, SecondFactorMethod, User
from accounts.passwords import services as passwords_services
from accounts.second_factor import passkeys, services
from accounts.tests.factories import PASSWORD
from accounts.tests.soft_passkey import SoftPasskey, raw, text
from core.errors import Conflict, Invalid, NotSignedIn

MFA = "/api/users/me/mfa"


def add(user, passkey=None, **bent):
    passkey = passkey or SoftPasskey()
    options = services.start_passkey(by=user, password=PASSWORD)
    credential = passkey.made(options, **bent)
    services.add_passkey(by=user, name="Phone", credential=credential, session_id=user.session_id)
    return passkey


def check(user, credential):
    services.verify(user=user, method=SecondFactorMethod.PASSKEY, credential=credential)


def test_passkey_options(person):
    options = services.start_passkey(by=person, password=PASSWORD)

    assert options["rp"] == {"name": "Praxis", "id": "localhost"}
    assert raw(options["user"]["id"]) == person.pk.bytes
    assert (options["user"]["name"], options["user"]["displayName"]) == (person.email, person.name)
    assert options["authenticatorSelection"]["userVerification"] == "preferred"
    assert options["attestation"] == "none"
    assert len(raw(options["challenge"])) == 64
    assert options["excludeCredentials"] == []


def test_existing_passkeys_are_excluded(person):
    passkey = add(person)

    options = services.start_passkey(by=person, password=PASSWORD)

    assert options["excludeCredentials"] == [{"id": text(passkey.id), "type": "public-key", "transports": ["internal"]}]


def test_it_signs_in_again_and_again_and_its_counter_is_kept(person):
    passkey = add(person)

    for count in (1, 2, 3):
        check(person, passkey.used(services.passkey_options(user=person)))
        assert Passkey.objects.get().sign_count == count
    assert Passkey.objects.get().last_used_at


def test_synced_passkey_with_zero_counter_is_accepted(person):
    passkey = add(person, SoftPasskey(counts=False))

    for _ in range(2):
        check(person, passkey.used(services.passkey_options(user=person)))
        assert Passkey.objects.get().sign_count == 0


def test_passkey_with_decreasing_counter_is_rejected(person):
    passkey = add(person)
    passkey.count = 7
    check(person, passkey.used(services.passkey_options(user=person)))
    for stale in (6, 3, -1):  # the same count again, an earlier one, none
        passkey.count = stale + 1 if stale >= 0 else -1
        with pytest.raises(NotSignedIn):
            check(person, passkey.used(services.passkey_options(user=person)))
    assert Passkey.objects.get().sign_count == 8


def test_parallel_passkey_responses_keep_higher_counter(person, monkeypatch):
    passkey = add(person)
    row = Passkey.objects.get()
    first, second = (passkey.used(services.passkey_options(user=person)) for _ in range(2))
    monkeypatch.setattr(passkeys, "_find_passkey", lambda user, credential: row)

    assert passkeys.consume(person, second)
    assert not passkeys.consume(person, first)


def test_new_password_cancels_half_finished_sign_in(person):
    passkey, options = SoftPasskey(), services.start_passkey(by=person, password=PASSWORD)
    credential = passkey.made(options)

    passwords_services.change_password(by=person, current=PASSWORD, new="An0ther-one", keep=person.session_id)

    with pytest.raises(Invalid):
        services.add_passkey(by=person, name="Thief's", credential=credential, session_id=person.session_id)
    assert not Passkey.objects.exists()


def test_answer_counts_once(person):
    passkey = add(person, SoftPasskey(counts=False))
    answer = passkey.used(services.passkey_options(user=person))

    check(person, answer)
    with pytest.raises(NotSignedIn):
        check(person, answer)


def test_challenge_expires_after_five_minutes_and_is_deleted(person, monkeypatch):
    passkey, now = add(person), timezone.now
    options = services.passkey_options(user=person)
    monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(minutes=5, seconds=1))

    with pytest.raises(NotSignedIn):
        check(person, passkey.used(options))
    services.passkey_options(user=person)
    assert PasskeyChallenge.objects.count() == 1


def test_only_five_newest_challenges_are_kept(person, make_user):
    passkey, other = add(person), make_user("staff")
    passkeys.request_options(other)
    asked = [services.passkey_options(user=person) for _ in range(7)]

    assert PasskeyChallenge.objects.filter(user=person).count() == 5
    assert PasskeyChallenge.objects.filter(user=other).count() == 1
    with pytest.raises(NotSignedIn):
        check(person, passkey.used(asked[1]))
    check(person, passkey.used(asked[2]))


def test_challenge_of_another_user_is_rejected(person, make_user):
    passkey, other = add(person), make_user("staff")
    Passkey.objects.create(user=other, name="Other", credential_id=b"other", public_key=b"key")

    with pytest.raises(NotSignedIn):
        check(person, passkey.used(services.passkey_options(user=other)))
    assert PasskeyChallenge.objects.filter(user=other).exists()


def test_somebody_elses_passkey_does_not_sign_in(person, make_user, client_of):
    other = make_user("doctor")
    client_of(other)
    other.session_id = LoginSession.objects.get(user=other).pk
    theirs, _ = add(other), add(person)

    with pytest.raises(NotSignedIn):
        check(person, theirs.used(services.passkey_options(user=person)))


@pytest.mark.parametrize(
    "bent",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:5173.evil.example"},
        {"origin": ["http://localhost:5173"]},
        {"origin": None},
        {"type": "webauthn.get"},
        {"type": "webauthn.create"},
        {"challenge": text(b"another")},
        {"challenge": ""},
        {"challenge": None},
        {"challenge": 7},
        {"tokenBinding": {"status": "nonsense", "id": []}},
    ],
    ids=str,
)
def test_client_data_that_says_something_else_is_refused(person, bent):
    passkey = add(person)
    if bent.get("type") != "webauthn.create" and "tokenBinding" not in bent:
        with pytest.raises(Invalid):
            add(person, **bent)
    if bent.get("type") != "webauthn.get" and "tokenBinding" not in bent:
        with pytest.raises(NotSignedIn):
            check(person, passkey.used(services.passkey_options(user=person), **bent))
    assert Passkey.objects.count() == 1


def test_another_host_and_another_owner_are_refused(person):
    passkey = add(person)
    options = services.passkey_options(user=person)
    with pytest.raises(NotSignedIn):
        check(person, passkey.used({**options, "rpId": "evil.example"}))
    passkey.owner = b"somebody else"
    with pytest.raises(NotSignedIn):
        check(person, passkey.used(services.passkey_options(user=person)))


def test_another_key_and_a_bent_signature_are_refused(person):
    passkey, forger = add(person), SoftPasskey()
    forger.id, forger.owner = passkey.id, passkey.owner
    with pytest.raises(NotSignedIn):
        check(person, forger.used(services.passkey_options(user=person)))
    answer = passkey.used(services.passkey_options(user=person))
    answer["response"]["signature"] = text(b"\x30\x00" + raw(answer["response"]["signature"])[2:])
    with pytest.raises(NotSignedIn):
        check(person, answer)


def test_one_passkey_has_one_account(person, make_user, client_of):
    passkey, other = add(person), make_user("staff")
    client_of(other)
    other.session_id = LoginSession.objects.get(user=other).pk

    for user in (person, other):
        with pytest.raises(Conflict):
            add(user, passkey)
    assert Passkey.objects.count() == 1


def test_eleventh_passkey_is_refused(person):
    for _ in range(10):
        add(person)
    options = passkeys.creation_options(person)  # as if another one had been added since

    with pytest.raises(Conflict):
        services.start_passkey(by=person, password=PASSWORD)
    with pytest.raises(Conflict):
        credential = SoftPasskey().made(options)
        services.add_passkey(by=person, name="11th", credential=credential, session_id=person.session_id)
    assert Passkey.objects.count() == 10


@pytest.mark.parametrize(
    "key",
    [
        {1: 2, 3: -7, -1: 1, -2: b"", -3: b""},
        {1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)},
        {1: 3, 3: -257, -1: b"\xff" * 4096, -2: b"\x01\x00\x01"},
        {1: 3, 3: -257, -1: b"", -2: b""},
        {1: 2, 3: -999},
        {},
        [],
        4,
        "text",
        None,
    ],
    ids=str,
)
def test_passkey_with_unusable_key_is_not_stored(person, key, monkeypatch):
    passkey = SoftPasskey()
    real = cbor2.dumps
    monkeypatch.setattr(
        cbor2, "dumps", lambda value: real(key) if isinstance(value, dict) and 3 in value else real(value)
    )
    options = services.start_passkey(by=person, password=PASSWORD)
    credential = passkey.made(options)
    monkeypatch.setattr(cbor2, "dumps", real)

    with pytest.raises(Invalid):
        services.add_passkey(by=person, name="Odd", credential=credential, session_id=person.session_id)
    assert not Passkey.objects.exists()


def test_factor_list_query_count_is_constant(person, django_assert_num_queries):
    for number in (1, 2, 3):
        add(person)
        with django_assert_num_queries(4):
            user = User.all_practices.select_related("practice").get(pk=person.pk)
            assert len(services.get_factors(user).passkeys) == number
