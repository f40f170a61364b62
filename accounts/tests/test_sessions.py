"""Sessions end when trust in the account does, whatever happens at the same moment."""

from threading import Barrier, Thread

import orjson
import pytest
from django.db import connection
from django.test import Client

from accounts.models import LoginSession, User
from accounts.passwords import services as passwords_services
from accounts.sessions import services as sessions
from accounts.tests.factories import PASSWORD
from accounts.users import services
from core.cache import redis_client
from core.encryption.keyring import get_keyring
from core.errors import Forbidden, NotSignedIn
from core.tenancy.scope import practice_scope


def sign_in(client, user, password=PASSWORD):
    return client.post("/api/auth/login", {"email": user.email, "password": password}, "application/json")


def test_password_that_changes_while_it_is_checked_signs_nobody_in(make_user, rf):
    user = make_user("staff")
    checked = User.all_practices.get(pk=user.pk)
    passwords_services.set_password(user=user, by=make_user("admin"), password="Another1!")
    with pytest.raises(NotSignedIn):
        sessions.begin(user=checked, request=rf.post("/"))
    assert not LoginSession.objects.live().exists()


def test_deactivation_while_the_password_is_checked_signs_nobody_in(make_user, rf):
    user, manager = make_user("staff"), make_user("admin")
    checked = User.all_practices.get(pk=user.pk)
    services.update_user(user=user, by=manager, is_active=False)
    with pytest.raises(NotSignedIn):
        sessions.begin(user=checked, request=rf.post("/"))


def test_password_change_on_stale_row_restores_no_old_values(make_user):
    user, manager = make_user("staff"), make_user("admin")
    stale = User.all_practices.get(pk=user.pk)
    services.update_user(user=user, by=manager, is_active=False)
    with pytest.raises(Forbidden):
        passwords_services.reset_password(user=stale, password="Another1!")
    assert not User.all_practices.get(pk=user.pk).is_active
    passwords_services.set_password(user=stale, by=manager, password="Another1!")
    assert not User.all_practices.get(pk=user.pk).is_active


def test_who_no_longer_manages_changes_nobody(make_user):
    first, second = make_user("admin"), make_user("admin")
    stale_second = User.all_practices.get(pk=second.pk)
    services.update_user(user=second, by=first, role="staff")
    with pytest.raises(Forbidden, match="no longer manage"):
        services.update_user(user=first, by=stale_second, role="staff")
    with pytest.raises(Forbidden, match="no longer manage"):
        passwords_services.set_password(user=first, by=stale_second, password="Another1!")
    first = User.all_practices.get(pk=first.pk)
    assert (first.role, first.check_password(PASSWORD)) == ("admin", True)


def test_nobody_gives_themself_a_password_without_the_old_one(make_user):
    manager = make_user("admin")
    with pytest.raises(Forbidden, match="Use your current password"):
        passwords_services.set_password(user=User.all_practices.get(pk=manager.pk), by=manager, password="Another1!")
    assert User.all_practices.get(pk=manager.pk).check_password(PASSWORD)


@pytest.mark.parametrize("ending", ["password", "role", "inactive"])
def test_account_change_ends_every_session(make_user, client_of, ending, django_capture_on_commit_callbacks):
    user, manager = make_user("admin"), make_user("admin")
    api, site = client_of(user), Client()
    site.post("/", {"username": user.email, "password": PASSWORD}, secure=True)
    assert api.get("/api/users/me").status_code == 200
    assert site.get("/admin/", secure=True).status_code == 200

    with django_capture_on_commit_callbacks(execute=True):
        if ending == "password":
            passwords_services.set_password(user=user, by=manager, password="Another1!")
        elif ending == "role":
            services.update_user(user=user, by=manager, role="staff")
        else:
            services.update_user(user=user, by=manager, is_active=False)
            services.update_user(user=user, by=manager, is_active=True)  # nothing that had ended comes back

    assert api.get("/api/users/me").status_code == 401
    assert site.get("/admin/", secure=True).status_code == 302


@pytest.mark.redis
def test_logout_reaches_redis_although_it_just_failed_somebody_else(
    make_user, client_of, monkeypatch, django_capture_on_commit_callbacks
):
    client = client_of(make_user("staff"))
    assert client.get("/api/users/me").status_code == 200  # now Redis holds the session
    token = client.cookies["access_token"].value
    monkeypatch.setattr(redis_client, "_down_until", float("inf"))
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post("/api/auth/logout").status_code == 200
    monkeypatch.setattr(redis_client, "_down_until", 0.0)
    client.cookies["access_token"] = token
    assert client.get("/api/users/me").status_code == 401


@pytest.mark.redis
def test_cache_entry_of_other_release_is_reloaded(make_user, client_of):
    user = make_user("staff")
    client = client_of(user)
    session = LoginSession.objects.get(user=user)
    of_theirs = get_keyring().encrypt(orjson.dumps({"id": str(user.pk)}), b"session.user")
    redis_client.client().set(f"session:{session.pk}", of_theirs, ex=60)

    assert client.get("/api/users/me").json()["id"] == str(user.pk)


@pytest.mark.redis
def test_ended_session_does_not_use_rate_limit(make_user, client_of, settings, django_capture_on_commit_callbacks):
    settings.RATE_LIMIT_PER_MINUTE = 3
    user = make_user("staff")
    ended, live = client_of(user), client_of(user)
    token = ended.cookies["access_token"].value
    with django_capture_on_commit_callbacks(execute=True):
        ended.post("/api/auth/logout")
    for _ in range(5):
        ended.cookies["access_token"] = token
        assert ended.get("/api/users/me").status_code == 401
    assert [live.get("/api/users/me").status_code for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.django_db(transaction=True)
def test_managers_who_change_each_other_at_once_do_not_lock_up(transactional_db, make_user, practice):
    first, second = make_user("admin"), make_user("admin")
    barrier, outcomes = Barrier(2), []

    def demote(by, user):
        barrier.wait(300)
        try:
            with practice_scope(practice.pk):
                services.update_user(user=user, by=by, role="staff")
            outcomes.append("done")
        except Forbidden:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [Thread(target=demote, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert sorted(outcomes) == ["done", "refused"]
