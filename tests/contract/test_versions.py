"""/api/v1/… is /api/…: the same responses, rules and limits under another prefix."""

from collections import Counter

from tests.contract.apps import app_of
from tests.contract.clients import Caller, parse_cookie
from tests.contract.clinic import CHART, PASSWORD
from tests.contract.test_limits import within_one_minute

SPA = "http://localhost:5173"
READS = [
    "/users/me",
    "/patients?limit=3",
    "/doctors",
    "/appointments",
    "/records",
    "/dashboard/stats",
    "/audit?limit=1&outcome=refused",
    "/schema",
    "/nothing",
    "",
    "/",
]


def test_every_address_answers_the_same_below_v1(clinic, subtests):
    for path in READS:
        with subtests.test(path=path):
            plain, versioned = clinic.admin.get(f"/api{path}"), clinic.admin.get(f"/api/v1{path}")

            assert versioned.status == plain.status
            assert versioned.headers["Content-Type"] == plain.headers["Content-Type"]
            assert versioned.headers["Content-Security-Policy"] == plain.headers["Content-Security-Policy"]
            if not path.startswith(("/audit", "/dashboard")):  # these tell of the calls before
                assert versioned.body == plain.body


def test_what_is_written_below_one_spelling_is_read_below_the_other(clinic):
    chart = clinic.staff.post("/api/v1/patients", {**CHART, "name": "Versioned Person"})

    assert chart.status == 201
    assert clinic.staff.get(f"/api/patients/{chart.json['id']}").json == chart.json
    assert clinic.elsewhere.staff.get(f"/api/v1/patients/{chart.json['id']}").status == 404
    assert clinic.billing.post("/api/v1/patients", CHART).status == 403


def test_other_prefixes_are_404(clinic, subtests):
    for path in ["/api/v1", "/api/v1/", "/api/v1x", "/api/v1x/users/me", "/api/v1/v1/users/me"]:
        with subtests.test(path=path):
            answer = clinic.staff.get(path)

            assert (answer.status, answer.json) == (404, {"detail": "Not found."})


def test_nothing_else_is_versioned(clinic, subtests):
    for path in ["/api/V1/users/me", "/api/v2/users/me", "/v1/users/me", "/auth/v1/roles"]:
        with subtests.test(path=path):
            assert clinic.staff.get(path).status == 404


def test_browser_that_signs_in_below_v1_refreshes_and_signs_out_there(clinic, anonymous):
    body = {"email": clinic.staff.user["email"], "password": PASSWORD}
    answer = anonymous.post("/api/v1/auth/login", body)

    cookies = {name: attributes for name, _, attributes in map(parse_cookie, answer.set_cookies)}
    assert cookies["refresh_token"]["Path"] == "/api/v1/auth/refresh"
    assert cookies["access_token"]["Path"] == "/"
    assert anonymous.post("/api/v1/auth/refresh").status == 200
    assert anonymous.get("/api/users/me").status == 200
    assert anonymous.post("/api/v1/auth/logout").status == 200
    assert anonymous.cookies == {}


def test_origins_of_the_spa_may_read_and_foreign_pages_may_not_write(clinic, anonymous):
    answer = clinic.staff.get("/api/v1/users/me", headers={"Origin": SPA})
    assert answer.headers["Access-Control-Allow-Origin"] == SPA
    asked = {"Origin": SPA, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-anything"}
    preflight = anonymous.request("OPTIONS", "/api/v1/patients", headers=asked)
    assert preflight.headers["Access-Control-Allow-Headers"] == "x-anything"

    foreign = clinic.staff.post("/api/v1/patients", CHART, headers={"Origin": "https://evil.example"})

    assert foreign.status == 403
    assert "Access-Control-Allow-Origin" not in foreign.headers


def test_health_is_asked_past_the_proxy_below_both_spellings(client, settings, db):
    settings.SECURE_SSL_REDIRECT = True

    for path in ("/api/health/live", "/api/v1/health/live", "/api/v1/health/ready"):
        assert client.get(path).status_code == 200
    assert client.get("/api/v1/doctors").status_code == 301
    assert client.get("/api/v1/doctors")["Location"].endswith("/api/v1/doctors")


def test_call_counts_once_whatever_its_spelling(clinic, settings):
    clinic.register("staff")
    settings.RATE_LIMIT_PER_MINUTE = 6

    def burst():
        staff = clinic.hire("staff")
        return Counter(staff.get(f"/api{'/v1' if turn % 2 else ''}/users/me").status for turn in range(10))

    assert within_one_minute(burst) == {200: 6, 429: 4}


def test_line_of_the_log_names_the_one_route(clinic, caplog):
    clinic.staff.get("/api/v1/users/me")

    line = caplog.records[-1].msg
    assert (line["route"], line["status"]) == ("/api/users/me", 200)


def test_schema_is_one_and_says_so(clinic):
    schema = Caller(clinic.transport).get("/api/v1/schema").json

    assert not [path for path in schema["paths"] if path.startswith("/api/v1")]
    assert "/api/v1/" in schema["info"]["description"]
    assert {"/auth/login", "/auth/register", "/auth/associate", "/auth/refresh", "/auth/logout", "/auth/roles"} <= set(
        schema["paths"]
    )


def test_bearer_token_of_either_spelling_is_good_below_both(clinic):
    app = app_of(clinic.staff)

    assert app.get("/api/users/me").json == app.get("/api/v1/users/me").json
