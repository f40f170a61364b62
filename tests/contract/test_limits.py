"""100 requests a minute per user, 60 per address for anonymous calls; and what is left when Redis is down."""

import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.contract.clinic import PASSWORD, Clinic, fresh_email
from tests.contract.doors import Caller, ServerDoor
from tests.server import MAIN_REDIS, Server, free_port

SENTENCE = re.compile(r"Too many requests\. Please try again in (\d+) second\(s\)\.")


@pytest.fixture(scope="module")
def strict(served_clinic: Clinic) -> Iterator[ServerDoor]:
    """Another server on the same database, with the limits and the closed sign-up of production."""
    main = served_clinic.door.server
    defaults = {"PRACTICE_SIGNUP": "", "RATE_LIMIT_PER_MINUTE": "", "ANON_RATE_LIMIT_PER_MINUTE": ""}
    server = Server(main.directory, main.database_url, main.redis_url, defaults, name="strict")
    with server.running():
        yield ServerDoor(server)


def at(door: ServerDoor, caller: Caller) -> Caller:
    """The same browser at another server."""
    moved = Caller(door)
    moved.cookies = dict(caller.cookies)
    return moved


def within_one_minute(burst: Callable[[], Counter]) -> Counter:
    """The outcome of a burst that no turn of the minute fell into: the window slides then, and lets more through."""
    while True:
        minute = time.time() // 60
        outcome = burst()
        if time.time() // 60 == minute:
            return outcome


def test_of_300_parallel_calls_of_a_user_exactly_100_pass(strict, served_clinic):
    def burst() -> Counter:
        user = served_clinic.hire("staff")
        callers = [at(strict, user) for _ in range(20)]
        with ThreadPoolExecutor(20) as pool:
            return Counter(pool.map(lambda n: callers[n % 20].get("/api/doctors").status, range(300)))

    assert within_one_minute(burst) == {200: 100, 429: 200}


def test_a_user_over_the_limit_is_told_when_to_come_back_and_others_go_on(strict, served_clinic):
    busy, other = at(strict, served_clinic.hire("staff")), at(strict, served_clinic.hire("staff"))

    answers = [busy.get("/api/users/me") for _ in range(130)]

    refused = answers[-1]
    assert refused.status == 429
    assert set(refused.json) == {"detail"}
    seconds = SENTENCE.fullmatch(refused.json["detail"])
    assert seconds, refused
    assert seconds[1] == refused.headers["Retry-After"]
    assert 1 <= int(seconds[1]) <= 60
    assert other.get("/api/users/me").status == 200
    assert busy.get("/api/health").status == 200


def test_anonymous_calls_are_counted_by_address_and_sign_in_with_them(strict, served_clinic):
    anonymous, user = Caller(strict), at(strict, served_clinic.hire("staff"))

    statuses = [anonymous.get("/api/users/me").status for _ in range(70)]

    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert anonymous.sign_in(fresh_email(), PASSWORD).status == 429
    assert anonymous.get("/api/health/live").status == 200
    assert user.get("/api/users/me").status == 200


@pytest.mark.parametrize("path", ["/api/auth/refresh", "/api/auth/logout"])
def test_keeping_and_ending_a_session_count_for_the_session_alone(inner_clinic, settings, path):
    staff, doctor, anonymous = inner_clinic.staff, inner_clinic.doctor, Caller(inner_clinic.door)
    held = [who.holding(access_token=who.access, refresh_token=who.refresh) for who in (staff, doctor)]
    kept = [dict(who.cookies) for who in held]
    elsewhere = Caller(inner_clinic.door)
    elsewhere.sign_in(staff.user["email"], PASSWORD)
    settings.RATE_LIMIT_PER_MINUTE, settings.ANON_RATE_LIMIT_PER_MINUTE = 8, 4

    def statuses(who: Caller, cookies: dict, times: int) -> list[int]:
        answers = []
        for _ in range(times):
            who.cookies = dict(cookies)  # a sign-out takes them away
            answers.append(who.post(path).status)
        return answers

    assert statuses(held[0], kept[0], 4)[0] == 200
    assert statuses(held[0], kept[0], 16)[-1] == 429
    assert statuses(held[1], kept[1], 1) == [200]
    assert elsewhere.get("/api/users/me").status == 200
    assert statuses(anonymous, {}, 1) != [429]
    assert statuses(anonymous, {}, 8)[-1] == 429
    forged = {"access_token": ("x.y.z", "/"), "refresh_token": ("x.y.z", "/")}
    assert statuses(anonymous, forged, 1) == [429]


def test_a_header_does_not_make_another_address(strict):
    anonymous = Caller(strict)

    statuses = [
        anonymous.ask("GET", "/api/nothing", headers={"X-Forwarded-For": f"10.0.0.{number}"}).status
        for number in range(130)
    ]

    assert statuses[-1] == 429


def test_every_user_is_limited_in_this_process_too(inner_clinic, settings):
    staff, doctor = inner_clinic.staff, inner_clinic.doctor
    settings.RATE_LIMIT_PER_MINUTE = 3

    def burst() -> Counter:
        return Counter(inner_clinic.hire("staff").get("/api/users/me").status for _ in range(3))

    assert within_one_minute(burst) == {200: 3}
    statuses = [staff.get("/api/users/me").status for _ in range(8)]
    assert statuses[:1] + statuses[-1:] == [200, 429]
    assert doctor.get("/api/users/me").status == 200


@pytest.fixture(scope="module", params=["refuses", "never answers"])
def without_redis(request: pytest.FixtureRequest, served_clinic: Clinic) -> Iterator[ServerDoor]:
    """A server whose Redis is a port that nothing listens on, or one that accepts and stays silent."""
    if not MAIN_REDIS:
        pytest.skip("the embedded half has no Redis to lose")
    main = served_clinic.door.server
    with closing(socket.socket()) as silent:
        port = free_port()
        if request.param == "never answers":
            silent.bind(("127.0.0.1", 0))
            silent.listen(64)
            port = silent.getsockname()[1]
        name = request.param.replace(" ", "-")
        patience = {"REDIS_TIMEOUT_MS": "150"}
        server = Server(main.directory, main.database_url, f"redis://127.0.0.1:{port}/0", patience, name=name)
        with server.running():
            yield ServerDoor(server)


class TestRedisDown:
    pytestmark = pytest.mark.redis

    def test_sign_in_fails_closed(self, without_redis, served_clinic):
        for email in (served_clinic.staff.user["email"], fresh_email()):
            answer = Caller(without_redis).sign_in(email, PASSWORD)
            assert answer.status == 503
            assert set(answer.json) == {"detail"}
            assert answer.set_cookies == []

    def test_everything_else_goes_on_with_sessions_from_the_database(self, without_redis, served_clinic):
        staff = at(without_redis, served_clinic.hire("staff"))

        for path in ("/api/users/me", "/api/patients", "/api/doctors", "/api/appointments", "/api/dashboard/stats"):
            assert staff.get(path).status == 200
        assert Caller(without_redis).get("/api/users/me").status == 401
        assert staff.post("/api/auth/refresh").status == 200

    def test_signing_out_still_ends_the_session(self, without_redis, served_clinic):
        staff = at(without_redis, served_clinic.hire("staff"))
        kept = at(without_redis, staff)

        assert staff.post("/api/auth/logout").status == 200

        assert kept.get("/api/users/me").status == 401

    def test_readiness_says_which_part_is_down(self, without_redis):
        answer = Caller(without_redis).get("/api/health/ready")

        assert (answer.status, answer.json["checks"]["cache"]) == (503, "failing")
        assert Caller(without_redis).get("/api/health/live").status == 200
