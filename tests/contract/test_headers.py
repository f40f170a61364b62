"""Headers of every response, whoever asks and whatever the outcome."""

import pytest
from django.test import Client

from core.middleware.csp import ADMIN_POLICY, API_POLICY, PAGE_POLICY
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


def test_api_responses_are_not_cached_and_run_nothing(clinic, subtests):
    for method, path, status in API:
        with subtests.test(method=method, path=path, status=status):
            answer = clinic.staff.request(method, path, json=CHART)

            assert answer.status == status
            assert answer.headers["Cache-Control"] == "no-store"
            assert (
                answer.headers["Content-Security-Policy"] == API_POLICY == "default-src 'none'; frame-ancestors 'none'"
            )


def test_every_response_has_nosniff_and_frame_options(anonymous, subtests):
    for path in ["/", "/nowhere", "/api/users/me", "/api/docs", "/static/praxis/site.css"]:
        with subtests.test(path=path):
            headers = anonymous.get(path).headers

            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert "camera=()" in headers["Permissions-Policy"]
            assert "Server" not in headers or "Django" not in headers["Server"]
            if not path.startswith("/static/"):
                assert headers["X-Frame-Options"] == "DENY"


def test_refusals_before_the_view_have_the_same_headers(anonymous):
    foreign = anonymous.request("POST", "/api/auth/login", json={}, headers={"Origin": "https://evil.example"})
    large = anonymous.request("POST", "/api/auth/login", content=b"x" * 1_000_001)

    assert (foreign.status, large.status) == (403, 413)
    for answer in (foreign, large):
        assert answer.headers["Content-Security-Policy"] == API_POLICY
        assert answer.headers["Cache-Control"] == "no-store"


def test_pages_allow_no_scripts_except_in_the_admin(anonymous):
    assert anonymous.get("/").headers["Content-Security-Policy"] == PAGE_POLICY
    assert anonymous.get("/administration").headers["Content-Security-Policy"] == PAGE_POLICY
    assert "script-src" not in PAGE_POLICY
    assert anonymous.get("/admin/").headers["Content-Security-Policy"] == ADMIN_POLICY
    loose = [p for p in ("/", "/api/docs", "/api/redoc", "/api/schema") if "unsafe-eval" in policy(anonymous, p)]
    assert loose == []
    assert "'unsafe-inline'" not in policy(anonymous, "/api/docs")
    assert policy(anonymous, "/api/redoc").count("'unsafe-inline'") == 1


def policy(caller, path: str) -> str:
    return caller.get(path).headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_admin_pages_are_not_cached(make_user, subtests):
    client = Client()
    client.force_login(make_user("admin"))

    for path in ["", "patients/patient/", "patients/patient/add/", "autocomplete/", "pick-practice/", "x/"]:
        with subtests.test(path=path):
            answer = client.get(f"/admin/{path}")

            assert answer.status_code in (200, 302, 403, 404)
            assert "no-store" in answer["Cache-Control"]
            assert "private" in answer["Cache-Control"]
