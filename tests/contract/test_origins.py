"""CORS with credentials for the contract's two origins; foreign pages are turned away."""

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
REFUSED = {"detail": "This request came from a page of another site."}


@pytest.mark.parametrize("origin", SPA)
def test_the_spa_reads_answers_with_its_cookies(clinic, origin):
    answer = clinic.staff.ask("GET", "/api/users/me", headers={"Origin": origin})

    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in [part.strip().title() for part in answer.headers["Vary"].split(",")]


@pytest.mark.parametrize("origin", SPA)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/auth/login"),
        ("PATCH", "/api/appointments/x"),
        ("DELETE", "/api/patients"),
        ("PUT", "/api/users/me"),
    ],
)
def test_a_preflight_is_answered_with_what_it_asks_for(anonymous, origin, method, path):
    asked = "content-type, x-requested-with, x-anything-at-all"

    answer = anonymous.ask(
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


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_page_gets_no_permission_to_read(clinic, origin):
    for method, path in [("GET", "/api/users/me"), ("OPTIONS", "/api/auth/login"), ("POST", "/api/patients")]:
        answer = clinic.staff.ask(method, path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Access-Control-Allow-Headers" not in answer.headers


def test_a_refusal_can_be_read_by_the_spa(anonymous):
    for path, status in [("/api/users/me", 401), ("/api/nothing", 404)]:
        answer = anonymous.ask("GET", path, headers={"Origin": SPA[0]})
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, SPA[0])
    body = b"x" * 1_000_001
    large = anonymous.ask(
        "POST", "/api/auth/login", headers={"Origin": SPA[0], "Content-Type": "text/plain"}, content=body
    )
    assert (large.status, large.headers["Access-Control-Allow-Origin"]) == (413, SPA[0])


@pytest.mark.parametrize(
    "headers",
    [
        *({"Origin": origin} for origin in FOREIGN),
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/api/patients", "/api/auth/login", "/api/auth/logout", "/api/auth/refresh"])
def test_a_foreign_page_changes_nothing(clinic, headers, path):
    answer = clinic.staff.ask("POST", path, json=CHART, headers=headers)

    assert (answer.status, answer.json) == (403, REFUSED)
    assert answer.set_cookies == []


@pytest.mark.parametrize(
    "headers",
    [
        *({"Origin": origin, "Sec-Fetch-Site": "cross-site"} for origin in SPA),
        {"Origin": SPA[0], "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
    ids=str,
)
def test_the_spa_the_own_pages_and_other_programs_do(clinic, headers):
    assert clinic.staff.ask("POST", "/api/patients", json=CHART, headers=headers).status == 201


def test_the_own_origin_is_no_foreign_page(clinic):
    host = clinic.door.server.url.removeprefix("http://") if clinic.door.name == "server" else "testserver"

    for origin in (f"http://{host}", f"https://{host}"):
        assert clinic.staff.ask("POST", "/api/patients", json=CHART, headers={"Origin": origin}).status == 201
    other = clinic.staff.ask("POST", "/api/patients", json=CHART, headers={"Origin": f"http://{host}.evil"})
    assert other.status == 403


def test_a_foreign_page_may_still_read_in_vain(clinic):
    """Safe methods change nothing; the browser keeps their answers from the page."""
    answer = clinic.staff.ask("GET", "/api/users/me", headers={"Origin": FOREIGN[0], "Sec-Fetch-Site": "cross-site"})

    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
