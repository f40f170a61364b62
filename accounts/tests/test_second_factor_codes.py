"""Codes of authenticator apps against RFC 6238's own, and recovery codes."""

from base64 import b32encode
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Authenticator, RecoveryCode
from accounts.second_factor import recovery, totp
from core.codes import normalise_code

RFC_SECRET = b32encode(b"12345678901234567890").decode()  # RFC 6238, appendix B
NOW = datetime(2031, 3, 4, 12, 0, 7, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_the_rfc(second, code):
    assert totp.code_at(RFC_SECRET, second // 30, digits=8) == code
    assert totp.code_at(RFC_SECRET, second // 30) == code[2:]


def test_secret_has_160_bits_and_another_one_each_time():
    first, second = totp.new_secret(), totp.new_secret()

    assert len(first) == len(second) == 32
    assert first != second


def test_qr_code_says_whose_account_it_is_and_how_codes_are_made():
    said = totp.uri(RFC_SECRET, email="ada+x@example.com")

    assert said.startswith("otpauth://totp/Praxis:ada%2Bx%40example.com?")
    assert {"digits=6", f"secret={RFC_SECRET}", "algorithm=SHA1", "issuer=Praxis", "period=30"} == set(
        said.partition("?")[2].split("&")
    )


@pytest.mark.parametrize(("drift", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clock_may_be_one_step_off(monkeypatch, drift, taken):
    monkeypatch.setattr(timezone, "now", lambda: NOW)

    step = totp.matching_step(RFC_SECRET, totp.code_at(RFC_SECRET, STEP + drift), after=0)

    assert step == (STEP + drift if taken else None)


def test_code_with_space_is_accepted_on_page(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    code = totp.code_at(RFC_SECRET, STEP)

    assert totp.matching_step(RFC_SECRET, f" {code[:3]} {code[3:]} ", after=0) == STEP


@given(st.text(max_size=12))
def test_arbitrary_code_input_is_accepted_or_refused(typed):
    step = totp.matching_step(RFC_SECRET, typed, after=0)

    assert step is None or totp.code_at(RFC_SECRET, step) == normalise_code(typed)


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "12345a", "-12345", "1e5000", "--", "\ud800", "一二三四五六"]
)
def test_non_code_is_rejected(typed):
    assert totp.matching_step(RFC_SECRET, typed, after=0) is None


@pytest.fixture
def authenticator(make_user, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return Authenticator.objects.create(user=make_user("staff"), secret=RFC_SECRET, confirmed_at=NOW)


def test_totp_code_works_once_and_earlier_codes_expire(authenticator):
    def take(drift):
        authenticator.refresh_from_db()
        return totp.consume(authenticator, totp.code_at(RFC_SECRET, STEP + drift))

    assert take(0)
    assert not take(0)
    assert not take(-1)
    assert take(1)
    assert not take(1)


def test_parallel_totp_uses_succeed_once(authenticator):
    other = Authenticator.objects.get(pk=authenticator.pk)
    code = totp.code_at(RFC_SECRET, STEP)

    assert [totp.consume(authenticator, code), totp.consume(other, code)] == [True, False]


def test_authenticator_that_was_not_confirmed_lets_nobody_in(authenticator):
    Authenticator.objects.update(confirmed_at=None)

    assert not totp.consume(authenticator, totp.code_at(RFC_SECRET, STEP))


def test_ten_codes_are_made_and_only_their_hashes_are_stored(make_user):
    user = make_user("staff")
    codes = recovery.create_codes(user)

    assert len(set(codes)) == recovery.count_left(user) == 10
    for code in codes:
        groups = code.split("-")
        assert [len(group) for group in groups] == [4] * 4
        assert not set("".join(groups)) & set("0O1IL")
    stored = b"".join(bytes(row.code_hash) for row in RecoveryCode.objects.all())
    assert len(stored) == 320
    assert not any(code.encode() in stored for code in codes)


def test_recovery_code_works_once_however_it_is_typed(make_user):
    user = make_user("staff")
    first, second, third, fourth = recovery.create_codes(user)[:4]

    assert recovery.consume(user, first)
    assert not recovery.consume(user, first)
    assert recovery.consume(user, second.lower())
    assert recovery.consume(user, third.replace("-", " "))
    assert recovery.consume(user, f" {fourth.replace('-', '')}\n")
    assert recovery.count_left(user) == 6


def test_recovery_code_is_its_owners_alone(make_user):
    owner, other = make_user("staff"), make_user("staff")
    codes = recovery.create_codes(owner)
    recovery.create_codes(other)

    assert not recovery.consume(other, codes[0])
    assert recovery.consume(owner, codes[0])


def test_new_recovery_codes_replace_the_old(make_user):
    user = make_user("staff")
    old, new = recovery.create_codes(user), recovery.create_codes(user)

    assert not any(recovery.consume(user, code) for code in old)
    assert recovery.consume(user, new[0])
    assert recovery.count_left(user) == 9


def test_totp_code_expires_after_a_minute(authenticator, monkeypatch):
    code = totp.code_at(RFC_SECRET, STEP)
    monkeypatch.setattr(timezone, "now", lambda: NOW + timedelta(minutes=1))

    assert not totp.consume(authenticator, code)
    assert totp.consume(authenticator, totp.code_at(RFC_SECRET, STEP + 2))
