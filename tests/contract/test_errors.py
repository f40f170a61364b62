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


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
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
    ],
)
def test_a_path_that_is_none_is_missing(clinic, method, path):
    answer = clinic.staff.ask(method, path)

    assert_refused(answer, 404)
    assert "Allow" not in answer.headers


def test_a_path_that_is_none_says_the_same_to_anybody(anonymous):
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


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/patients"),
        ("POST", "/api/appointments"),
        ("PATCH", f"/api/appointments/{NOBODY}"),
        ("PATCH", "/api/users/me"),
        ("POST", "/api/auth/register"),
        ("POST", "/api/auth/login"),
    ],
)
@pytest.mark.parametrize("body", [name for name in BROKEN if name != "nothing"])
def test_a_body_that_is_no_json_object_is_refused(clinic, method, path, body):
    answer = clinic.staff.ask(method, path, content=BROKEN[body], headers={"Content-Type": "application/json"})

    assert_refused(answer, 400)


def test_json_within_json_a_thousand_deep_is_malformed(anonymous):
    deep = b'{"email":' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b',"password":"x"}'
    for path in ("/api/auth/login", "/auth/login", "/api/auth/register", "/auth/mfa"):
        answer = anonymous.ask("POST", path, content=deep, headers={"Content-Type": "application/json"})
        assert (answer.status, next(iter(answer.json))) == (400, "detail"), path


@pytest.mark.parametrize("path", ["/api/patients", "/api/appointments", "/api/auth/login", "/api/auth/register"])
def test_an_empty_body_lacks_its_fields(clinic, path):
    answer = clinic.staff.ask("POST", path)

    assert answer.status == 400
    assert set(answer.json) == {"detail", "errors"}


@pytest.mark.parametrize("value", ["1" + "0" * 400, "1e400", "-1e400", "1" * 5000, "0.1", "1" + "0" * 30, "-1", "true"])
@pytest.mark.parametrize("field", ["name", "dateOfBirth", "gender", "bloodType"])
def test_a_number_is_no_text_however_large(clinic, field, value):
    rest = ", ".join(f'"{name}": "{text}"' for name, text in CHART.items() if name != field)
    body = f'{{"{field}": {value}, {rest}}}'

    answer = clinic.staff.ask("POST", "/api/patients", content=body, headers={"Content-Type": "application/json"})

    assert answer.status == 400
    assert set(answer.json.get("errors", {field: []})) == {field}


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json-patch+json",
        "json",
    ],
)
@pytest.mark.parametrize("path", ["/api/patients", "/api/auth/login", "/api/auth/register"])
def test_a_body_of_another_type_is_refused(clinic, kind, path):
    assert_refused(clinic.staff.ask("POST", path, content=b"{}", headers={"Content-Type": kind}), 415)


def test_a_body_without_a_type_is_refused(clinic):
    assert_refused(clinic.staff.ask("POST", "/api/patients", content=b"{}"), 415)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary*=nope''%ff",
        "application/json; charset*=nope''utf-8",
        "text/plain; x*=bogus''y",
    ],
)
class TestATypeThatNobodyCanRead:
    """The started server alone: Django's test client makes a request of its own, past config/wsgi.py."""

    @pytest.mark.parametrize("path", ["/api/patients", "/api/attachments", "/api/auth/login"])
    def test_counts_as_none(self, served_clinic, kind, path):
        assert_refused(served_clinic.staff.ask("POST", path, content=b"{}", headers={"Content-Type": kind}), 415)

    @pytest.mark.parametrize(
        ("path", "status"), [("/api/users/me", 200), ("/api/nothing", 404), ("/admin/login/", 200)]
    )
    def test_matters_to_nobody_who_reads_no_body(self, served_clinic, kind, path, status):
        answer = served_clinic.staff.ask("GET", path, headers={"Content-Type": kind})

        assert answer.status == status
        assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_named_with_its_parameters(clinic, kind):
    answer = clinic.staff.ask("PATCH", "/api/users/me", content=b"{}", headers={"Content-Type": kind})

    assert answer.status == 200


@pytest.mark.parametrize("path", ["/api/patients", "/api/auth/login", "/api/nothing"])
def test_a_body_over_a_megabyte_is_too_large(clinic, path):
    body = b'{"name": "' + b"x" * 1_000_000 + b'"}'

    assert_refused(clinic.staff.ask("POST", path, content=body, headers={"Content-Type": "application/json"}), 413)


def test_a_body_of_a_megabyte_is_read(clinic):
    body = b'{"name": "' + b"x" * 999_988 + b'"}'
    assert len(body) == 1_000_000

    answer = clinic.staff.ask("POST", "/api/patients", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status, "name" in answer.json["errors"]) == (400, True)


def test_a_method_that_no_http_has_is_refused(clinic):
    assert clinic.staff.ask("FROB", "/api/patients").status == 405


def test_a_foreign_host_is_refused(clinic):
    assert_refused(clinic.staff.ask("GET", "/api/users/me", headers={"Host": "evil.example"}), 400)


@pytest.mark.parametrize("path", ["/api/users/me", "/api/health/live", "/api/schema", "/api/docs", "/", "/api/nothing"])
def test_head_is_get_without_a_body(clinic, path):
    got, answer = clinic.staff.ask("GET", path), clinic.staff.ask("HEAD", path)

    assert (answer.status, answer.body) == (got.status, b"")
    assert answer.headers["Content-Length"] == str(len(got.body))
    assert answer.headers["Content-Type"] == got.headers["Content-Type"]


def test_the_server_finds_no_body_in_an_answer_to_head(served_clinic):
    served_clinic.staff.ask("HEAD", "/api/users/me")
    served_clinic.staff.ask("HEAD", "/api/nothing")
    served_clinic.staff.ask("HEAD", "/static/praxis/icon.svg")

    assert "no-body response" not in served_clinic.door.server.log.read_text()


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "*/*", "nonsense", "", "application/json; version=2"]
)
def test_the_api_speaks_json_whatever_is_asked_for(clinic, accept):
    answer = clinic.staff.ask("GET", "/api/users/me", headers={"Accept": accept})

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("path", ["/api/patients", "/api/doctors", "/api/appointments", "/api/records"])
class TestPages:
    @pytest.mark.parametrize("page", ["0", "-1", "x", "1.5", "10" * 15, "1" + "0" * 1200, "1000001", "NaN", "0x1"])
    def test_a_page_that_is_none_is_named(self, clinic, path, page):
        answer = clinic.admin.get(path, page=page)

        assert (answer.status, set(answer.json["errors"])) == (400, {"page"})

    @pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5"])
    def test_a_limit_that_is_none_is_named(self, clinic, path, limit):
        answer = clinic.admin.get(path, limit=limit)

        assert (answer.status, set(answer.json["errors"])) == (400, {"limit"})

    @pytest.mark.parametrize("limit", ["100", "101", "1000", "1" + "0" * 30])
    def test_a_large_limit_is_served_as_100_and_says_so(self, clinic, path, limit):
        answer = clinic.admin.get(path, limit=limit)

        assert answer.status == 200
        assert answer.json.get("limit", 100) == 100

    def test_an_empty_page_or_limit_is_as_good_as_none(self, clinic, path):
        assert clinic.admin.get(path, page="", limit="").json == clinic.admin.get(path).json

    def test_what_nobody_asks_for_is_ignored(self, clinic, path):
        assert clinic.admin.get(path, nothing="x").json == clinic.admin.get(path).json


class TestRequestIds:
    def test_every_answer_has_one_of_its_own(self, clinic):
        ids = {clinic.staff.get(path).headers["X-Request-ID"] for path in ["/api/users/me"] * 3 + ["/api/nothing"]}

        assert len(ids) == 4

    @pytest.mark.parametrize("given", ["0af7651916cd43dd-8448eb211c80319c", "short", "<script>alert(1)</script>"])
    def test_a_callers_own_is_replaced(self, clinic, given):
        """A trusted proxy's is kept: tests/contract/test_proxies.py."""
        answer = clinic.staff.ask("GET", "/api/users/me", headers={"X-Request-ID": given})

        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_an_unexpected_error_shows_nothing_internal(inner_clinic, monkeypatch):
    def break_down(*args, **kwargs):
        raise RuntimeError("secret internals")

    monkeypatch.setattr("dashboard.statistics.dashboard", break_down)

    answer = inner_clinic.staff.get("/api/dashboard/stats")

    assert_refused(answer, 500)
    assert b"secret" not in answer.body


def test_the_pages_of_the_documentation_answer(anonymous):
    for path in ("/api/schema", "/api/docs", "/api/redoc", "/api/health", "/api/health/live", "/api/health/ready", "/"):
        answer = anonymous.get(path, headers={"Accept": "*/*"})
        assert answer.status == 200, path
    assert anonymous.get("/api/schema").json["openapi"].startswith("3.")


@pytest.mark.parametrize("path", ["/api/docs", "/api/redoc"])
def test_the_documentation_asks_nobody_else(anonymous, path):
    page = anonymous.get(path, headers={"Accept": "text/html"}).body.decode()

    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page)


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs", "/api/redoc", "/api/health", "/api/health/live"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_open_pages_are_only_read(anonymous, method, path):
    answer = anonymous.ask(method, path, json={})

    assert_refused(answer, 405)


def test_an_email_is_no_way_to_inject_a_header(clinic):
    answer = clinic.register("staff", email=fresh_email() + "\r\nSet-Cookie: a=b")

    assert answer.status == 400
