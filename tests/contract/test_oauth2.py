"""POST /api/v1/auth/token: the OAuth 2 password grant and its refresh (RFC 6749 4.3, 6 and 5.2)."""

import base64
from urllib.parse import urlencode

import pytest

from tests.contract.apps import App, app_of
from tests.contract.clients import Caller
from tests.contract.clinic import PASSWORD, fresh_email

TOKEN = "/api/v1/auth/token"
FORM = "application/x-www-form-urlencoded"
KEYS = ["access_token", "token_type", "expires_in", "refresh_token"]


def post_form(caller, form, *, path=TOKEN, **headers):
    content = form if isinstance(form, str | bytes) else urlencode(form)
    return caller.request("POST", path, content=content, headers={"Content-Type": FORM, **headers})


def with_password(email, password=PASSWORD, **more):
    return {"grant_type": "password", "username": email, "password": password, **more}


def refused(answer, error, status=400):
    """It is this error of the RFC's, and says the same as `detail` to whoever reads that."""
    assert answer.status == status, answer
    assert answer.json["error"] == error
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert "WWW-Authenticate" not in answer.headers
    assert list(answer.json)[:3] == ["error", "error_description", "detail"]
    described = answer.json["error_description"]
    assert described
    assert all(" " <= letter <= "~" and letter not in '"\\' for letter in described)
    assert answer.set_cookies == []
    return answer.json["detail"]


@pytest.mark.parametrize("path", [TOKEN, "/api/auth/token"])
def test_password_grant_answers_the_four_keys(clinic, anonymous, path):
    answer = post_form(anonymous, with_password(clinic.staff.user["email"]), path=path)

    assert (answer.status, list(answer.json)) == (200, KEYS)
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 900)
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert answer.set_cookies == []
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert anonymous.get("/api/v1/users/me", headers=bearer).json["id"] == clinic.staff.id


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        pytest.param({"grant_type": None}, {}, id="no grant_type, as FastAPI's form allows"),
        pytest.param({"grant_type": ""}, {}, id="an empty one"),
        pytest.param({"scope": "read write", "client_id": "app", "client_secret": "s"}, {}, id="a client's words"),
        pytest.param({"scope": "", "client_id": "", "anything": "else"}, {}, id="parameters that nobody knows"),
        pytest.param({}, {"Authorization": "Basic " + base64.b64encode(b"app:secret").decode()}, id="a Basic client"),
        pytest.param({}, {"Authorization": "Bearer x.y.z"}, id="a token that has ended"),
        pytest.param({}, {"Content-Type": f"{FORM}; charset=UTF-8"}, id="a charset"),
        pytest.param({}, {"X-Requested-With": "XMLHttpRequest"}, id="a script"),
    ],
)
def test_what_programs_send_beside_it_changes_nothing(clinic, anonymous, changes, headers):
    form = {**with_password(clinic.staff.user["email"]), **changes}

    answer = post_form(anonymous, {name: value for name, value in form.items() if value is not None}, **headers)

    assert answer.status == 200, answer


def test_letters_of_a_password_arrive_as_they_were_typed(clinic, anonymous):
    password = " pässwörd+&=%20\\\"'"
    email = clinic.register("staff", password=password).json["email"]

    assert post_form(anonymous, with_password(email, password)).status == 200


def test_wrong_password_and_an_unknown_email_are_an_invalid_grant(clinic, anonymous):
    known = clinic.register("staff").json["email"]

    wrong = post_form(anonymous, with_password(known, "not the password"))
    unknown = post_form(anonymous, with_password(fresh_email(), "not the password"))

    assert refused(wrong, "invalid_grant") == refused(unknown, "invalid_grant") == "Invalid email or password"
    assert wrong.json == unknown.json


def test_lockout_has_retry_after(clinic, anonymous):
    email = clinic.register("staff").json["email"]
    for _ in range(5):
        refused(post_form(anonymous, with_password(email, "not the password")), "invalid_grant")

    locked = post_form(anonymous, with_password(email))

    assert refused(locked, "temporarily_unavailable", 429).startswith("Too many failed attempts.")
    assert 890 <= int(locked.headers["Retry-After"]) <= 900


@pytest.mark.parametrize(
    ("form", "error"),
    [
        pytest.param("", "invalid_request", id="nothing"),
        pytest.param("username=ada@example.com", "invalid_request", id="no password"),
        pytest.param("username=&password=x", "invalid_request", id="an empty username"),
        pytest.param("username=a@b.c&username=d@e.f&password=x", "invalid_request", id="a parameter twice"),
        pytest.param("username=a@b.c&password=x&x=1&x=1", "invalid_request", id="an unknown one twice"),
        pytest.param("username=a@b.c&password=x&x=&x=", "invalid_request", id="an empty one twice"),
        pytest.param(b"username=\xff&password=x", "invalid_request", id="no UTF-8"),
        pytest.param("username=%ff&password=x", "invalid_request", id="no UTF-8 in percents"),
        pytest.param("username=a%00b&password=x", "invalid_request", id="a null character"),
        pytest.param(f"username={'a' * 300}&password=x", "invalid_request", id="a long username"),
        pytest.param("&".join(f"p{n}=1" for n in range(200)), "invalid_request", id="many parameters"),
        pytest.param("grant_type=refresh_token", "invalid_request", id="no refresh token"),
        pytest.param("grant_type=refresh_token&refresh_token=x.y.z", "invalid_grant", id="a bad refresh token"),
        pytest.param("grant_type=client_credentials", "unsupported_grant_type", id="another grant"),
        pytest.param("grant_type=%22%C3%A9%5C%22", "unsupported_grant_type", id="an odd grant"),
        pytest.param("grant_type=PASSWORD&username=a@b.c&password=x", "unsupported_grant_type", id="in capitals"),
    ],
)
def test_malformed_request_is_told_why(anonymous, form, error):
    refused(post_form(anonymous, form), error)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain"])
def test_another_kind_of_body_is_415(anonymous, kind):
    answer = anonymous.request(
        "POST", TOKEN, content='{"username": "a", "password": "b"}', headers={"Content-Type": kind}
    )

    refused(answer, "invalid_request", 415)


def test_another_method_is_405(anonymous):
    answer = anonymous.get(TOKEN)

    refused(answer, "invalid_request", 405)
    assert answer.headers["Allow"] == "POST"


def test_parameters_in_the_address_are_not_read(clinic, anonymous):
    query = urlencode(with_password(clinic.staff.user["email"]))

    refused(post_form(anonymous, "", path=f"{TOKEN}?{query}"), "invalid_request")


# --- grant_type=refresh_token


def test_refresh_grant_gives_the_next_pair(clinic, anonymous):
    first = post_form(anonymous, with_password(clinic.staff.user["email"])).json
    renewal = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "scope": ""}

    answer = post_form(anonymous, renewal)

    assert (answer.status, list(answer.json)) == (200, KEYS)
    assert answer.json["refresh_token"] != first["refresh_token"]
    assert post_form(anonymous, renewal).json["refresh_token"] == answer.json["refresh_token"]  # within ten seconds


def test_old_refresh_token_is_an_invalid_grant_and_ends_the_session(clinic, anonymous):
    app = app_of(clinic.staff)
    stolen = app.tokens["refresh_token"]
    app.renew()
    app.renew()

    answer = post_form(anonymous, {"grant_type": "refresh_token", "refresh_token": stolen})

    assert refused(answer, "invalid_grant") == "Your session has ended. Please sign in again."
    assert app.get("/api/users/me").status == 401


def test_refresh_tokens_work_at_both_token_endpoints(clinic, transport):
    app = app_of(clinic.staff)
    answer = post_form(Caller(transport), {"grant_type": "refresh_token", "refresh_token": app.tokens["refresh_token"]})

    assert App(transport).renew(answer.json["refresh_token"]).status == 200


def test_refreshing_counts_for_the_session_and_odd_bodies_for_the_address(clinic, settings):
    app, other = app_of(clinic.staff), app_of(clinic.staff)
    settings.RATE_LIMIT_PER_MINUTE, settings.ANON_RATE_LIMIT_PER_MINUTE = 8, 4

    def statuses(body, times):
        return [post_form(Caller(clinic.transport), body, path="/api/auth/token").status for _ in range(times)]

    renewal = {"grant_type": "refresh_token", "refresh_token": app.tokens["refresh_token"]}
    assert 429 not in statuses(renewal, 4)
    assert statuses(renewal, 16)[-1] == 429
    assert statuses({**renewal, "refresh_token": other.tokens["refresh_token"]}, 1) == [200]
    assert statuses("a=1&a=1", 16)[-1] == 429
    over = post_form(Caller(clinic.transport), "a=1&a=1")
    assert refused(over, "temporarily_unavailable", 429)
    assert int(over.headers["Retry-After"]) >= 1


def test_refresh_token_beside_a_password_that_is_tried_is_no_fresh_count(clinic, settings):
    app = app_of(clinic.hire("patient"))
    settings.ANON_RATE_LIMIT_PER_MINUTE = 3
    form = with_password(fresh_email(), "Summer2026!", refresh_token=app.tokens["refresh_token"])

    statuses = [post_form(Caller(clinic.transport), form).status for _ in range(8)]

    assert statuses[-1] == 429
    assert 400 in statuses
