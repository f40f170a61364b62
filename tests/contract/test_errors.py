"""Every refusal is `{"detail": "one sentence"}`, and `errors` beside it on a 400 from validation."""

import re

import pytest

from tests.contract.clinic import CHART, NOBODY, fresh_email

SENTENCE = re.compile(r"[^\n<>{}]{3,300}\.?")


def assert_refused(answer, status):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json) == {"detail"}
    assert SENTENCE.fullmatch(answer.json["detail"])
    assert answer.headers["X-Request-ID"]


def test_unknown_path_is_404(clinic, subtests):
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]:
        for path in [
            "/api",
            "/api/",
            "/api/nothing",
            "/api/patients/",
            "/api/people",
            "/api//patients",
            "/api/%00",
            "/api/%ff%fe",
            "/api/auth/login/",
            "/api/" + "x" * 3000,
        ]:
            with subtests.test(method=method, path=path):
                answer = clinic.staff.request(method, path)

                assert_refused(answer, 404)
                assert "Allow" not in answer.headers


def test_unknown_path_answers_everyone_alike(anonymous):
    assert_refused(anonymous.get("/api/nothing"), 404)


BROKEN = {
    "nothing": b"",
    "no JSON": b"{",
    "no JSON at all": b"name=Ada",
    "two values": b"{}{}",
    "a list": b"[]",
    "a string": b'"Ada"',
    "a number": b"7",
    "null": b"null",
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": Infinity}',
    "no UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "Ada"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"name": "Ada"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a NUL": b"\x00",
    "deep lists": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "single quotes": b"{'name': 'Ada'}",
    "a trailing comma": b'{"name": "Ada",}',
}


def test_body_other_than_a_json_object_is_refused(clinic, subtests):
    for method, path in [
        ("POST", "/api/patients"),
        ("POST", "/api/appointments"),
        ("PATCH", f"/api/appointments/{NOBODY}"),
        ("PATCH", "/api/users/me"),
        ("POST", "/api/auth/register"),
        ("POST", "/api/auth/login"),
    ]:
        for body in [name for name in BROKEN if name != "nothing"]:
            with subtests.test(method=method, path=path, body=body):
                answer = clinic.staff.request(
                    method, path, content=BROKEN[body], headers={"Content-Type": "application/json"}
                )

                assert_refused(answer, 400)


def test_json_within_json_a_thousand_deep_is_malformed(anonymous):
    deep = b'{"email":' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b',"password":"x"}'
    for path in ("/api/auth/login", "/auth/login", "/api/auth/register", "/auth/mfa"):
        answer = anonymous.request("POST", path, content=deep, headers={"Content-Type": "application/json"})
        assert (answer.status, next(iter(answer.json))) == (400, "detail"), path


def test_empty_body_lacks_its_fields(clinic, subtests):
    for path in ["/api/patients", "/api/appointments", "/api/auth/login", "/api/auth/register"]:
        with subtests.test(path=path):
            answer = clinic.staff.request("POST", path)

            assert answer.status == 400
            assert set(answer.json) == {"detail", "errors"}


def test_number_is_no_text_however_large(clinic, subtests):
    for value in ["1" + "0" * 400, "1e400", "-1e400", "1" * 5000, "0.1", "1" + "0" * 30, "-1", "true"]:
        for field in ["name", "dateOfBirth", "gender", "bloodType"]:
            with subtests.test(value=value, field=field):
                rest = ", ".join(f'"{name}": "{text}"' for name, text in CHART.items() if name != field)
                body = f'{{"{field}": {value}, {rest}}}'

                answer = clinic.staff.request(
                    "POST", "/api/patients", content=body, headers={"Content-Type": "application/json"}
                )

                assert answer.status == 400
                assert set(answer.json.get("errors", {field: []})) == {field}


def test_body_of_another_type_is_refused(clinic, subtests):
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json-patch+json",
        "json",
    ]:
        for path in ["/api/patients", "/api/auth/login", "/api/auth/register"]:
            with subtests.test(kind=kind, path=path):
                assert_refused(clinic.staff.request("POST", path, content=b"{}", headers={"Content-Type": kind}), 415)


def test_body_without_a_type_is_refused(clinic):
    assert_refused(clinic.staff.request("POST", "/api/patients", content=b"{}"), 415)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_named_with_its_parameters(clinic, kind):
    answer = clinic.staff.request("PATCH", "/api/users/me", content=b'{"phone": ""}', headers={"Content-Type": kind})

    assert answer.status == 200


@pytest.mark.parametrize("path", ["/api/patients", "/api/auth/login", "/api/nothing"])
def test_body_over_a_megabyte_is_too_large(clinic, path):
    body = b'{"name": "' + b"x" * 1_000_000 + b'"}'

    assert_refused(clinic.staff.request("POST", path, content=body, headers={"Content-Type": "application/json"}), 413)


def test_body_of_a_megabyte_is_read(clinic):
    body = b'{"name": "' + b"x" * 999_988 + b'"}'
    assert len(body) == 1_000_000

    answer = clinic.staff.request("POST", "/api/patients", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status, "name" in answer.json["errors"]) == (400, True)


def test_unknown_http_method_is_refused(clinic):
    assert clinic.staff.request("FROB", "/api/patients").status == 405


def test_foreign_host_is_refused(clinic):
    assert_refused(clinic.staff.request("GET", "/api/users/me", headers={"Host": "evil.example"}), 400)


def test_head_is_get_without_a_body(clinic, subtests):
    for path in ["/api/users/me", "/api/health/live", "/api/schema", "/api/docs", "/", "/api/nothing"]:
        with subtests.test(path=path):
            got, answer = clinic.staff.request("GET", path), clinic.staff.request("HEAD", path)

            assert (answer.status, answer.body) == (got.status, b"")
            assert answer.headers["Content-Length"] == str(len(got.body))
            assert answer.headers["Content-Type"] == got.headers["Content-Type"]


def test_api_speaks_json_whatever_is_asked_for(clinic, subtests):
    for accept in ["text/html", "application/xml", "*/*", "nonsense", "", "application/json; version=2"]:
        with subtests.test(accept=accept):
            answer = clinic.staff.request("GET", "/api/users/me", headers={"Accept": accept})

            assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("path", ["/api/patients", "/api/doctors", "/api/appointments", "/api/records"])
class TestPages:
    def test_invalid_page_is_named(self, clinic, path, subtests):
        for page in ["0", "-1", "x", "1.5", "10" * 15, "1" + "0" * 1200, "1000001", "NaN", "0x1"]:
            with subtests.test(page=page):
                answer = clinic.admin.get(path, page=page)

                assert (answer.status, set(answer.json["errors"])) == (400, {"page"})

    def test_invalid_limit_is_named(self, clinic, path, subtests):
        for limit in ["0", "-1", "x", "1.5"]:
            with subtests.test(limit=limit):
                answer = clinic.admin.get(path, limit=limit)

                assert (answer.status, set(answer.json["errors"])) == (400, {"limit"})

    def test_large_limit_is_served_as_100_and_says_so(self, clinic, path, subtests):
        for limit in ["100", "101", "1000", "1" + "0" * 30]:
            with subtests.test(limit=limit):
                answer = clinic.admin.get(path, limit=limit)

                assert answer.status == 200
                assert answer.json.get("limit", 100) == 100

    def test_empty_page_or_limit_means_the_default(self, clinic, path):
        assert clinic.admin.get(path, page="", limit="").json == clinic.admin.get(path).json

    def test_unknown_query_parameter_is_named(self, clinic, path):
        assert clinic.admin.get(path, nothing="x").json["errors"] == {"nothing": ["Unknown field."]}


class TestRequestIds:
    def test_every_response_has_its_own_request_id(self, clinic):
        ids = {clinic.staff.get(path).headers["X-Request-ID"] for path in ["/api/users/me"] * 3 + ["/api/nothing"]}

        assert len(ids) == 4

    @pytest.mark.parametrize("given", ["0af7651916cd43dd-8448eb211c80319c", "short", "<script>alert(1)</script>"])
    def test_request_id_of_the_caller_is_replaced(self, clinic, given):
        """A trusted proxy's is kept: tests/wire/test_proxies.py."""
        answer = clinic.staff.request("GET", "/api/users/me", headers={"X-Request-ID": given})

        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_unexpected_error_shows_nothing_internal(clinic, monkeypatch):
    def break_down(*args, **kwargs):
        raise RuntimeError("secret internals")

    monkeypatch.setattr("dashboard.statistics.dashboard_numbers", break_down)

    answer = clinic.staff.get("/api/dashboard/stats")

    assert_refused(answer, 500)
    assert b"secret" not in answer.body


def test_pages_of_the_documentation_answer(anonymous):
    for path in ("/api/schema", "/api/docs", "/api/redoc", "/api/health", "/api/health/live", "/api/health/ready", "/"):
        answer = anonymous.get(path, headers={"Accept": "*/*"})
        assert answer.status == 200, path
    assert anonymous.get("/api/schema").json["openapi"].startswith("3.")


@pytest.mark.parametrize("path", ["/api/docs", "/api/redoc"])
def test_documentation_asks_nobody_else(anonymous, path):
    page = anonymous.get(path, headers={"Accept": "text/html"}).body.decode()

    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page)


def test_public_pages_are_read_only(anonymous, subtests):
    for path in ["/api/schema", "/api/docs", "/api/redoc", "/api/health", "/api/health/live"]:
        for method in ["POST", "PUT", "PATCH", "DELETE"]:
            with subtests.test(path=path, method=method):
                answer = anonymous.request(method, path, json={})

                assert_refused(answer, 405)


def test_email_is_no_way_to_inject_a_header(clinic):
    answer = clinic.register("staff", email=fresh_email() + "\r\nSet-Cookie: a=b")

    assert answer.status == 400
