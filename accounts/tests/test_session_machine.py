"""Whatever people, thieves and office managers do to an account in whatever order: a token that was revoked is never
accepted, and one that was not always is. Only through HTTP, in both channels."""

from base64 import b32decode
from dataclasses import dataclass, field
from itertools import count

import orjson
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.tests.factories import UserFactory
from core.tenancy.scope import practice_scope
from tests.sampling import examples

MAX_MISSES = 3  # below the lockout, which tests/contract/test_lockout.py is about
PASSWORDS = ("Passw0rd!", "An0ther-one")
_numbers = count(1)


@dataclass
class Session:
    """What the model knows of one sign-in. `refresh`: the token that works now; `stale`: those that worked once."""

    channel: str
    access: list[str]
    refresh: str
    live: bool = True
    stale: list[str] = field(default_factory=list)


@dataclass
class HalfDone:
    """A right password that waits for its second factor."""

    channel: str
    token: str
    good: bool = True


class Account(RuleBasedStateMachine):
    def __init__(self, practice, clock, committing, make_client):
        super().__init__()
        self.practice, self.clock, self.committing, self.make_client = practice, clock, committing, make_client
        self.sessions: list[Session] = []
        self.half_done: list[HalfDone] = []
        self.password, self.secret, self.active = PASSWORDS[0], "", True
        self.misses = self.misses_inside = self.wrong_codes = 0  # of whoever signs in, and of who is signed in

    # --- What the world sends

    def send(self, method, path, body=None, *, bearer="", cookies=()):
        client = Client(headers={"Authorization": f"Bearer {bearer}"} if bearer else {})
        for name, value in cookies:
            client.cookies[name] = value
        with self.committing(execute=True):
            return client.generic(method, path, orjson.dumps(body or {}), content_type="application/json")

    def as_session(self, session, method, path, body=None):
        """Both channels accept an access token in either form; each session uses its own."""
        token = session.access[-1]
        if session.channel == "bearer":
            return self.send(method, path, body, bearer=token)
        return self.send(method, path, body, cookies=[("access_token", token)])

    def begun(self, channel, answer):
        if channel == "bearer":
            pair = answer.json()
            self.sessions.append(Session(channel, [pair["access_token"]], pair["refresh_token"]))
        else:
            jar = answer.cookies
            self.sessions.append(Session(channel, [jar["access_token"].value], jar["refresh_token"].value))

    def code(self):
        """The next code that the app shows."""
        self.clock.move(seconds=30)
        generator = TOTP(b32decode(self.secret), 6, SHA1(), 30)
        return generator.generate(int(timezone.now().timestamp())).decode()

    def end_all_but(self, kept):
        for session in self.sessions:
            session.live = session.live and session is kept
        for half in self.half_done:
            half.good = False

    def live(self):
        return [session for session in self.sessions if session.live]

    def one_of_two(self, data):
        """A session beside which another one lives, so that what should end has something to end."""
        session = data.draw(st.sampled_from(self.live()))
        if len(self.live()) == 1:
            self.sign_in(channel=data.draw(st.sampled_from(["api", "bearer"])), right=True)
            if self.secret:
                self.give_the_second_factor_of(self.half_done[-1], right=True)
        return session

    # --- Beginning

    @initialize(with_app=st.booleans())
    def an_account_with_a_session_in_each_channel(self, with_app):
        self.email = f"machine{next(_numbers)}@example.com"
        with practice_scope(self.practice.pk):
            self.user = UserFactory(role="patient", email=self.email, password=self.password)
            self.manager = UserFactory(role="admin", email=f"manager.{self.email}")
        self.manager_client = self.make_client(self.manager)
        self.sign_in(channel="api", right=True)
        self.sign_in(channel="bearer", right=True)
        if with_app:
            self.set_up_an_authenticator_app(self.sessions[0])
            self.sign_in(channel="bearer", right=True)

    @rule(channel=st.sampled_from(["api", "bearer"]), right=st.booleans())
    def sign_in(self, channel, right):
        if not (right and self.active) and self.misses == MAX_MISSES:
            return
        address = "/auth/login" if channel == "bearer" else "/api/auth/login"
        answer = self.send("POST", address, {"email": self.email, "password": self.password if right else "guess"})
        if not (right and self.active):
            self.misses += 1
            assert answer.status_code == 401, answer.content
            assert "access_token" not in answer.cookies
        else:
            assert answer.status_code == 200, answer.content
            self.misses = 0
            if self.secret:
                assert set(answer.json()) == {"mfa_required", "methods", "mfa_token"} and not answer.cookies
                self.half_done.append(HalfDone(channel, answer.json()["mfa_token"]))
            else:
                self.begun(channel, answer)

    @precondition(lambda self: self.secret or self.half_done)
    @rule(data=st.data(), right=st.booleans())
    def give_the_second_factor(self, data, right):
        if not self.half_done:
            self.sign_in(channel=data.draw(st.sampled_from(["api", "bearer"])), right=True)
        if not self.half_done or (not right and self.wrong_codes == MAX_MISSES):
            return  # the account is not active, or almost locked
        self.give_the_second_factor_of(data.draw(st.sampled_from(self.half_done)), right)

    def give_the_second_factor_of(self, half, right):
        self.half_done.remove(half)
        code = self.code() if right and self.secret else "000000"
        address = "/auth/mfa" if half.channel == "bearer" else "/api/auth/mfa"
        answer = self.send("POST", address, {"mfa_token": half.token, "method": "totp", "code": code})
        if half.good and right and self.secret and self.active:
            assert answer.status_code == 200, answer.content
            self.wrong_codes = 0
            self.begun(half.channel, answer)
        else:
            self.wrong_codes += half.good
            assert answer.status_code == 401, answer.content
            assert not answer.cookies

    @precondition(lambda self: self.half_done)
    @rule(data=st.data())
    def a_half_done_sign_in_opens_nothing(self, data):
        half = data.draw(st.sampled_from(self.half_done))
        assert self.send("GET", "/api/users/me", bearer=half.token).status_code == 401
        assert self.send("POST", "/auth/refresh", {"refresh_token": half.token}).status_code == 401

    # --- Going on

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def refresh(self, data):
        self.refreshed(data.draw(st.sampled_from(self.sessions)))

    def refreshed(self, session):
        if session.channel == "api":
            answer = self.send("POST", "/api/auth/refresh", cookies=[("refresh_token", session.refresh)])
        else:
            answer = self.send("POST", "/auth/refresh", {"refresh_token": session.refresh})
        if not session.live:
            assert answer.status_code == 401 and not answer.cookies
            return
        assert answer.status_code == 200, answer.content
        if session.channel == "api":
            session.access.append(answer.cookies["access_token"].value)
            return
        session.stale.append(session.refresh)
        session.access.append(answer.json()["access_token"])
        session.refresh = answer.json()["refresh_token"]

    def of_a_bearer(self, data):
        """A session with an old refresh token."""
        session = data.draw(st.sampled_from([session for session in self.live() if session.channel == "bearer"]))
        if not session.stale:
            self.refreshed(session)
        return session

    @precondition(lambda self: any(session.channel == "bearer" for session in self.live()))
    @rule(data=st.data())
    def lose_the_answer_and_ask_again(self, data):
        session = self.of_a_bearer(data)
        self.refreshed(session)
        again = self.send("POST", "/auth/refresh", {"refresh_token": session.stale[-1]})
        assert again.status_code == 200, again.content
        assert (again.json()["access_token"], again.json()["refresh_token"]) == (session.access[-1], session.refresh)

    @precondition(lambda self: any(session.channel == "bearer" for session in self.live()))
    @rule(data=st.data())
    def reuse_an_old_refresh_token(self, data):
        session = self.of_a_bearer(data)
        self.clock.move(seconds=11)
        token = data.draw(st.sampled_from(session.stale))
        assert self.send("POST", "/auth/refresh", {"refresh_token": token}).status_code == 401
        session.live = False

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def a_refresh_token_of_the_other_channel_is_rejected(self, data):
        session = data.draw(st.sampled_from(self.sessions))
        if session.channel == "api":
            assert self.send("POST", "/auth/refresh", {"refresh_token": session.refresh}).status_code == 401
        else:
            cookies = [("refresh_token", session.refresh)]
            assert self.send("POST", "/api/auth/refresh", cookies=cookies).status_code == 401

    # --- What ends trust

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def sign_out(self, data):
        session = data.draw(st.sampled_from(self.sessions))
        address = "/auth/logout" if session.channel == "bearer" else "/api/auth/logout"
        assert self.as_session(session, "POST", address).status_code == 200
        session.live = False

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def sign_out_everywhere_else(self, data):
        session = self.one_of_two(data)
        assert self.as_session(session, "DELETE", "/api/users/me/sessions").status_code == 200
        for other in self.sessions:
            other.live = other is session

    @precondition(lambda self: self.live())
    @rule(data=st.data(), right=st.sampled_from([True, True, False]))
    def change_the_password(self, data, right):
        if not right and self.misses_inside == MAX_MISSES:
            return
        session, new = self.one_of_two(data), next(one for one in PASSWORDS if one != self.password)
        body = {"current": self.password if right else "guess", "new": new}
        answer = self.as_session(session, "POST", "/api/users/me/password", body)
        if not right:
            self.misses_inside += 1
            assert answer.status_code == 400, answer.content
            return
        assert answer.status_code == 200, answer.content
        self.password, self.misses_inside = new, 0
        self.end_all_but(session)

    @rule(deactivate=st.booleans())
    def the_manager_steps_in(self, deactivate):
        """By ending their sessions, or by deactivating and, the next time, reactivating the account."""
        if deactivate or not self.active:
            self.active = not self.active
            answer = self.patch_user({"isActive": self.active})
            assert answer.status_code == 200, answer.content
        else:
            with self.committing(execute=True):
                assert self.manager_client.delete(f"/api/users/{self.user.pk}/sessions").status_code == 204
        self.end_all_but(None)

    def patch_user(self, body):
        with self.committing(execute=True):
            return self.manager_client.patch(f"/api/users/{self.user.pk}", body, content_type="application/json")

    # --- The second factor

    @precondition(lambda self: self.live() and not self.secret)
    @rule(data=st.data())
    def set_up_a_second_factor(self, data):
        self.set_up_an_authenticator_app(self.one_of_two(data))

    def set_up_an_authenticator_app(self, session):
        begun = self.as_session(session, "POST", "/api/users/me/mfa/totp", {"password": self.password})
        assert begun.status_code == 200, begun.content
        self.secret, self.misses_inside = begun.json()["secret"], 0
        confirmed = self.as_session(session, "POST", "/api/users/me/mfa/totp/confirm", {"code": self.code()})
        assert confirmed.status_code == 200, confirmed.content
        self.wrong_codes = 0
        self.end_all_but(session)

    @precondition(lambda self: self.live() and self.secret)
    @rule(data=st.data())
    def remove_the_authenticator_app(self, data):
        session = self.one_of_two(data)
        removed = self.as_session(session, "DELETE", "/api/users/me/mfa/totp", {"password": self.password})
        assert removed.status_code == 204, removed.content
        self.secret, self.misses_inside = "", 0
        self.end_all_but(session)

    # --- What always holds

    @invariant()
    def a_token_is_accepted_if_and_only_if_its_session_lives(self):
        for session in self.sessions:
            by_header = self.send("GET", "/api/users/me", bearer=session.access[-1])
            by_cookie = self.send("GET", "/api/users/me", cookies=[("access_token", session.access[0])])
            expected = 200 if session.live else 401
            assert (by_header.status_code, by_cookie.status_code) == (expected, expected), session


@pytest.mark.slow  # a story of many requests
def test_revoked_token_is_never_accepted_and_a_valid_one_always_is(
    practice, clock, client_of, django_capture_on_commit_callbacks, settings
):
    settings.RATE_LIMIT_PER_MINUTE = settings.ANON_RATE_LIMIT_PER_MINUTE = 1_000_000

    run_state_machine_as_test(
        lambda: Account(practice, clock, django_capture_on_commit_callbacks, client_of),
        settings=hypothesis_settings(
            max_examples=examples(12, 2),
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
