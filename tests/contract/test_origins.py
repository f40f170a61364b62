"""CORS with credentials for the contract's two origins; pages of other origins are refused."""

import pytest

from tests.contract.clinic import CHART

SPA = ["http://localhost:5173", "http://localhost:3000"]
FOREIGN = [
    "https://evil.example",
    "null",
    "http://localhost:5174",
    "https://localhost:5173",
    "http://localhost:5173.evil",
]
REFUSED = {"detail": "This request came from another site."}


@pytest.mark.parametrize("origin", SPA)
def test_spa_reads_answers_with_its_cookies(clinic, origin):
    answer = clinic.staff.get("/api/users/me", headers={"Origin": origin})

    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in [part.strip().title() for part in answer.headers["Vary"].split(",")]


def test_preflight_is_answered_with_what_it_asks_for(anonymous, subtests):
    asked = "content-type, x-requested-with, x-anything-at-all"

    for origin in SPA:
        for method, path in [
            ("POST", "/api/auth/login"),
            ("PATCH", "/api/appointments/x"),
            ("DELETE", "/api/patients"),
            ("PUT", "/api/users/me"),
        ]:
            with subtests.test(origin=origin, method=method, path=path):
                answer = anonymous.request(
                    "OPTIONS",
                    path,
                    headers={
                        "Origin": origin,
                        "Access-Control-Request-Method": method,
                        "Access-Control-Request-Headers": asked,
                    },
                )

                assert answer.status == 200
                assert answer.headers["Access-Control-Allow-Origin"] == origin
                assert answer.headers["Access-Control-Allow-Credentials"] == "true"
                assert method in answer.headers["Access-Control-Allow-Methods"]
                assert answer.headers["Access-Control-Allow-Headers"] == asked


def test_foreign_page_gets_no_permission_to_read(clinic, subtests):
    for origin in FOREIGN:
        with subtests.test(origin=origin):
            for method, path in [("GET", "/api/users/me"), ("OPTIONS", "/api/auth/login"), ("POST", "/api/patients")]:
                answer = clinic.staff.request(
                    method, path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
                )
                assert "Access-Control-Allow-Origin" not in answer.headers
                assert "Access-Control-Allow-Headers" not in answer.headers


def test_refusal_can_be_read_by_the_spa(anonymous):
    for path, status in [("/api/users/me", 401), ("/api/nothing", 404)]:
        answer = anonymous.request("GET", path, headers={"Origin": SPA[0]})
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, SPA[0])
    body = b"x" * 1_000_001
    large = anonymous.request(
        "POST", "/api/auth/login", headers={"Origin": SPA[0], "Content-Type": "text/plain"}, content=body
    )
    assert (large.status, large.headers["Access-Control-Allow-Origin"]) == (413, SPA[0])


def test_foreign_page_changes_nothing(clinic, subtests):
    for headers in [
        *({"Origin": origin} for origin in FOREIGN),
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ]:
        for path in ["/api/patients", "/api/auth/login", "/api/auth/logout", "/api/auth/refresh"]:
            with subtests.test(headers=headers, path=path):
                answer = clinic.staff.request("POST", path, json=CHART, headers=headers)

                assert (answer.status, answer.json) == (403, REFUSED)
                assert answer.set_cookies == []


def test_spa_the_own_pages_and_other_programs_do(clinic, subtests):
    for headers in [
        *({"Origin": origin, "Sec-Fetch-Site": "cross-site"} for origin in SPA),
        {"Origin": SPA[0], "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {},
    ]:
        with subtests.test(headers=headers):
            assert clinic.staff.request("POST", "/api/patients", json=CHART, headers=headers).status == 201


def test_own_origin_is_no_foreign_page(clinic):
    host = "testserver"

    for origin in (f"http://{host}", f"https://{host}"):
        assert clinic.staff.request("POST", "/api/patients", json=CHART, headers={"Origin": origin}).status == 201
    other = clinic.staff.request("POST", "/api/patients", json=CHART, headers={"Origin": f"http://{host}.evil"})
    assert other.status == 403


def test_foreign_page_may_still_read_in_vain(clinic):
    """Safe methods change nothing; the browser keeps their answers from the page."""
    answer = clinic.staff.request(
        "GET", "/api/users/me", headers={"Origin": FOREIGN[0], "Sec-Fetch-Site": "cross-site"}
    )

    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
