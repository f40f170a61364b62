"""The outermost layer."""

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from core.middleware import RequestLog


@pytest.mark.parametrize("path", ["/api/users/me", "/api/nope", "/api/health/live"])
def test_no_answer_of_the_api_stays_in_a_cache(anonymous, db, path):
    assert anonymous.get(path)["Cache-Control"] == "no-store"


def test_every_answer_has_a_request_id_and_a_callers_own_is_not_taken(anonymous, db):
    assert len(anonymous.get("/")["X-Request-ID"]) == 32
    assert anonymous.get("/", headers={"X-Request-ID": "abc-12345"})["X-Request-ID"] != "abc-12345"


def test_an_answer_to_head_keeps_its_length_and_loses_its_body(rf):
    answer = RequestLog(lambda request: HttpResponse("four"))(rf.head("/"))
    assert (answer.content, answer["Content-Length"]) == (b"", "4")
    streamed = RequestLog(lambda request: StreamingHttpResponse([b"four"], headers={"Content-Length": "4"}))(
        rf.head("/")
    )
    assert (streamed.getvalue(), streamed["Content-Length"]) == (b"", "4")


def test_a_body_of_unsaid_length_is_refused_in_a_sentence(anonymous, db):
    answer = anonymous.post("/api/auth/login", headers={"Transfer-Encoding": "chunked"})
    assert (answer.status_code, set(answer.json())) == (411, {"detail"})


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("path", ["/api", "/api/health", "/api/nope"])
def test_a_foreign_host_learns_nothing_of_the_settings(anonymous, db, settings, debug, path):
    settings.DEBUG = debug
    answer = anonymous.get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()) == (400, {"detail": "The request is malformed."})
