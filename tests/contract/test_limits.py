"""Whose calls count against which limit; tests/wire/test_limits.py tests the limits on a started server."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.contract.clients import Caller
from tests.contract.clinic import PASSWORD


def within_one_minute(burst: Callable[[], Counter]) -> Counter:
    """The outcome of a burst that no turn of the minute fell into: the window slides then, and lets more through."""
    while True:
        minute = time.time() // 60
        outcome = burst()
        if time.time() // 60 == minute:
            return outcome


@pytest.mark.parametrize("path", ["/api/auth/refresh", "/api/auth/logout"])
def test_keeping_and_ending_a_session_count_for_the_session_alone(clinic, settings, path):
    staff, doctor, anonymous = clinic.staff, clinic.doctor, Caller(clinic.transport)
    held = [who.with_cookies(access_token=who.access, refresh_token=who.refresh) for who in (staff, doctor)]
    kept = [dict(who.cookies) for who in held]
    elsewhere = Caller(clinic.transport)
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


def test_asking_what_changed_has_a_bound_of_its_own(clinic, settings):
    settings.RATE_LIMIT_PER_MINUTE, settings.POLLS_PER_MINUTE = 3, 6
    since = datetime.now(UTC).isoformat()

    def burst() -> Counter:
        who = clinic.hire("staff")
        polls = Counter(who.get("/api/appointments", updatedSince=since).status for _ in range(9))
        return polls + Counter({f"call {who.get('/api/users/me').status}": 1})

    assert within_one_minute(burst) == {200: 6, 429: 3, "call 200": 1}


def test_every_user_is_limited_in_this_process_too(clinic, settings):
    staff, doctor = clinic.staff, clinic.doctor
    settings.RATE_LIMIT_PER_MINUTE = 3

    def burst() -> Counter:
        return Counter(clinic.hire("staff").get("/api/users/me").status for _ in range(3))

    assert within_one_minute(burst) == {200: 3}
    statuses = [staff.get("/api/users/me").status for _ in range(8)]
    assert statuses[:1] + statuses[-1:] == [200, 429]
    assert doctor.get("/api/users/me").status == 200
