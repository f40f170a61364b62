"""Live updates where no started server is needed: who is idle, who reads too slowly, what a hint does."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from websockets.frames import Opcode

from accounts.models import LoginSession
from accounts.sessions import services as sessions
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from notifications import events
from notifications.live import hints, hub, tickets
from notifications.live.connection import MOST_UNREAD, SIGNED_OUT, Connection
from notifications.live.listeners import Listener, find_ended, listener_of


@pytest.fixture
def listen(make_user):
    """`listen("staff", seen=20)`: who listens with a session that was last used so many minutes ago."""

    def listen(role, *, seen=0, **fields):
        user, now = make_user(role), timezone.now()
        session = LoginSession.objects.create(
            user=user, expires_at=now + timedelta(days=1), last_seen_at=now - timedelta(minutes=seen), **fields
        )
        return listener_of(user, session.pk)

    return listen


def test_who_has_been_idle_for_too_long_is_gone_and_an_open_connection_is_no_activity(listen, settings):
    settings.IDLE_LOGOFF_MINUTES = 15
    fresh, idle, patient = listen("staff", seen=5), listen("staff", seen=16), listen("patient", seen=600)
    before = LoginSession.objects.get(pk=fresh.session_id).last_seen_at
    assert find_ended([fresh, idle, patient]) == {idle}
    assert LoginSession.objects.get(pk=fresh.session_id).last_seen_at == before
    assert LoginSession.objects.get(pk=idle.session_id).revoked_at is not None
    assert [event.kind for event in whole_trail()][-1] == "session.timed_out"
    sessions.end(session_id=fresh.session_id)
    assert find_ended([fresh, patient]) == {fresh}


def test_whether_many_still_may_listen_is_one_query(listen, django_assert_num_queries):
    few = [listen("staff")]
    many = [*few, *(listen("staff") for _ in range(3))]
    for listeners in (few, many):
        with django_assert_num_queries(1):
            assert find_ended(listeners) == set()


def test_a_ticket_is_good_once_and_for_its_time(make_user, monkeypatch):
    user = make_user("staff")
    user.session_id = uuid4()
    ticket = tickets.issue(user)
    assert tickets.redeem(ticket) == (user.pk, user.session_id, None)
    old = tickets.issue(user)
    monkeypatch.setattr(tickets, "LIFE", -1)
    for not_good in (ticket, old, ticket[:-1]):
        with pytest.raises(tickets.NotSignedIn):
            tickets.redeem(not_good)


class Wire(asyncio.Transport):
    """What a connection writes to: what was written, and how much of it nobody has read."""

    def __init__(self):
        super().__init__()
        self.written, self.unread, self.is_aborted, self.is_closed = b"", 0, False, False

    def write(self, data):
        self.written += data

    def get_write_buffer_size(self):
        return self.unread

    def abort(self):
        self.is_aborted = True

    def close(self):
        self.is_closed = True


@pytest.fixture
def open_connection():
    one = Connection(Listener(uuid4(), uuid4(), hears_all=True), after=0, on_end=lambda _one: None)
    one.connection_made(Wire())
    return one


def test_a_slow_reader_is_closed_before_it_fills_our_memory(open_connection):
    wire = open_connection.transport
    open_connection.send(b"{}")
    assert wire.written == b"\x81\x02{}"  # a whole text frame
    wire.unread = MOST_UNREAD
    open_connection.send(b"{}")
    assert wire.is_aborted and wire.written == b"\x81\x02{}"


def test_who_pings_and_does_not_read_the_answers_is_closed_before_they_fill_our_memory(open_connection):
    wire, ping = open_connection.transport, b"\x89\x84abcd" + b"\0" * 4
    open_connection.data_received(ping)
    assert wire.written == b"\x8a\x04abcd"  # a pong
    wire.unread = MOST_UNREAD
    open_connection.data_received(ping)
    assert wire.is_aborted and wire.written == b"\x8a\x04abcd"


def test_who_does_not_answer_a_ping_is_closed_by_the_next(open_connection):
    wire = open_connection.transport
    open_connection.ping()
    assert wire.written[0] & 0xF == Opcode.PING
    open_connection.data_received(b"\x8a\x80abcd")  # a pong, masked as a client's frames are
    open_connection.ping()
    assert not wire.is_aborted
    open_connection.ping()
    assert wire.is_aborted


def test_a_close_is_said_and_sent_out(open_connection):
    open_connection.close(SIGNED_OUT)
    open_connection.send(b"{}")
    assert open_connection.transport.written == b"\x88\x02" + SIGNED_OUT.to_bytes(2, "big")
    assert open_connection.transport.is_closed


@pytest.fixture
def hinted(monkeypatch):
    found = []
    monkeypatch.setattr(hints, "_here", [found.append])
    return found


def test_an_event_is_a_hint_once_it_is_committed(hinted, practice, django_capture_on_commit_callbacks):
    with practice_scope(practice.pk), django_capture_on_commit_callbacks(execute=True):
        events.publish(practice=practice.pk, type=events.EventType.APPOINTMENT_CHANGED, id=uuid4())
        assert hinted == []
    assert hinted == [practice.pk]


def test_no_hub_runs_where_nobody_listens():
    assert hub._hub == []
