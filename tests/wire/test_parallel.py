"""Of simultaneous calls, exactly as many succeed as allowed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.apps import App, app_of
from tests.contract.clients import Caller, ServerTransport
from tests.contract.clinic import PASSWORD, Clinic, fresh_slot, try_to_book
from tests.contract.second_factors import MFA, code, mfa_token, second_step, set_up_app

pytestmark = pytest.mark.slow


def another(clinic: Clinic) -> Caller:
    """Return a caller with its own connection."""
    return Caller(ServerTransport(clinic.transport.server))


def test_of_24_parallel_guesses_exactly_five_are_tested(clinic: Clinic):
    email = clinic.register("staff").json["email"]
    callers = [another(clinic) for _ in range(24)]

    with ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(lambda caller: caller.sign_in(email, "wrong").status, callers))

    assert sorted(statuses) == [401] * 5 + [429] * 19


def test_of_24_parallel_guesses_at_a_code_exactly_five_are_tested(clinic):
    person = clinic.hire("staff")
    set_up_app(person)
    token = mfa_token(Caller(clinic.transport), person.user["email"])

    def guess(number):
        return second_step(another(clinic), token, totp="000000").status

    with ThreadPoolExecutor(24) as pool:
        assert sorted(pool.map(guess, range(24))) == [401] * 5 + [429] * 19


def test_of_five_parallel_uses_of_one_code_one_signs_in(clinic):
    person = clinic.hire("staff")
    secret, codes = set_up_app(person)
    for proof in ({"totp": code(secret, later=1)}, {"recovery_code": codes[0]}):
        token = mfa_token(Caller(clinic.transport), person.user["email"])

        def use(number, token=token, proof=proof):
            return second_step(another(clinic), token, **proof).status

        with ThreadPoolExecutor(5) as pool:
            statuses = sorted(pool.map(use, range(5)))
        assert statuses.count(200) == 1
        assert set(statuses) <= {200, 401, 429}


def test_of_parallel_confirmations_one_gets_the_recovery_codes(clinic):
    person = clinic.hire("staff")
    secret = person.post(f"{MFA}/totp", {"password": PASSWORD}).json["secret"]
    sent = code(secret)

    def confirm(number):
        caller = another(clinic)
        caller.cookies = dict(person.cookies)
        return caller.post(f"{MFA}/totp/confirm", {"code": sent})

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(confirm, range(5)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 4
    assert person.get(MFA).json["recoveryCodesLeft"] == 10


def test_of_16_parallel_bookings_of_one_slot_one_is_made(clinic: Clinic):
    chart, slot = clinic.chart()["id"], fresh_slot()
    cookies = clinic.staff.cookies

    def book(_: int) -> int:
        caller = another(clinic)
        caller.cookies = dict(cookies)
        return try_to_book(clinic, caller, chart, date=slot).status

    _ = clinic.doctor
    with ThreadPoolExecutor(16) as pool:
        statuses = sorted(pool.map(book, range(16)))

    assert statuses == [201] + [409] * 15


def test_fifty_parallel_refreshes_make_one_pair(clinic):
    """Threads of this process are in accounts/tests/test_refresh_rotation.py."""
    app = app_of(clinic.staff)
    token = app.tokens["refresh_token"]

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: App(app.transport).renew(token), range(50)))

    assert {answer.status for answer in answers} == {200}
    assert len({(answer.json["access_token"], answer.json["refresh_token"]) for answer in answers}) == 1
