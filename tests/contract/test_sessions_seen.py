"""GET and DELETE /api/users/me/sessions: listing and ending one's active sessions."""

import re
from uuid import UUID

import pytest

from tests.contract.clients import Caller
from tests.contract.clinic import NOBODY, PASSWORD

MINE = "/api/users/me/sessions"
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Mobile/15E148 Safari/604.1"
)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NAMES = ["id", "device", "address", "lastSeen", "created_at", "kind", "current"]


def another(clinic, person, agent="", **headers):
    """One more browser of somebody who is signed in already."""
    caller = Caller(clinic.transport)
    body = {"email": person.user["email"], "password": PASSWORD}
    answer = caller.post("/api/auth/login", body, headers={"User-Agent": agent, **headers})
    assert answer.status == 200, answer
    caller.user = answer.json["user"]
    return caller


def list_sessions(caller):
    answer = caller.get(MINE)
    assert answer.status == 200, answer
    assert set(answer.json) == {"sessions"}
    return answer.json["sessions"]


@pytest.fixture
def person(clinic):
    return clinic.hire("staff")


def test_each_session_says_on_which_device_from_where_and_whether_it_is_this_one(clinic, person):
    phone, desk = another(clinic, person, IPHONE), another(clinic, person, WINDOWS)

    shown = list_sessions(desk)

    assert [list(session) for session in shown] == [NAMES] * 3
    assert [session["device"] for session in shown if session["current"]] == ["Chrome on Windows"]
    assert {session["device"] for session in shown} >= {"Chrome on Windows", "Safari on iPhone"}
    assert {session["address"] for session in shown} == {"127.0.0.1"}
    assert {session["kind"] for session in shown} == {"api"}
    for session in shown:
        assert UUID(session["id"])
        assert MOMENT.fullmatch(session["lastSeen"]) and MOMENT.fullmatch(session["created_at"])
    assert [session["lastSeen"] for session in shown] == sorted((s["lastSeen"] for s in shown), reverse=True)
    assert [session["device"] for session in list_sessions(phone) if session["current"]] == ["Safari on iPhone"]


def test_device_that_says_nonsense_is_an_unknown_one(clinic, person, subtests):
    for agent in ["", "x" * 4000, "<script>alert(1)</script>", "Mozilla/5.0 (((((", "ünïcödé"]:
        with subtests.test(agent=agent):
            odd = another(clinic, person, agent)

            assert [session["device"] for session in list_sessions(odd) if session["current"]] == ["Unknown device"]


def test_mobile_apps_session_is_one_of_them(clinic, person):
    token = Caller(clinic.transport).post("/auth/login", {"email": person.user["email"], "password": PASSWORD})
    bearer = {"Authorization": f"Bearer {token.json['access_token']}"}

    shown = Caller(clinic.transport).request("GET", MINE, headers=bearer).json["sessions"]

    assert [session["kind"] for session in shown if session["current"]] == ["bearer"]
    assert {session["kind"] for session in list_sessions(person)} == {"api", "bearer"}


def test_one_session_ends_and_its_tokens_are_refused_from_the_next_request(clinic, person):
    other = another(clinic, person)
    assert other.get("/api/users/me").status == 200  # the cache knows it now
    (ended,) = [session["id"] for session in list_sessions(other) if session["current"]]

    answer = person.request("DELETE", f"{MINE}/{ended}")

    assert (answer.status, answer.body, answer.set_cookies) == (204, b"", [])
    assert other.get("/api/users/me").status == 401
    assert other.post("/api/auth/refresh").status == 401
    assert ended not in {session["id"] for session in list_sessions(person)}
    assert person.request("DELETE", f"{MINE}/{ended}").status == 404


def test_mobile_apps_session_ends_too(clinic, person):
    answer = Caller(clinic.transport).post("/auth/login", {"email": person.user["email"], "password": PASSWORD}).json
    (ended,) = [session["id"] for session in list_sessions(person) if session["kind"] == "bearer"]

    assert person.request("DELETE", f"{MINE}/{ended}").status == 204

    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    assert Caller(clinic.transport).request("GET", "/api/users/me", headers=bearer).status == 401
    refresh = {"refresh_token": answer["refresh_token"]}
    assert Caller(clinic.transport).post("/auth/refresh", refresh).status == 401


def test_ending_the_session_one_is_in_signs_out(clinic, person):
    (here,) = [session["id"] for session in list_sessions(person) if session["current"]]
    tokens = person.with_cookies(access_token=person.access, refresh_token=person.refresh)

    answer = person.request("DELETE", f"{MINE}/{here}")

    assert answer.status == 204
    assert len(answer.set_cookies) == 2 and all("Max-Age=0" in line for line in answer.set_cookies)
    assert person.cookies == {}
    assert tokens.get("/api/users/me").status == 401
    assert tokens.post("/api/auth/refresh").status == 401


def test_all_others_end_and_this_one_goes_on(clinic, person):
    others = [another(clinic, person) for _ in range(2)]

    answer = person.request("DELETE", MINE)

    assert (answer.status, answer.json) == (200, {"ended": 2})
    assert [other.get("/api/users/me").status for other in others] == [401, 401]
    assert [session["current"] for session in list_sessions(person)] == [True]
    assert person.request("DELETE", MINE).json == {"ended": 0}


def test_sessions_of_others_cannot_be_seen_or_ended(clinic, person):
    colleague = clinic.hire("doctor")
    (theirs,) = [session["id"] for session in list_sessions(colleague)]
    foreign = list_sessions(clinic.elsewhere.admin)[0]["id"]

    assert theirs not in {session["id"] for session in list_sessions(person)}
    for session_id in (theirs, foreign, NOBODY):
        answer = person.request("DELETE", f"{MINE}/{session_id}")
        assert (answer.status, set(answer.json)) == (404, {"detail"})
    person.request("DELETE", MINE)
    assert colleague.get("/api/users/me").status == 200
    assert clinic.elsewhere.admin.get("/api/users/me").status == 200


def test_signed_out_caller_cannot_list_or_end_sessions(clinic, anonymous):
    for method, path in (("GET", MINE), ("DELETE", MINE), ("DELETE", f"{MINE}/{NOBODY}")):
        assert anonymous.request(method, path).status == 401


def test_sessions_allow_no_other_method(clinic):
    for method, path, allowed in (("POST", MINE, "DELETE, GET"), ("GET", f"{MINE}/{NOBODY}", "DELETE")):
        answer = clinic.staff.request(method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, allowed)
