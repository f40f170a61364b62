"""Five failed sign-ins per email in 15 minutes; then 429 with the contract's sentence."""

import re

import pytest

from core.cache import redis_client
from tests.contract.clinic import PASSWORD, fresh_email

SENTENCE = re.compile(r"Too many failed attempts\. Please try again in (\d+) minute\(s\)\.")


def fail(caller, email, times):
    return [caller.sign_in(email, "not the password").status for _ in range(times)]


def assert_locked(answer):
    assert answer.status == 429, answer
    assert set(answer.json) == {"detail"}
    minutes = SENTENCE.fullmatch(answer.json["detail"])
    assert minutes, answer.json
    seconds = int(answer.headers["Retry-After"])
    assert 840 < seconds <= 900
    assert int(minutes[1]) == -(-seconds // 60)
    assert answer.set_cookies == []


def test_sixth_failure_and_later_are_locked_out(anonymous):
    email = fresh_email()

    assert fail(anonymous, email, 5) == [401] * 5
    assert_locked(anonymous.sign_in(email, "not the password"))
    assert_locked(anonymous.sign_in(email, "not the password"))


def test_invalid_email_is_counted_and_not_stored(anonymous, recwarn, caplog):
    assert fail(anonymous, "hunter2 my password", 5) == [401] * 5
    assert_locked(anonymous.sign_in("hunter2 my password", "not the password"))

    assert [str(warning.message) for warning in recwarn if "hunter2" in str(warning.message)] == []
    assert caplog.messages
    assert "hunter2" not in caplog.text


def test_right_password_is_locked_out_too(clinic, anonymous):
    email = clinic.register("staff").json["email"]
    fail(anonymous, email, 5)

    assert_locked(anonymous.sign_in(email, PASSWORD))


def test_email_is_counted_however_it_is_typed(anonymous):
    email = fresh_email()
    variants = [email, email.upper(), f" {email}", email.title(), f"{email}  "]

    assert [anonymous.sign_in(typed, "wrong").status for typed in variants] == [401] * 5
    assert_locked(anonymous.sign_in(email, "wrong"))
    full_width = email.replace("p", "ｐ")  # noqa: RUF001 - NFKC makes it the same address
    assert_locked(anonymous.sign_in(full_width, "wrong"))


def test_another_email_is_not_locked_with_it(clinic, anonymous):
    fail(anonymous, fresh_email(), 6)

    assert anonymous.sign_in(clinic.staff.user["email"], PASSWORD).status == 200


def test_success_clears_earlier_failures(clinic, anonymous):
    email = clinic.register("staff").json["email"]

    assert fail(anonymous, email, 4) == [401] * 4
    assert anonymous.sign_in(email, PASSWORD).status == 200
    assert fail(anonymous, email, 5) == [401] * 5
    assert_locked(anonymous.sign_in(email, "wrong"))


def test_malformed_sign_in_is_no_attempt(clinic, anonymous):
    email = clinic.register("staff").json["email"]

    for _ in range(6):
        assert anonymous.post("/api/auth/login", {"email": email}).status == 400
    assert anonymous.sign_in(email, PASSWORD).status == 200


def test_somebody_who_is_signed_in_stays_so_while_their_email_is_locked(clinic, anonymous):
    caller = clinic.hire("staff")
    fail(anonymous, caller.user["email"], 6)

    assert caller.get("/api/users/me").status == 200
    assert caller.post("/api/auth/refresh").status == 200


@pytest.mark.redis
def test_count_lives_in_redis_under_the_contracts_key(clinic, client):
    email = fresh_email().upper()
    for _ in range(3):
        client.post("/api/auth/login", {"email": f" {email} ", "password": "x"}, content_type="application/json")

    key = f"login:attempts:{email.lower()}"
    stored = redis_client.client().hgetall(key)
    assert set(stored) == {b"count", b"first_attempt"}
    assert stored[b"count"] == b"3"
    assert stored[b"first_attempt"].isdigit()
    assert 890 <= redis_client.client().ttl(key) <= 900
