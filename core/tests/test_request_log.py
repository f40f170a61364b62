"""The outermost layer."""

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from core.middleware.request_log import RequestLog


@pytest.mark.parametrize("path", ["/api/users/me", "/api/nope", "/api/health/live"])
def test_api_responses_are_not_cached(anonymous, db, path):
    assert anonymous.get(path)["Cache-Control"] == "no-store"


def test_every_response_has_a_request_id_and_a_clients_own_is_ignored(anonymous, db):
    assert len(anonymous.get("/")["X-Request-ID"]) == 32
    assert anonymous.get("/", headers={"X-Request-ID": "abc-12345"})["X-Request-ID"] != "abc-12345"


def test_head_response_keeps_its_length_and_has_no_body(rf):
    answer = RequestLog(lambda request: HttpResponse("four"))(rf.head("/"))
    assert (answer.content, answer["Content-Length"]) == (b"", "4")
    streamed = RequestLog(lambda request: StreamingHttpResponse([b"four"], headers={"Content-Length": "4"}))(
        rf.head("/")
    )
    assert (streamed.getvalue(), streamed["Content-Length"]) == (b"", "4")


def test_body_without_content_length_is_refused(anonymous, db):
    answer = anonymous.post("/api/auth/login", headers={"Transfer-Encoding": "chunked"})
    assert (answer.status_code, set(answer.json())) == (411, {"detail"})


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("path", ["/api", "/api/health", "/api/nope"])
def test_wrong_host_header_gets_no_debug_page(anonymous, db, settings, debug, path):
    settings.DEBUG = debug
    answer = anonymous.get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()) == (400, {"detail": "The request is malformed."})
