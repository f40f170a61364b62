"""What stands between a client and the views: methods, lengths, types, cookies and headers as bytes on a connection.

tests/contract asks the same in this process for every row of its tables.
"""

import json
import re
import socket
from urllib.parse import urlsplit

import pytest
import redis

from tests.contract.clients import Caller
from tests.contract.clinic import CHART, NOBODY, PASSWORD, Clinic, fresh_email
from tests.contract.test_attachments import FORM, MEGABYTE, form, upload
from tests.contract.test_errors import BROKEN, assert_refused

JSON = {"Content-Type": "application/json"}
LIFE = {"access_token": ("/", 900), "refresh_token": ("/api/auth/refresh", 604800)}
STRICT = {"HttpOnly", "SameSite=Strict", "Secure"}
READ = ["/api/users/me", "/api/health/live", "/api/schema", "/api/docs", "/", "/api/nothing", "/static/praxis/icon.svg"]


def raw(clinic: Clinic, message: bytes) -> bytes:
    """What the server answers to exactly these bytes, after which nothing follows."""
    with socket.create_connection(("127.0.0.1", clinic.transport.server.port), timeout=60) as connection:
        connection.sendall(message)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_cookies_are_set_and_cleared_to_the_letter(clinic):
    caller = Caller(clinic.transport)
    signed_in = caller.sign_in(clinic.staff.user["email"], PASSWORD)
    kept = {name: caller.cookies[name][0] for name in LIFE}
    out = caller.post("/api/auth/logout")

    for answer, values, lives in ((signed_in, kept, True), (out, dict.fromkeys(LIFE, ""), False)):
        assert len(answer.set_cookies) == 2
        assert {line.partition("=")[0]: set(line.split("; ")) for line in answer.set_cookies} == {
            name: {f"{name}={values[name]}", f"Max-Age={age * lives}", f"Path={path}", *STRICT}
            for name, (path, age) in LIFE.items()
        }


def test_refreshing_sets_the_access_cookie_alone(clinic):
    caller = clinic.hire("staff")

    answer = caller.post("/api/auth/refresh")

    assert [line.partition("=")[0] for line in answer.set_cookies] == ["access_token"]
    assert caller.get("/api/users/me").status == 200


def test_head_is_get_without_a_body(clinic, subtests):
    for path in READ:
        with subtests.test(path=path):
            got, answer = clinic.staff.request("GET", path), clinic.staff.request("HEAD", path)

            assert (answer.status, answer.body) == (got.status, b"")
            assert answer.headers["Content-Length"] == str(len(got.body))
            assert answer.headers["Content-Type"] == got.headers["Content-Type"]
    assert "no-body response" not in clinic.transport.server.log.read_text()


def test_body_other_than_a_json_object_is_refused(clinic, subtests):
    for body in BROKEN:
        with subtests.test(body=body):
            answer = clinic.staff.request("POST", "/api/patients", content=BROKEN[body], headers=JSON)

            assert answer.status == 400


def test_chunked_body_is_refused_and_the_connection_lives(clinic):
    head = "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunks = f"{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"

    answers = raw(clinic, (chunks + f"{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}").encode())

    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"411", b"400"]


def test_body_over_a_megabyte_is_too_large_and_one_of_a_megabyte_is_read(clinic, subtests):
    for path in ("/api/patients", "/api/auth/login", "/api/nothing"):
        with subtests.test(path=path):
            body = b'{"name": "' + b"x" * 1_000_000 + b'"}'
            assert_refused(clinic.staff.request("POST", path, content=body, headers=JSON), 413)
    whole = b'{"name": "' + b"x" * 999_988 + b'"}'
    answer = clinic.staff.request("POST", "/api/patients", content=whole, headers=JSON)
    assert (answer.status, "name" in answer.json["errors"]) == (400, True)


def test_request_line_up_to_8_kb_is_answered_by_the_api(clinic, subtests):
    """Kind 12 of issue 11: a line over 4 KB used to get the server's own HTML."""
    for length in (4094, 4095, 5000, 8190 - len("GET  HTTP/1.1")):
        with subtests.test(length=length):
            path = f"/api/sessions/{NOBODY}/versions/"
            assert_refused(clinic.staff.get(path + "1" * (length - len(path))), 404)
            assert "search" in clinic.staff.get("/api/patients?search=".ljust(length, "x")).json["errors"]


def test_what_is_no_request_or_too_long_a_one_is_refused_in_json(clinic, subtests):
    head, host = b"GET /api/health HTTP/1.1\r\n", b"Host: localhost\r\n"
    for message, status in (
        (b"GET /api/patients?search=" + b"x" * 8200 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
        (b"GET /" + b"x" * 60_000 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
        (head + host + b"Cookie: x=" + b"y" * 9000 + b"\r\n\r\n", 431),
        (head + host + b"X-Header: y\r\n" * 200 + b"\r\n", 431),
        (b"GET <script>\r\n\r\n", 400),
        (head + host + b"Transfer-Encoding: magic\r\n\r\n", 501),
    ):
        with subtests.test(message=message[:40]):
            answer, _, body = raw(clinic, message).partition(b"\r\n\r\n")

            assert answer.startswith(b"HTTP/1.1 %d " % status), answer
            assert b"Content-Type: application/json" in answer
            assert json.loads(body).keys() == {"detail"}
            assert b"script" not in body


def test_body_of_another_type_is_refused(clinic, subtests):
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/xml", "json", ""):
        with subtests.test(kind=kind):
            headers = {"Content-Type": kind} if kind else {}
            assert_refused(clinic.staff.request("POST", "/api/patients", content=b"{}", headers=headers), 415)


@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data; boundary*=nope''%ff", "application/json; charset*=nope''utf-8", "text/plain; x*=bogus''y"],
)
class TestATypeThatNobodyCanRead:
    """Here alone: Django's test client makes a request of its own, past config/wsgi.py."""

    def test_empty_body_counts_as_no_body(self, clinic, kind, subtests):
        for path in ("/api/patients", "/api/attachments", "/api/auth/login"):
            with subtests.test(path=path):
                assert_refused(clinic.staff.request("POST", path, content=b"{}", headers={"Content-Type": kind}), 415)

    def test_views_without_a_body_ignore_it(self, clinic, kind, subtests):
        for path, status in (("/api/users/me", 200), ("/api/nothing", 404), ("/", 200)):
            with subtests.test(path=path):
                answer = clinic.staff.request("GET", path, headers={"Content-Type": kind})

                assert answer.status == status
                assert answer.headers["X-Request-ID"]


def test_unknown_http_method_is_refused(clinic):
    assert clinic.staff.request("FROB", "/api/patients").status == 405


def test_foreign_host_is_refused(clinic):
    assert_refused(clinic.staff.request("GET", "/api/users/me", headers={"Host": "evil.example"}), 400)


def test_unknown_path_is_404(clinic, subtests):
    for path in ("/api", "/api/", "/api/patients/", "/api//patients", "/api/%00", "/api/%ff%fe", "/api/" + "x" * 3000):
        for method in ("GET", "POST", "OPTIONS"):
            with subtests.test(path=path[:20], method=method):
                answer = clinic.staff.request(method, path)

                assert_refused(answer, 404)
                assert "Allow" not in answer.headers


def test_every_answer_has_a_request_id_of_its_own(clinic):
    own = {"X-Request-ID": "0af7651916cd43dd-8448eb211c80319c"}
    ids = [clinic.staff.request("GET", path, headers=own).headers["X-Request-ID"] for path in READ]

    assert len(set(ids)) == len(READ)
    assert all(re.fullmatch(r"[0-9a-f]{32}", found) for found in ids)


def test_own_origin_changes_things_and_a_foreign_one_does_not(clinic, subtests):
    host = clinic.transport.server.url.removeprefix("http://")
    for origin, status in (
        (f"http://{host}", 201),
        (f"https://{host}", 201),
        ("http://localhost:5173", 201),
        (f"http://{host}.evil", 403),
        ("null", 403),
    ):
        with subtests.test(origin=origin):
            answer = clinic.staff.request("POST", "/api/patients", json=CHART, headers={"Origin": origin})
            assert answer.status == status


def test_preflight_is_answered_to_the_spa(clinic):
    asked = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "PATCH"}

    answer = clinic.anonymous.request("OPTIONS", "/api/users/me", headers=asked)

    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, asked["Origin"])
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


def test_file_of_ten_megabytes_is_taken_whole_and_one_byte_more_is_not(clinic):
    chart, content = clinic.chart()["id"], b"Bone density: normal.\n" * (10 * MEGABYTE // 22)

    answer = upload(clinic.doctor, chart, content.ljust(10 * MEGABYTE))

    assert (answer.status, answer.json["size"]) == (201, 10 * MEGABYTE)
    assert clinic.doctor.get(f"/api/attachments/{answer.json['id']}/content").body == content.ljust(10 * MEGABYTE)
    assert upload(clinic.doctor, chart, content.ljust(10 * MEGABYTE + 1)).status == 413


def test_refused_caller_is_answered_whatever_they_send(clinic, subtests):
    """Nothing of it was read when the answer goes out."""
    large = form(NOBODY, b"Normal. " * MEGABYTE)
    for who, status, kind in (
        (clinic.anonymous, 401, FORM),
        (clinic.billing, 403, FORM),
        (clinic.doctor, 404, FORM),
        (clinic.doctor, 415, {"Content-Type": "text/plain"}),
    ):
        with subtests.test(status=status):
            assert who.request("POST", "/api/attachments", content=large, headers=kind).status == status


def test_upload_that_breaks_off_is_no_error_of_the_server(clinic):
    chart = clinic.chart()["id"]
    body = form(chart, b"x" * MEGABYTE)
    head = (
        f"POST /api/attachments HTTP/1.1\r\nHost: localhost\r\nCookie: access_token={clinic.doctor.access}\r\n"
        f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    answer = raw(clinic, head.encode() + body[:-500])

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert clinic.doctor.get("/api/attachments", patientId=chart).json["total"] == 0
    assert '"level":"error"' not in clinic.transport.server.log.read_text()


def test_email_entered_at_sign_in_is_stored_nowhere(clinic):
    statuses = [clinic.anonymous.sign_in("hunter2 my password", "not the password").status for _ in range(6)]

    assert statuses == [401] * 5 + [429]
    assert "hunter2" not in clinic.transport.server.log.read_text()


@pytest.mark.redis
def test_failed_sign_ins_are_counted_under_the_contracts_key(clinic, server):
    email = fresh_email()
    Caller(clinic.transport).sign_in(email, "wrong")

    assert urlsplit(server.redis_url).path
    with redis.Redis.from_url(server.redis_url) as client:
        assert client.hget(f"login:attempts:{email}", "count") == b"1"
