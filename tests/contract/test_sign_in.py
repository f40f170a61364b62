"""POST /api/auth/login, /refresh and /logout: cookies, tokens, sessions."""

import base64
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher, make_password

from accounts.models import User
from tests.contract.clients import Caller, parse_cookie
from tests.contract.clinic import PASSWORD, fresh_email

ACCESS = {"HttpOnly": None, "Secure": None, "SameSite": "Strict", "Path": "/", "Max-Age": "900"}
REFRESH = {**ACCESS, "Path": "/api/auth/refresh", "Max-Age": "604800"}
ENDED = {"detail": "Your session has ended. Please sign in again."}


def cookies_of(answer):
    return {name: (value, attributes) for name, value, attributes in map(parse_cookie, answer.set_cookies)}


def claims_of(token):
    """As anybody reads them, without the key."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def forged(token, key=settings.SECRET_KEY, algorithm="HS256", **changes):
    return jwt.encode({**claims_of(token), **changes}, key, algorithm=algorithm)


def test_signing_in_answers_the_user_and_nothing_else(clinic, anonymous):
    answer = anonymous.sign_in(clinic.staff.user["email"], PASSWORD)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {
        "user": {
            "id": clinic.staff.id,
            "email": clinic.staff.user["email"],
            "name": "Demo Staff",
            "role": "staff",
        }
    }


def test_signing_in_sets_both_cookies_with_exactly_the_attributes_of_the_contract(clinic, anonymous):
    answer = anonymous.sign_in(clinic.staff.user["email"], PASSWORD)

    cookies = cookies_of(answer)
    assert len(answer.set_cookies) == 2
    assert cookies["access_token"][1] == ACCESS
    assert cookies["refresh_token"][1] == REFRESH


def test_no_token_is_in_any_body(clinic, anonymous):
    signed_in = anonymous.sign_in(clinic.staff.user["email"], PASSWORD)
    refreshed = anonymous.post("/api/auth/refresh")
    profile = anonymous.get("/api/users/me")
    out = anonymous.post("/api/auth/logout")

    for answer in (signed_in, refreshed, profile, out):
        assert answer.status == 200
        assert b"eyJ" not in answer.body
        assert b"token" not in answer.body.replace(b'"Token refreshed"', b"")


def test_claims_say_who_and_which_session_and_until_when(clinic, subtests):
    for role in ["admin", "doctor", "staff", "billing", "patient"]:
        with subtests.test(role=role):
            caller = clinic.as_role(role)
            access, refresh = claims_of(caller.access), claims_of(caller.refresh)

            assert set(access) == set(refresh) == {"sub", "email", "role", "exp", "iat", "jti", "sid", "type"}
            assert access["sub"] == caller.id
            assert access["email"] == caller.user["email"]
            assert access["role"] == ("staff" if role == "billing" else role)
            assert (access["type"], refresh["type"]) == ("access", "refresh")
            assert access["sid"] == refresh["sid"]
            assert access["jti"] != refresh["jti"]
            assert access["exp"] - access["iat"] == 900
            assert 604_798 <= refresh["exp"] - refresh["iat"] <= 604_800


def test_access_cookie_opens_the_account(clinic):
    assert clinic.staff.get("/api/users/me").status == 200


def test_no_cookie_is_not_authenticated(anonymous):
    answer = anonymous.get("/api/users/me")

    assert (answer.status, answer.json) == (401, {"detail": "Not authenticated"})
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(lambda caller: "nonsense", id="no token"),
        pytest.param(lambda caller: caller.access[:-4] + "AAAA", id="another signature"),
        pytest.param(lambda caller: forged(caller.access, key="x" * 48), id="another key"),
        pytest.param(lambda caller: forged(caller.access, key=None, algorithm="none"), id="alg none"),
        pytest.param(lambda caller: forged(caller.access, key="k" * 64, algorithm="HS512"), id="another algorithm"),
        pytest.param(lambda caller: forged(caller.access, exp=datetime.now(UTC) - timedelta(seconds=1)), id="expired"),
        pytest.param(lambda caller: caller.refresh, id="the refresh token"),
        pytest.param(lambda caller: forged(caller.access, sub="not-a-uuid"), id="a subject that is no id"),
        pytest.param(lambda caller: forged(caller.access, sid=caller.id), id="a session that is none"),
        pytest.param(lambda caller: forged(caller.access, type=None), id="no type"),
        pytest.param(lambda caller: forged(caller.access, type=["access"]), id="an odd type"),
        pytest.param(lambda caller: forged(caller.access, sid=7), id="an odd session"),
        pytest.param(lambda caller: "é" * 20, id="no ASCII"),
        pytest.param(lambda caller: "a.b.c" * 1000, id="long"),
    ],
)
def test_token_that_is_not_this_sessions_access_token_is_refused(clinic, anonymous, bend):
    token = bend(clinic.staff)

    answer = anonymous.get("/api/users/me", headers={"Cookie": f"access_token={token}"})

    assert (answer.status, answer.json) == (401, ENDED)


def test_token_cannot_be_carried_to_another_user(clinic, anonymous):
    token = forged(clinic.staff.access, sub=clinic.doctor.id)

    assert anonymous.with_cookies(access_token=token).get("/api/users/me").status == 401


def test_bearer_header_counts_before_the_cookie(clinic, anonymous):
    staff = {"Authorization": f"bearer {clinic.staff.access}"}
    assert anonymous.get("/api/users/me", headers=staff).json["id"] == clinic.staff.id
    assert clinic.doctor.get("/api/users/me", headers=staff).json["id"] == clinic.staff.id

    forged_one = {"Authorization": "Bearer " + forged(clinic.staff.access, sub=clinic.doctor.id)}
    assert clinic.doctor.get("/api/users/me", headers=forged_one).status == 401


def test_refreshing_sets_a_new_access_cookie_alone(clinic):
    caller = clinic.hire("staff")
    before = caller.access

    answer = caller.post("/api/auth/refresh")

    assert (answer.status, answer.json) == (200, {"message": "Token refreshed"})
    cookies = cookies_of(answer)
    assert set(cookies) == {"access_token"}
    assert cookies["access_token"][1] == ACCESS
    assert caller.access != before
    assert claims_of(caller.access)["sid"] == claims_of(before)["sid"]
    assert caller.get("/api/users/me").status == 200


@pytest.mark.parametrize(
    "cookies",
    [
        pytest.param(lambda caller: {"refresh_token": caller.access}, id="the access token"),
        pytest.param(lambda caller: {"refresh_token": "x.y.z"}, id="nonsense"),
        pytest.param(
            lambda caller: {"refresh_token": forged(caller.refresh, exp=datetime.now(UTC) - timedelta(seconds=1))},
            id="expired",
        ),
    ],
)
def test_refreshing_takes_the_refresh_token_alone(clinic, anonymous, cookies):
    answer = anonymous.with_cookies(**cookies(clinic.staff)).post("/api/auth/refresh")

    assert (answer.status, answer.json) == (401, ENDED)
    assert answer.set_cookies == []


@pytest.mark.parametrize("names", [[], ["access_token"]], ids=["none", "the access cookie alone"])
def test_without_the_refresh_cookie_there_is_nothing_that_could_have_ended(clinic, anonymous, names):
    cookies = {name: clinic.staff.cookies[name][0] for name in names}

    answer = anonymous.with_cookies(**cookies).post("/api/auth/refresh")

    assert (answer.status, answer.json) == (401, {"detail": "Not authenticated"})
    assert answer.set_cookies == []


def test_signing_out_clears_both_cookies_with_exactly_the_attributes_of_the_contract(clinic):
    caller = clinic.hire("staff")

    answer = caller.post("/api/auth/logout")

    assert (answer.status, answer.json) == (200, {"message": "Logged out successfully"})
    assert cookies_of(answer) == {
        "access_token": ("", {**ACCESS, "Max-Age": "0"}),
        "refresh_token": ("", {**REFRESH, "Max-Age": "0"}),
    }


def test_signing_out_ends_the_session_at_once_for_both_tokens(clinic):
    caller = clinic.hire("staff")
    kept = caller.with_cookies(access_token=caller.access, refresh_token=caller.refresh)
    assert kept.get("/api/users/me").status == 200

    caller.post("/api/auth/logout")

    assert (kept.get("/api/users/me").status, kept.get("/api/users/me").json) == (401, ENDED)
    assert kept.post("/api/auth/refresh").status == 401


def test_signing_out_on_one_device_leaves_the_other_signed_in(clinic, anonymous):
    caller = clinic.hire("staff")
    anonymous.sign_in(caller.user["email"], PASSWORD)

    caller.post("/api/auth/logout")

    assert anonymous.get("/api/users/me").status == 200


def test_expired_access_token_still_ends_its_session_on_sign_out(clinic):
    caller = clinic.hire("staff")
    late = caller.with_cookies(access_token=forged(caller.access, exp=datetime.now(UTC) - timedelta(minutes=5)))

    assert late.post("/api/auth/logout").status == 200
    assert caller.get("/api/users/me").status == 401


def test_sign_out_needs_no_session(anonymous):
    answer = anonymous.post("/api/auth/logout")

    assert (answer.status, answer.json) == (200, {"message": "Logged out successfully"})


def test_wrong_password_and_an_unknown_email_get_the_same_answer(clinic, anonymous):
    known = clinic.register("staff").json["email"]

    wrong = anonymous.sign_in(known, "not the password")
    unknown = anonymous.sign_in(fresh_email(), "not the password")

    assert (wrong.status, wrong.json) == (401, {"detail": "Invalid email or password"})
    assert (unknown.status, unknown.json) == (wrong.status, wrong.json)
    differing = {"x-request-id", "date"}
    assert {k: v for k, v in wrong.headers.items() if k not in differing} == {
        k: v for k, v in unknown.headers.items() if k not in differing
    }
    assert wrong.set_cookies == []


@pytest.mark.parametrize("who", ["known", "unknown", "deactivated", "without a password"])
@pytest.mark.parametrize("typed", [PASSWORD, "not the password"])
def test_every_sign_in_costs_exactly_one_password_hash(clinic, monkeypatch, who, typed):
    email = fresh_email()
    if who != "unknown":
        clinic.register("staff", email=email)
    if who == "deactivated":
        User.all_practices.filter(pk=User.all_practices.with_email(email).pk).update(is_active=False)
    if who == "without a password":
        User.all_practices.filter(pk=User.all_practices.with_email(email).pk).update(password=make_password(None))
    hashes = []
    encode = BCryptSHA256PasswordHasher.encode
    monkeypatch.setattr(
        BCryptSHA256PasswordHasher, "encode", lambda self, *given: hashes.append(1) or encode(self, *given)
    )

    answer = Caller(clinic.transport).sign_in(email, typed)

    assert answer.status == (200 if (who, typed) == ("known", PASSWORD) else 401)
    assert len(hashes) == 1


def test_email_may_be_typed_in_any_case_with_spaces_around(clinic, anonymous):
    email = clinic.staff.user["email"]

    assert anonymous.sign_in(f"  {email.upper()} ", PASSWORD).status == 200


def test_password_is_taken_as_typed(clinic, anonymous):
    email = fresh_email()
    assert clinic.register("staff", email=email, password="  spaces  ").status == 201

    assert anonymous.sign_in(email, "spaces").status == 401
    assert anonymous.sign_in(email, "  spaces  ").status == 200


def test_malformed_sign_in_names_the_field(anonymous, subtests):
    for body, field in [
        ({}, "email"),
        ({"email": "a@example.com"}, "password"),
        ({"password": "x"}, "email"),
        ({"email": "", "password": "x"}, "email"),
        ({"email": None, "password": "x"}, "email"),
        ({"email": ["a@example.com"], "password": "x"}, "email"),
        ({"email": "a@example.com", "password": {"a": 1}}, "password"),
        ({"email": "a@example.com", "password": True}, "password"),
        ({"email": "a@example.com", "password": "p" * 1025}, "password"),
        ({"email": "a\x00@example.com", "password": "x"}, "email"),
        ({"email": "a" * 255, "password": "x"}, "email"),
    ]:
        with subtests.test(body=body, field=field):
            answer = anonymous.post("/api/auth/login", body)

            assert answer.status == 400
            assert field in answer.json["errors"]
            assert set(answer.json) == {"detail", "errors"}
