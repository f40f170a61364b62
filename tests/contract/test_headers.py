"""What every answer tells the browser, whoever asks and whatever came of it."""

import pytest
from django.test import Client

from core.headers import ADMIN_POLICY, API_POLICY, PAGE_POLICY
from tests.contract.clinic import CHART

API = [
    ("GET", "/api/users/me", 200),
    ("GET", "/api/patients", 200),
    ("POST", "/api/patients", 201),
    ("GET", "/api/nothing", 404),
    ("DELETE", "/api/patients", 405),
    ("GET", "/api/schema", 200),
    ("GET", "/api/health", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), API)
def test_an_answer_of_the_api_is_kept_by_nobody_and_does_nothing(clinic, method, path, status):
    answer = clinic.staff.ask(method, path, json=CHART)

    assert answer.status == status
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == API_POLICY == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/api/users/me", "/api/docs", "/admin/login/", "/static/praxis/site.css"]
)
def test_every_answer_is_what_it_says_and_stays_in_no_frame(anonymous, path):
    headers = anonymous.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Server" not in headers or "Django" not in headers["Server"]
    if not path.startswith("/static/"):
        assert headers["X-Frame-Options"] == "DENY"


def test_a_refusal_at_the_door_has_the_same_headers(anonymous):
    foreign = anonymous.ask("POST", "/api/auth/login", json={}, headers={"Origin": "https://evil.example"})
    large = anonymous.ask("POST", "/api/auth/login", content=b"x" * 1_000_001)

    assert (foreign.status, large.status) == (403, 413)
    for answer in (foreign, large):
        assert answer.headers["Content-Security-Policy"] == API_POLICY
        assert answer.headers["Cache-Control"] == "no-store"


def test_our_pages_run_no_script_and_the_looser_policy_is_the_admins_alone(anonymous):
    assert anonymous.get("/").headers["Content-Security-Policy"] == PAGE_POLICY
    assert anonymous.get("/administration").headers["Content-Security-Policy"] == PAGE_POLICY
    assert "script-src" not in PAGE_POLICY
    assert anonymous.get("/admin/login/").headers["Content-Security-Policy"] == ADMIN_POLICY
    loose = [p for p in ("/", "/api/docs", "/api/redoc", "/api/schema") if "unsafe-eval" in policy(anonymous, p)]
    assert loose == []
    assert "'unsafe-inline'" not in policy(anonymous, "/api/docs")
    assert policy(anonymous, "/api/redoc").count("'unsafe-inline'") == 1


def policy(caller, path: str) -> str:
    return caller.get(path).headers["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["", "patients/patient/", "patients/patient/add/", "autocomplete/", "pick-practice/", "x/"]
)
def test_no_page_of_the_admin_is_kept(make_user, path):
    client = Client()
    client.force_login(make_user("admin"))

    answer = client.get(f"/admin/{path}")

    assert answer.status_code in (200, 302, 403, 404)
    assert "no-store" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]
