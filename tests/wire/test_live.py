"""`/ws/events`: who hears what, until when, and what a client that comes back is told."""

import json
import time
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

SOON = 60  # seconds that a loaded machine may take
SIGNED_OUT = 4401
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "a" * 24,
}


@pytest.fixture
def address(server):
    return server.url.replace("http", "ws") + "/ws/events"


@pytest.fixture
def listening(address):
    """`with listening(caller) as hear`: `hear()` is the next message to who opened a connection with a ticket."""

    @contextmanager
    def listen(caller, query="", **more):
        ticket = caller.post("/api/ws-ticket", **more).json["ticket"]
        with connect(f"{address}?ticket={ticket}{query}") as socket:

            def hear(timeout=SOON):
                return json.loads(socket.recv(timeout=timeout))

            hear.socket, hear.ready = socket, hear()
            assert hear.ready.keys() == {"type", "cursor"} and hear.ready["type"] == "ready"
            yield hear

    return listen


def closing_code(hear):
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            hear.socket.recv(timeout=SOON)
    return closed.value.rcvd.code


def test_changes_are_told_by_ids_to_who_may_see_them_and_to_nobody_else(clinic, listening):
    mine, others = clinic.hire("patient"), clinic.hire("patient")
    chart = clinic.chart_of(mine)
    with listening(clinic.staff) as desk, listening(mine) as own, listening(others) as other:
        visit = clinic.booking(chart=chart)
        told = desk()
        assert told.keys() == {"type", "id", "version", "cursor"}
        assert (told["type"], told["id"], told["version"]) == ("appointment.changed", visit["id"], visit["version"])
        assert own()["id"] == visit["id"]
        clinic.staff.patch(f"/api/appointments/{visit['id']}", {"notes": "Brings X-rays"})
        changed = desk()
        assert (changed["id"], changed["version"]) == (visit["id"], visit["version"] + 1)
        clinic.staff.request("DELETE", f"/api/appointments/{visit['id']}", json={"reason": "By mistake"})
        assert desk()["type"] == "appointment.deleted"
        assert clinic.elsewhere.booking(chart=clinic.elsewhere.foreign_chart["id"])
        with pytest.raises(TimeoutError):
            other(timeout=1.5)
        with pytest.raises(TimeoutError):
            desk(timeout=0)


def test_who_comes_back_with_a_cursor_hears_what_was_missed_in_its_order(clinic, listening):
    chart = clinic.chart()["id"]
    with listening(clinic.staff) as hear:
        first = clinic.booking(chart=chart)
        cursor = hear()["cursor"]
    missed = [clinic.booking(chart=chart)["id"] for _ in range(3)]
    clinic.staff.patch(f"/api/appointments/{first['id']}", {"notes": "Later"})
    with listening(clinic.staff, f"&cursor={cursor}") as hear:
        assert [hear()["id"] for _ in range(4)] == [*missed, first["id"]]
        new = clinic.booking(chart=chart)["id"]
        assert hear()["id"] == new


def test_a_connection_ends_with_the_session_the_account_or_the_key_behind_it(clinic, listening, subtests):
    leaving, gone = clinic.hire("staff"), clinic.hire("staff")
    made = clinic.admin.post("/api/api-keys", {"name": "Wall display", "permissions": ["read_appointments"]}).json
    program = clinic.anonymous.with_cookies()
    bearer = {"headers": {"Authorization": f"Bearer {made['key']}"}}
    with listening(leaving) as one, listening(gone) as two, listening(program, **bearer) as three:
        assert [one.socket.ping().wait(SOON) for one in (one, two, three)] == [True, True, True]
        for hear, method, path, body in (
            (one, "POST", "/api/auth/logout", None),
            (two, "PATCH", f"/api/users/{gone.id}", {"isActive": False}),
            (three, "DELETE", f"/api/api-keys/{made['id']}", None),
        ):
            with subtests.test(path=path):
                caller = leaving if hear is one else clinic.admin
                assert caller.request(method, path, **({"json": body} if body else {})).status in (200, 204)
                begun = time.monotonic()
                assert closing_code(hear) == SIGNED_OUT
                assert time.monotonic() - begun < SOON


def test_a_client_that_talks_is_closed(clinic, listening):
    for said, code in (("hello", 1008), ("x" * 5000, 1009)):
        with listening(clinic.staff) as hear:
            hear.socket.send(said)
            assert closing_code(hear) == code


def test_what_is_no_handshake_of_somebody_who_may_listen_is_refused(clinic, server, address, subtests):
    cookies = "; ".join(f"{name}={value}" for name, (value, path) in clinic.staff.cookies.items() if path == "/")
    own = {**UPGRADE, "Origin": server.url}
    used = clinic.staff.post("/api/ws-ticket").json["ticket"]
    with connect(f"{address}?ticket={used}"):
        pass
    table = [
        (426, {"Cookie": cookies, "Origin": server.url}, ""),
        (426, {**own, "Cookie": cookies, "Sec-WebSocket-Version": "8"}, ""),
        (401, own, ""),
        (401, {**own, "Cookie": "access_token=made-up"}, ""),
        (401, {**own, "Cookie": "praxis_admin=made-up"}, ""),
        (401, own, "?ticket=made-up"),
        (401, own, f"?ticket={used}"),
        (403, {**UPGRADE, "Cookie": cookies}, ""),
        (403, {**UPGRADE, "Cookie": cookies, "Origin": "https://evil.example"}, ""),
        (400, {**own, "Cookie": cookies}, "?cursor=made-up"),
        (400, {**own, "Cookie": cookies}, "?since=2030"),
        (400, {**own, "Cookie": cookies, "Host": "evil.example"}, ""),
        (405, None, ""),
    ]
    for status, headers, query in table:
        with subtests.test(status=status, query=query):
            url = f"{server.url}/ws/events{query}"
            answer = httpx.post(url) if headers is None else httpx.get(url, headers=headers)
            assert answer.status_code == status, answer.text
            assert status == 405 or answer.json()["detail"]
    with connect(address, additional_headers={"Cookie": cookies}, origin=server.url) as socket:
        assert json.loads(socket.recv(timeout=SOON))["type"] == "ready"
    with pytest.raises(InvalidStatus):
        connect(address, additional_headers={"Cookie": cookies}, origin="http://localhost:1").__enter__()


def test_a_program_without_the_permission_gets_no_ticket(clinic):
    made = clinic.admin.post("/api/api-keys", {"name": "Laboratory", "permissions": ["read_records"]}).json
    program = clinic.anonymous.with_cookies()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert program.post("/api/ws-ticket", headers=headers).status == 403
    assert program.post("/api/ws-ticket").status == 401


def test_nobody_takes_all_connections(clinic, listening, address):
    """One account, such as a patient's, may open so many and no more; others are not kept out by that."""
    many, most = clinic.hire("patient"), 50
    with ExitStack() as stack:
        first = stack.enter_context(listening(many))
        for _ in range(most - 1):
            stack.enter_context(listening(many))
        with pytest.raises(InvalidStatus) as refused, listening(many):
            pass
        assert refused.value.response.status_code == 429
        with listening(clinic.staff):
            first.socket.close()
        deadline = time.monotonic() + SOON
        while True:
            try:
                stack.enter_context(listening(many))
                break
            except InvalidStatus:
                assert time.monotonic() < deadline
