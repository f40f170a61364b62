"""Two-factor sign-in through HTTP: the second step for browsers and for apps, and setting it up."""

import pytest

from accounts.tests.soft_passkey import SoftPasskey
from tests.contract.clients import Caller
from tests.contract.clinic import NOBODY, PASSWORD
from tests.contract.second_factors import MFA, code, mfa_token, second_step, set_up_app
from tests.contract.test_lockout import assert_locked

WRONG = {"detail": "That code or passkey is incorrect or has already been used."}
TOO_LATE = {"detail": "Your sign-in has expired. Please start again."}


@pytest.fixture
def person(clinic):
    return clinic.hire("staff")


@pytest.fixture
def email(person):
    return person.user["email"]


def test_sign_in_without_a_second_factor_is_one_step(clinic, anonymous):
    answer = anonymous.sign_in(clinic.staff.user["email"], PASSWORD)

    assert set(answer.json) == {"user"}
    assert set(anonymous.cookies) == {"access_token", "refresh_token"}


def test_with_an_app_a_password_sets_no_cookie_and_the_code_does(person, email, anonymous):
    secret, _ = set_up_app(person)

    answer = anonymous.post("/api/auth/login", {"email": email, "password": PASSWORD})
    assert answer.status == 200
    assert set(answer.json) == {"mfa_required", "methods", "mfa_token"}
    assert (answer.json["mfa_required"], answer.json["methods"]) == (True, ["totp", "recovery_code"])
    assert answer.set_cookies == []

    done = second_step(anonymous, answer.json["mfa_token"], totp=code(secret, later=1))
    assert (done.status, set(done.json)) == (200, {"user"})
    assert done.json["user"]["email"] == email
    assert done.headers["Cache-Control"] == "no-store"
    assert {name: path for name, (_, path) in anonymous.cookies.items()} == {
        "access_token": "/",
        "refresh_token": "/api/auth/refresh",
    }
    assert anonymous.get("/api/patients").status == 200
    assert anonymous.post("/api/auth/refresh").status == 200


def test_versioned_spelling_sets_its_own_refresh_cookie(person, email, anonymous):
    secret, _ = set_up_app(person)
    token = mfa_token(anonymous, email, base="/api/v1/auth")

    assert second_step(anonymous, token, base="/api/v1/auth", totp=code(secret, later=1)).status == 200
    assert anonymous.cookies["refresh_token"][1] == "/api/v1/auth/refresh"


def test_mobile_apps_get_their_tokens_after_the_second_step(person, email, anonymous):
    secret, _ = set_up_app(person)
    token = mfa_token(anonymous, email, base="/auth")

    answer = second_step(anonymous, token, base="/auth", totp=code(secret, later=1))

    assert set(answer.json) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert answer.set_cookies == []
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert anonymous.request("GET", "/api/patients", headers=bearer).status == 200
    assert anonymous.post("/auth/refresh", {"refresh_token": answer.json["refresh_token"]}).status == 200


def test_token_works_only_at_its_own_endpoint(person, email, anonymous):
    secret, codes = set_up_app(person)
    web, mobile = mfa_token(anonymous, email), mfa_token(anonymous, email, base="/auth")

    for token, base in ((web, "/auth"), (mobile, "/api/auth")):
        answer = second_step(anonymous, token, base=base, totp=code(secret, later=1))
        assert (answer.status, answer.json) == (401, TOO_LATE)
    for token in (web, mobile):
        for sent in ({"Cookie": f"access_token={token}"}, {"Authorization": f"Bearer {token}"}):
            assert anonymous.request("GET", "/api/users/me", headers=sent).status == 401
        assert anonymous.post("/api/auth/refresh", headers={"Cookie": f"refresh_token={token}"}).status == 401
        assert anonymous.post("/auth/refresh", {"refresh_token": token}).status == 401
    for other in (person.access, person.refresh, "", "x", "é" * 9, web[:-1] + ("A" if web[-1] != "A" else "B")):
        answer = second_step(anonymous, other, recovery_code=codes[0])
        assert answer.status == (401 if other else 400)
    assert second_step(anonymous, web, recovery_code=codes[0]).status == 200


def test_code_works_once(person, email, anonymous):
    secret, _ = set_up_app(person)
    next_code = code(secret, later=1)

    assert second_step(anonymous, mfa_token(anonymous, email), totp=next_code).status == 200
    again = second_step(anonymous, mfa_token(anonymous, email), totp=next_code)

    assert (again.status, again.json) == (401, WRONG)
    assert again.set_cookies == []


def test_each_recovery_code_signs_in_once(person, email, anonymous):
    _, codes = set_up_app(person)

    assert second_step(anonymous, mfa_token(anonymous, email), recovery_code=codes[0].lower()).status == 200
    assert second_step(anonymous, mfa_token(anonymous, email), recovery_code=codes[0]).status == 401
    assert second_step(anonymous, mfa_token(anonymous, email), recovery_code=codes[1].replace("-", " ")).status == 200
    assert anonymous.get(MFA).json["recoveryCodesLeft"] == 8


def test_five_wrong_codes_lock_whatever_is_sent_then_and_a_right_password_forgives_none(person, email, anonymous):
    secret, codes = set_up_app(person)
    for number in range(5):
        token = mfa_token(anonymous, email)  # each time with a right password
        wrong = {"totp": "000000"} if number % 2 else {"recovery_code": "AAAA-AAAA-AAAA-AAAA"}
        answer = second_step(anonymous, token, **wrong)
        assert (answer.status, answer.json) == (401, WRONG)

    assert_locked(second_step(anonymous, mfa_token(anonymous, email), totp=code(secret, later=1)))
    assert_locked(second_step(anonymous, mfa_token(anonymous, email), recovery_code=codes[0]))
    assert_locked(
        second_step(anonymous, mfa_token(anonymous, email, base="/auth"), base="/auth", recovery_code=codes[0])
    )
    assert person.get("/api/users/me").status == 200


def test_success_clears_earlier_wrong_codes(person, email, anonymous):
    _, codes = set_up_app(person)
    for right in codes[:2]:
        token = mfa_token(anonymous, email)
        assert [second_step(anonymous, token, totp="000000").status for _ in range(4)] == [401] * 4
        assert second_step(anonymous, token, recovery_code=right).status == 200


def test_password_change_ends_a_half_done_sign_in(person, email, anonymous):
    _, codes = set_up_app(person)
    token = mfa_token(anonymous, email)
    change = person.post("/api/users/me/password", {"current": PASSWORD, "new": "An0ther-Passw0rd"})
    assert change.status in (200, 204), change

    answer = second_step(anonymous, token, recovery_code=codes[0])

    assert (answer.status, answer.json) == (401, TOO_LATE)


def test_malformed_second_step_is_400(anonymous, subtests):
    for body in [
        {},
        {"mfa_token": "x"},
        {"mfa_token": "x", "method": "totp"},
        {"mfa_token": "x", "method": "totp", "code": ""},
        {"mfa_token": "x", "method": "totp", "code": 123456},
        {"mfa_token": "x", "method": "totp", "credential": {"id": "x"}},
        {"mfa_token": "x", "method": "totp", "code": "1\x0023456"},
        {"mfa_token": "x", "method": "passkey", "code": "123456"},
        {"mfa_token": "x", "method": "passkey", "credential": "text"},
        {"mfa_token": "x", "method": "passkey", "credential": []},
        {"mfa_token": "x", "method": "passkey", "credential": {}},
        {"mfa_token": "x", "method": "sms", "code": "123456"},
        {"mfa_token": "x", "method": ["totp"], "code": "123456"},
        {"mfa_token": 7, "method": "totp", "code": "123456"},
        {"mfa_token": "x" * 2000, "method": "totp", "code": "123456"},
        {"mfa_token": "x", "method": "totp", "code": "1" * 100},
    ]:
        for base in ["/api/auth", "/auth"]:
            with subtests.test(body=body, base=base):
                answer = anonymous.post(f"{base}/mfa", body)

                assert answer.status == 400
                assert set(answer.json) == {"detail", "errors"}


def test_passkey_is_registered_and_signs_in(person, email, anonymous):
    passkey = SoftPasskey()
    options = person.post(f"{MFA}/passkeys", {"password": PASSWORD})
    assert (options.status, options.json["rp"]["id"]) == (200, "localhost")
    made = passkey.made(options.json)
    added = person.post(f"{MFA}/passkeys/confirm", {"name": "Olive's phone", "credential": made})
    assert (added.status, len(added.json["recoveryCodes"])) == (201, 10)

    token = mfa_token(anonymous, email)
    asking = anonymous.post("/api/auth/mfa/passkey", {"mfa_token": token})
    assert asking.status == 200
    assert [allowed["id"] for allowed in asking.json["allowCredentials"]] == [made["id"]]
    answer = passkey.used(asking.json)
    assert second_step(anonymous, token, passkey=answer).status == 200
    assert second_step(Caller(anonymous.transport), token, passkey=answer).status == 401  # it counts once

    mobile = mfa_token(anonymous, email, base="/auth")
    asking = anonymous.post("/auth/mfa/passkey", {"mfa_token": mobile})
    assert second_step(anonymous, mobile, base="/auth", passkey=passkey.used(asking.json)).status == 200
    (shown,) = person.get(MFA).json["passkeys"]
    assert (shown["id"], shown["name"]) == (added.json["id"], "Olive's phone")
    assert shown["lastUsedAt"]


def test_account_without_passkeys_is_not_offered_one(person, email, anonymous):
    set_up_app(person)

    assert anonymous.post("/api/auth/mfa/passkey", {"mfa_token": mfa_token(anonymous, email)}).status == 401
    assert anonymous.post("/api/auth/mfa/passkey", {"mfa_token": "x"}).json == TOO_LATE
    assert anonymous.post("/api/auth/mfa/passkey", {}).status == 400


def test_what_is_set_up_is_shown_without_secrets(person):
    assert person.get(MFA).json == {"totp": False, "passkeys": [], "recoveryCodesLeft": 0, "required": False}
    secret, codes = set_up_app(person)

    shown = person.get(MFA)

    assert shown.json == {"totp": True, "passkeys": [], "recoveryCodesLeft": 10, "required": False}
    assert secret.encode() not in shown.body
    assert not any(code.encode() in shown.body for code in codes)


def test_setting_up_an_app_takes_the_password_and_a_right_code(person):
    refused = person.post(f"{MFA}/totp", {"password": "wrong"})
    assert (refused.status, list(refused.json["errors"])) == (400, ["password"])
    assert person.post(f"{MFA}/totp/confirm", {"code": "123456"}).status == 409
    first = person.post(f"{MFA}/totp", {"password": PASSWORD}).json
    assert set(first) == {"secret", "uri"}
    again = person.post(f"{MFA}/totp", {"password": PASSWORD}).json
    assert first["secret"] != again["secret"]
    assert person.post(f"{MFA}/totp/confirm", {"code": code(first["secret"])}).status == 400
    assert person.post(f"{MFA}/totp/confirm", {"code": code(again["secret"])}).status == 200
    assert person.post(f"{MFA}/totp/confirm", {"code": code(again["secret"], later=1)}).status == 409
    assert person.post(f"{MFA}/totp", {"password": PASSWORD}).status == 409  # nor is the secret shown again


def test_new_factor_ends_the_other_sessions_and_keeps_this_one(person, email, anonymous):
    assert anonymous.sign_in(email, PASSWORD).status == 200

    set_up_app(person)

    assert anonymous.get("/api/users/me").status == 401
    assert person.get("/api/users/me").status == 200


def test_bearer_client_sets_it_up_too(person, email, anonymous):
    tokens = anonymous.post("/auth/login", {"email": email, "password": PASSWORD}).json
    sent = {"Authorization": f"Bearer {tokens['access_token']}"}

    secret = anonymous.post(f"{MFA}/totp", {"password": PASSWORD}, headers=sent).json["secret"]
    assert anonymous.post(f"{MFA}/totp/confirm", {"code": code(secret)}, headers=sent).status == 200

    assert anonymous.request("GET", MFA, headers=sent).json["totp"] is True
    assert person.get("/api/users/me").status == 401


def test_removing_takes_the_password(person, email, anonymous):
    set_up_app(person)

    assert person.request("DELETE", f"{MFA}/totp", json={}).status == 400
    assert person.request("DELETE", f"{MFA}/totp", json={"password": "wrong"}).status == 400
    assert person.request("DELETE", f"{MFA}/totp", json={"password": PASSWORD}).status == 204
    assert person.request("DELETE", f"{MFA}/totp", json={"password": PASSWORD}).status == 404
    assert person.request("DELETE", f"{MFA}/passkeys/{NOBODY}", json={"password": PASSWORD}).status == 404
    assert anonymous.sign_in(email, PASSWORD).status == 200
    assert person.get(MFA).json["recoveryCodesLeft"] == 0


def test_new_recovery_codes_replace_the_old(person, email, anonymous):
    assert person.post(f"{MFA}/recovery-codes", {"password": PASSWORD}).status == 409
    _, old = set_up_app(person)
    assert person.post(f"{MFA}/recovery-codes", {"password": "wrong"}).status == 400
    new = person.post(f"{MFA}/recovery-codes", {"password": PASSWORD}).json["recoveryCodes"]

    assert second_step(anonymous, mfa_token(anonymous, email), recovery_code=old[0]).status == 401
    assert second_step(anonymous, mfa_token(anonymous, email), recovery_code=new[0]).status == 200


def test_wrong_passwords_typed_again_lock_that_and_no_sign_in(person, email, anonymous):
    for _ in range(5):
        assert person.post(f"{MFA}/totp", {"password": "wrong"}).status == 400

    assert_locked(person.post(f"{MFA}/totp", {"password": PASSWORD}))
    assert anonymous.sign_in(email, PASSWORD).status == 200


def test_wrong_codes_typed_while_setting_up_lock_it(person):
    secret = person.post(f"{MFA}/totp", {"password": PASSWORD}).json["secret"]
    for _ in range(5):
        assert person.post(f"{MFA}/totp/confirm", {"code": "000000"}).status == 400

    assert_locked(person.post(f"{MFA}/totp/confirm", {"code": code(secret)}))
