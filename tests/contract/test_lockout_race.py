"""Parallel password guesses in this process, each with its own connection and transaction."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from tests.contract.clinic import fresh_email


@pytest.mark.django_db(transaction=True)
def test_of_24_parallel_guesses_exactly_five_reach_the_password_hash(monkeypatch, client):
    hashed = []
    # an unknown email hashes once, too
    monkeypatch.setattr("accounts.sign_in.backends.make_password", hashed.append)
    email = fresh_email()

    def guess(number):
        try:
            body = {"email": email, "password": f"guess {number}"}
            return client.post("/api/auth/login", body, content_type="application/json").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(guess, range(24)))

    assert len(hashed) == 5
    assert sorted(statuses) == [401] * 5 + [429] * 19
