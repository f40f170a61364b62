"""100 requests a minute per user, 60 per address for anonymous calls; and what still works when Redis is down."""

import re
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.contract.clients import Caller, ServerTransport
from tests.contract.clinic import PASSWORD, Clinic, fresh_email
from tests.contract.test_limits import within_one_minute
from tests.sampling import sample
from tests.server import MAIN_REDIS, Server, free_port

pytestmark = pytest.mark.slow  # bursts of hundreds of calls

SENTENCE = re.compile(r"Too many requests\. Please try again in (\d+) seconds?\.")


@pytest.fixture(scope="module")
def strict(clinic: Clinic) -> Iterator[ServerTransport]:
    """Another server on the same database, with the limits and the closed sign-up of production."""
    main = clinic.transport.server
    defaults = {"PRACTICE_SIGNUP": "", "RATE_LIMIT_PER_MINUTE": "", "ANON_RATE_LIMIT_PER_MINUTE": ""}
    server = Server(main.directory, main.database_url, main.redis_url, defaults, name="strict")
    with server.running():
        yield ServerTransport(server)


def at(transport: ServerTransport, caller: Caller) -> Caller:
    """The same browser at another server."""
    moved = Caller(transport)
    moved.cookies = dict(caller.cookies)
    return moved


def test_of_300_parallel_calls_of_a_user_exactly_100_pass(strict, clinic):
    def burst() -> Counter:
        user = clinic.hire("staff")
        callers = [at(strict, user) for _ in range(20)]
        with ThreadPoolExecutor(20) as pool:
            return Counter(pool.map(lambda n: callers[n % 20].get("/api/doctors").status, range(300)))

    assert within_one_minute(burst) == {200: 100, 429: 200}


def test_limited_user_gets_retry_after_and_others_are_not_limited(strict, clinic):
    busy, other = at(strict, clinic.hire("staff")), at(strict, clinic.hire("staff"))

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


def test_anonymous_calls_are_counted_by_address_and_sign_in_with_them(strict, clinic):
    anonymous, user = Caller(strict), at(strict, clinic.hire("staff"))

    statuses = [anonymous.get("/api/users/me").status for _ in range(70)]

    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert anonymous.sign_in(fresh_email(), PASSWORD).status == 429
    assert anonymous.get("/api/health/live").status == 200
    assert user.get("/api/users/me").status == 200


def test_forged_header_does_not_change_the_address(strict):
    anonymous = Caller(strict)

    statuses = [
        anonymous.request("GET", "/api/nothing", headers={"X-Forwarded-For": f"10.0.0.{number}"}).status
        for number in range(130)
    ]

    assert statuses[-1] == 429


@pytest.fixture(scope="module", params=sample(["refuses", "never answers"], 1))
def without_redis(request: pytest.FixtureRequest, clinic: Clinic) -> Iterator[ServerTransport]:
    """A server whose Redis is a port that nothing listens on, or one that accepts and stays silent."""
    if not MAIN_REDIS:
        pytest.skip("the embedded half has no Redis to lose")
    main = clinic.transport.server
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
            yield ServerTransport(server)


class TestRedisDown:
    pytestmark = pytest.mark.redis

    def test_sign_in_fails_closed(self, without_redis, clinic):
        for email in (clinic.staff.user["email"], fresh_email()):
            answer = Caller(without_redis).sign_in(email, PASSWORD)
            assert answer.status == 503
            assert set(answer.json) == {"detail"}
            assert answer.set_cookies == []

    def test_other_requests_work_with_sessions_from_the_database(self, without_redis, clinic):
        staff = at(without_redis, clinic.hire("staff"))

        for path in ("/api/users/me", "/api/patients", "/api/doctors", "/api/appointments", "/api/dashboard/stats"):
            assert staff.get(path).status == 200
        assert Caller(without_redis).get("/api/users/me").status == 401
        assert staff.post("/api/auth/refresh").status == 200

    def test_signing_out_still_ends_the_session(self, without_redis, clinic):
        staff = at(without_redis, clinic.hire("staff"))
        kept = at(without_redis, staff)

        assert staff.post("/api/auth/logout").status == 200

        assert kept.get("/api/users/me").status == 401

    def test_readiness_says_which_part_is_down(self, without_redis):
        answer = Caller(without_redis).get("/api/health/ready")

        assert (answer.status, answer.json["checks"]["cache"]) == (503, "failing")
        assert Caller(without_redis).get("/api/health/live").status == 200
