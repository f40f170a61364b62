"""The admin site's sessions in the database: none of them is opened by what a dump holds."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session as Row
from django.core.management import call_command
from django.test import Client

from accounts.sessions.admin_store import SessionStore, stored_key
from accounts.tests.factories import PASSWORD

COOKIE = "praxis_admin"


def rows():
    return list(Row.objects.values_list("pk", flat=True))


def with_cookie(value):
    client = Client()
    client.cookies[COOKIE] = value
    return client


def test_stored_session_key_opens_no_session(make_user, enter_site):
    site = enter_site(make_user("admin"))
    cookie = site.cookies[COOKIE].value

    assert rows() == [stored_key(cookie)]
    assert cookie not in str(Row.objects.values_list()[0])
    assert with_cookie(cookie).get("/admin/").status_code == 200
    assert with_cookie(rows()[0]).get("/admin/").status_code == 302


def test_session_row_with_plain_key_is_ignored(make_user, enter_site):
    """Its key is the cookie itself, in dumps that are older than the hash."""
    site = enter_site(make_user("admin"))
    Row.objects.update(session_key="k" * 32)
    assert with_cookie("k" * 32).get("/admin/").status_code == 302
    assert site.get("/admin/").status_code == 302


def test_signing_in_changes_the_key_and_signing_out_leaves_no_row_of_it(make_user):
    user, planted = make_user("admin"), SessionStore()
    planted["said"] = 1
    planted.save()
    client = with_cookie(planted.session_key)
    assert client.post("/", {"username": user.email, "password": PASSWORD}).url == "/admin/"
    cookie = client.cookies[COOKIE].value

    assert cookie != planted.session_key
    assert rows() == [stored_key(cookie)]
    client.post("/sign-out/")
    assert stored_key(cookie) not in rows()
    assert with_cookie(cookie).get("/admin/").status_code == 302


def test_expired_admin_session_is_ended_and_cleared(make_user, enter_site, clock):
    site = enter_site(make_user("admin"))
    clock.move(hours=12, minutes=1)
    assert site.get("/admin/").status_code == 302

    call_command("clearsessions")
    assert rows() == []


@pytest.mark.django_db
def test_store_keeps_its_data_through_every_change_of_key():
    store = SessionStore()
    store["said"] = 1
    store.save()
    first = store.session_key
    assert (store.exists(first), store.exists(stored_key(first))) == (True, False)
    store["said"] = 2
    store.save()
    store.cycle_key()

    assert rows() == [stored_key(store.session_key)]
    assert SessionStore(store.session_key)["said"] == 2
    assert SessionStore(first).get("said") is None
    SessionStore().delete()  # has none
    SessionStore().delete(store.session_key)
    store.delete()  # is gone
    assert rows() == []


@pytest.mark.django_db
def test_client_chosen_session_key_is_replaced():
    store = SessionStore("c" * 32)
    store["said"] = 1
    store.save()
    assert store.session_key != "c" * 32


@pytest.mark.django_db
def test_async_session_store_hashes_key():
    store = SessionStore()

    async def live() -> None:
        await store.aset("said", 1)
        await store.asave()
        await store.acycle_key()
        assert await store.aexists(store.session_key)
        assert await SessionStore(store.session_key).aget("said") == 1

    async_to_sync(live)()
    assert rows() == [stored_key(store.session_key)]
    async_to_sync(store.aflush)()
    assert rows() == []
