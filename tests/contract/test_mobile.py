"""Endpoints for mobile apps: POST /auth/login, /auth/refresh, /auth/logout and GET /auth/roles (seed 1-hipaa-auth.md,
Test Strategy: POST /auth/login, token validation)."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.apps import App, app_of
from tests.contract.clients import UNSET
from tests.contract.clinic import PASSWORD, fresh_email
from tests.contract.test_sign_in import ENDED, claims_of, forged

KEYS = ["access_token", "token_type", "expires_in", "refresh_token"]
NOT_FOUND = {"detail": "Not found."}


@pytest.fixture
def app(transport):
    return App(transport)


# --- POST /auth/login


def test_login_answers_exactly_the_four_keys_and_no_cookie(clinic, app):
    answer = app.log_in(clinic.staff.user["email"])

    assert answer.status == 200
    assert list(answer.json) == KEYS
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 900)
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert answer.set_cookies == []


def test_access_token_opens_the_account_of_every_role(clinic, subtests):
    for role in ["admin", "doctor", "staff", "billing", "patient"]:
        with subtests.test(role=role):
            caller = clinic.as_role(role)
            app = app_of(caller)

            assert app.get("/api/users/me").json["id"] == caller.id
            assert claims_of(app.tokens["access_token"])["role"] == caller.user["role"]


def test_wrong_password_and_an_unknown_email_get_the_same_answer(clinic, app):
    known = clinic.register("staff").json["email"]

    wrong, unknown = app.log_in(known, "not the password"), app.log_in(fresh_email(), "not the password")

    assert (wrong.status, wrong.json) == (401, {"detail": "Invalid email or password"})
    assert (unknown.status, unknown.json) == (wrong.status, wrong.json)
    assert wrong.headers["WWW-Authenticate"] == 'Bearer realm="praxis"'


def test_lockout_counts_web_and_app_sign_ins_together(clinic, app, anonymous):
    email = clinic.register("staff").json["email"]
    for attempt in range(5):
        answer = (app.log_in if attempt % 2 else anonymous.sign_in)(email, "not the password")
        assert answer.status == 401

    locked = app.log_in(email)

    assert locked.status == 429
    assert 890 <= int(locked.headers["Retry-After"]) <= 900
    assert locked.json == {"detail": "Too many failed attempts. Please try again in 15 minute(s)."}
    assert anonymous.sign_in(email, PASSWORD).status == 429


def test_login_without_email_and_password_names_the_fields(app, subtests):
    for body in [
        {},
        {"email": "a@example.com"},
        {"email": 7, "password": PASSWORD},
        {"email": ["a"], "password": None},
    ]:
        with subtests.test(body=body):
            answer = app.post("/auth/login", body)

            assert answer.status == 400
            assert set(answer.json) == {"detail", "errors"}


# --- POST /auth/refresh and /auth/logout


def test_refreshing_answers_the_same_four_keys_and_a_new_pair(clinic):
    app = app_of(clinic.staff)
    before = app.tokens

    answer = app.renew()

    assert (answer.status, list(answer.json)) == (200, KEYS)
    assert answer.json["refresh_token"] != before["refresh_token"]
    assert answer.json["access_token"] != before["access_token"]
    assert claims_of(answer.json["access_token"])["sid"] == claims_of(before["access_token"])["sid"]
    assert answer.set_cookies == []
    assert app.get("/api/users/me").status == 200


def test_refreshing_needs_no_access_token_and_minds_no_bad_one(clinic, transport):
    app = app_of(clinic.staff)
    without = App(transport)

    assert without.renew(app.tokens["refresh_token"]).status == 200
    without.tokens["access_token"] = "x.y.z"
    assert without.renew().status == 200


def test_token_two_refreshes_old_ends_the_session_for_everybody_who_holds_it(clinic):
    app = app_of(clinic.staff)
    stolen = app.tokens["refresh_token"]
    app.renew()
    app.renew()
    assert app.get("/api/users/me").status == 200

    thief = App(app.transport)
    assert (thief.renew(stolen).status, thief.renew(stolen).json) == (401, ENDED)

    assert (app.get("/api/users/me").status, app.renew().status) == (401, 401)
    events = clinic.admin.get("/api/audit", event="session.refresh_reused", limit=100).json["events"]
    assert clinic.staff.id in str(events)


def test_refreshing_without_a_token_is_malformed(app, subtests):
    for body in [{}, {"refresh_token": ""}, {"refresh_token": None}, {"refresh_token": ["x"]}]:
        with subtests.test(body=body):
            answer = app.post("/auth/refresh", body)

            assert (answer.status, set(answer.json["errors"])) == (400, {"refresh_token"})


def test_refreshing_takes_no_cookie_and_the_cookies_refresh_no_token_of_an_app(clinic, anonymous):
    app = app_of(clinic.staff)
    anonymous.sign_in(clinic.staff.user["email"], PASSWORD)

    assert App(app.transport).renew(anonymous.refresh).status == 401
    holding = anonymous.with_cookies(refresh_token=app.tokens["refresh_token"])
    assert holding.post("/api/auth/refresh").status == 401
    assert holding.post("/auth/refresh", {}).status == 400


@pytest.mark.parametrize("with_body", [False, True])
def test_logging_out_ends_the_session_of_both_tokens_at_once(clinic, with_body):
    app = app_of(clinic.staff)
    other = app_of(clinic.staff)

    answer = app.post("/auth/logout", {} if with_body else UNSET)

    assert (answer.status, answer.json) == (200, {"message": "Logged out successfully"})
    assert (app.get("/api/users/me").status, app.get("/api/users/me").json) == (401, ENDED)
    assert app.renew().status == 401
    assert other.get("/api/users/me").status == 200


def test_logging_out_with_the_refresh_token_where_the_access_token_is_gone(clinic, transport):
    app = app_of(clinic.staff)

    assert App(transport).post("/auth/logout", {"refresh_token": app.tokens["refresh_token"]}).status == 200

    assert app.get("/api/users/me").status == 401


def test_expired_access_token_still_ends_its_session_on_logout(clinic):
    app = app_of(clinic.staff)
    late = App(app.transport)
    late.tokens = {"access_token": forged(app.tokens["access_token"], exp=datetime.now(UTC) - timedelta(minutes=5))}

    assert late.post("/auth/logout").status == 200
    assert app.get("/api/users/me").status == 401


@pytest.mark.parametrize("body", [UNSET, {}, {"refresh_token": "x.y.z"}])
def test_log_out_needs_no_session(app, body):
    assert app.post("/auth/logout", body).status == 200


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
def test_keeping_and_ending_a_session_count_for_the_session_alone(clinic, settings, path):
    apps = [app_of(clinic.staff) for _ in range(2)]
    settings.RATE_LIMIT_PER_MINUTE, settings.ANON_RATE_LIMIT_PER_MINUTE = 8, 4

    def statuses(app, times, body=None):
        body = body or {"refresh_token": app.tokens["refresh_token"]}
        return [app.post(path, body).status for _ in range(times)]

    assert 429 not in statuses(apps[0], 4)
    assert statuses(apps[0], 16)[-1] == 429
    assert statuses(apps[1], 1) == [200]
    nobody = App(clinic.transport)
    assert statuses(nobody, 16, {"refresh_token": "x.y.z"})[-1] == 429
    assert nobody.request("POST", path, content="{", headers={"Content-Type": "application/json"}).status == 429


# --- Validation of access tokens


def test_missing_token_gets_www_authenticate(app):
    answer = app.get("/api/users/me")

    assert (answer.status, answer.json) == (401, {"detail": "Not authenticated"})
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="praxis"'


@pytest.mark.parametrize("header", ["Bearer x.y.z", "Bearer", "bearer two words"])
def test_bad_token_is_refused_even_with_a_valid_cookie(clinic, header):
    answer = clinic.staff.get("/api/users/me", headers={"Authorization": header})

    assert (answer.status, answer.json) == (401, ENDED)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="praxis", error="invalid_token"'


def test_non_bearer_authorization_leaves_the_cookie_valid(clinic):
    assert clinic.staff.get("/api/users/me", headers={"Authorization": "Basic eDp5"}).status == 200


# --- GET /auth/roles, and what is not there


def test_roles_have_the_ids_of_the_documents(app):
    answer = app.get("/auth/roles")

    assert answer.status == 200
    assert [(role["id"], role["name"]) for role in answer.json] == [
        (1, "chiropractor"),
        (2, "office manager"),
        (3, "billing admin"),
        (4, "patient"),
        (5, "staff"),
    ]
    assert all(list(role) == ["id", "name", "description"] and role["description"] for role in answer.json)


def test_unknown_path_is_404_in_json(app, subtests):
    for path in ["/auth", "/auth/", "/auth/nothing", "/auth/login/", "/auth/login/x"]:
        for method in ["GET", "POST", "DELETE"]:
            with subtests.test(path=path, method=method):
                answer = app.request(method, path)

                assert (answer.status, answer.json) == (404, NOT_FOUND)


def test_wrong_method_is_405(app):
    answer = app.get("/auth/login")

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_spa_origins_may_call_app_endpoints(app):
    asked = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"}

    for path in ("/auth/login", "/auth/refresh"):
        answer = app.request("OPTIONS", path, headers=asked)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, asked["Origin"])


def test_foreign_page_signs_nobody_in(clinic, app):
    body = {"email": clinic.staff.user["email"], "password": PASSWORD}

    assert app.post("/auth/login", body, headers={"Origin": "https://evil.example"}).status == 403
