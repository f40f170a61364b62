"""What a second factor changes: who is signed in, who is asked, what the trail tells, and what nobody gets round."""

import time
from threading import Barrier, Thread

import orjson
import pytest
from django.db import connection
from django.test import Client

from accounts.models import Authenticator, LoginSession, Passkey, RecoveryCode, SecondFactorMethod, SignInChannel, User
from accounts.passwords import services as passwords_services
from accounts.second_factor import recovery, services
from accounts.second_factor_challenge import get_challenged_user, issue_challenge_token
from accounts.sessions import services as sessions
from accounts.sign_in import services as sign_in_services
from accounts.tests.factories import PASSWORD
from accounts.tests.second_factors import MFA, code, delete, logged_events, post
from accounts.users import services as accounts
from audit import log
from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.cache import redis_client
from core.errors import Forbidden, Invalid, NotSignedIn, Unavailable
from tests import damage

# --- What ends


def test_other_sessions_end_and_so_do_sign_ins_half_done(as_role, client_of, set_up, rf):
    client = as_role("staff")
    other = client_of(client.user)
    half_done = User.all_practices.get(pk=client.user.pk)

    set_up(client)

    assert other.get("/api/users/me").status_code == 401
    assert client.get("/api/users/me").status_code == 200
    assert LoginSession.objects.live().get(user=client.user).second_factor == SecondFactorMethod.TOTP
    assert set(LoginSession.objects.exclude(revocation_reason="").values_list("revocation_reason", flat=True)) == {
        "new_factor"
    }
    with pytest.raises(NotSignedIn):  # their password was checked before, and no second factor was asked for
        sessions.begin(user=half_done, request=rf.post("/"))


def test_session_that_ended_meanwhile_adds_nothing(as_role):
    client = as_role("staff")
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    session = LoginSession.objects.get(user=client.user)
    sessions.end(session_id=session.pk)

    with pytest.raises(NotSignedIn):
        services.confirm_totp(by=client.user, code=code(secret), session_id=session.pk)

    assert not Authenticator.objects.filter(confirmed_at__isnull=False).exists()
    assert not RecoveryCode.objects.exists()


def test_confirmed_password_that_changed_is_rejected(as_role, set_up, monkeypatch):
    client = as_role("staff")
    set_up(client)
    stale, session = User.all_practices.get(pk=client.user.pk), LoginSession.objects.live().get(user=client.user)
    passwords_services.change_password(by=client.user, current=PASSWORD, new="Another1!", keep=session.pk)
    monkeypatch.setattr(services, "confirm_password", lambda *, by, password: stale)

    with pytest.raises(NotSignedIn):
        services.remove_totp(by=stale, password=PASSWORD, session_id=session.pk)
    with pytest.raises(NotSignedIn):
        services.new_recovery_codes(by=stale, password=PASSWORD)
    with pytest.raises(NotSignedIn):
        services.start_totp(by=stale, password=PASSWORD)

    assert Authenticator.objects.filter(confirmed_at__isnull=False).exists()
    assert whole_trail().filter(kind=AuditEvent.RECOVERY_CODES_CREATED).count() == 1


@pytest.mark.parametrize("change", ["password", "role", "inactive", "factor"])
def test_half_finished_sign_in_ends_with_account_change(make_user, as_role, set_up, change):
    manager, client = make_user("admin"), as_role("staff")
    user = client.user
    set_up(client)
    token = issue_challenge_token(User.all_practices.get(pk=user.pk), SignInChannel.API)
    assert get_challenged_user(token, SignInChannel.API).pk == user.pk
    if change == "password":
        passwords_services.set_password(user=user, by=manager, password="Another1!")
    elif change == "factor":
        services.reset(user=user, by=manager)
    else:
        accounts.update_user(
            user=user, by=manager, **({"role": "doctor"} if change == "role" else {"is_active": False})
        )

    with pytest.raises(NotSignedIn, match="expired"):
        get_challenged_user(token, SignInChannel.API)


def test_token_is_good_for_five_minutes(make_user, monkeypatch):
    token, now = issue_challenge_token(make_user("staff"), SignInChannel.API), time.time
    monkeypatch.setattr(time, "time", lambda: now() + 290)
    assert get_challenged_user(token, SignInChannel.API)
    monkeypatch.setattr(time, "time", lambda: now() + 310)
    with pytest.raises(NotSignedIn, match="expired"):
        get_challenged_user(token, SignInChannel.API)


# --- An authenticator app that is being set up


def test_codes_that_confirm_are_counted_as_those_that_sign_in(as_role, set_up):
    client = as_role("staff")
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    confirm = f"{MFA}/totp/confirm"

    assert [post(client, confirm, {"code": "000000"}).status_code for _ in range(6)] == [400] * 5 + [429]

    locked = post(client, confirm, {"code": code(secret)})
    assert (locked.status_code, locked.json()["detail"][:24]) == (429, "Too many failed attempts")
    assert not Authenticator.objects.filter(confirmed_at__isnull=False).exists()
    assert {event.user_id for event in logged_events(AuditEvent.LOCKED_OUT, client.user)} == {client.user.pk}
    with pytest.raises(sign_in_services.LockedOut):  # one count for all methods, wherever they are tried
        services.verify(user=client.user, method=SecondFactorMethod.RECOVERY_CODE, code="none")


def test_right_code_resets_count_of_wrong_codes(as_role):
    client = as_role("staff")
    confirm = f"{MFA}/totp/confirm"
    assert [post(client, confirm, {"code": "000000"}).status_code for _ in range(6)] == [409] * 6
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    assert [post(client, confirm, {"code": "000000"}).status_code for _ in range(4)] == [400] * 4

    assert post(client, confirm, {"code": code(secret)}).status_code == 200

    for _ in range(5):
        with pytest.raises(NotSignedIn):
            services.verify(user=client.user, method=SecondFactorMethod.TOTP, code="000000")


def test_secret_is_confirmed_within_ten_minutes_or_never(as_role, clock):
    client = as_role("staff")
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    clock.move(minutes=10)

    late = post(client, f"{MFA}/totp/confirm", {"code": code(secret)})

    assert (late.status_code, late.json()["detail"]) == (409, services.NOT_STARTED)
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    clock.move(minutes=9)
    assert post(client, f"{MFA}/totp/confirm", {"code": code(secret)}).status_code == 200


@pytest.mark.parametrize("change", ["password", "role", "inactive"])
def test_account_change_cancels_unfinished_setup_only(as_role, make_user, set_up, change):
    manager, client, other = make_user("admin"), as_role("staff"), as_role("staff")
    post(client, f"{MFA}/totp", {"password": PASSWORD})
    set_up(other)
    for user in (client.user, other.user):
        if change == "password":
            passwords_services.set_password(user=user, by=manager, password="Another1!")
        else:
            accounts.update_user(
                user=user, by=manager, **({"role": "doctor"} if change == "role" else {"is_active": False})
            )

    assert Authenticator.objects.get().user_id == other.user.pk


def test_own_password_change_cancels_setup(as_role, commit):
    client = as_role("staff")
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    with commit():
        changed = post(client, "/api/users/me/password", {"current": PASSWORD, "new": "Another1!"})
    assert changed.status_code == 200

    assert post(client, f"{MFA}/totp/confirm", {"code": code(secret)}).status_code == 409


# --- An office manager removes what is lost


def test_office_manager_removes_all_factors_of_somebody_who_lost_them(as_role, make_user, set_up, commit):
    manager, client = make_user("admin"), as_role("staff")
    _, codes = set_up(client)
    Passkey.objects.create(user=client.user, name="Phone", credential_id=b"id", public_key=b"key")
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            services.verify(user=client.user, method=SecondFactorMethod.TOTP, code="000000")

    with commit():
        services.reset(user=client.user, by=manager)

    assert client.get("/api/users/me").status_code == 401
    factors = services.get_factors(client.user)
    assert (factors.totp, factors.passkeys, factors.recovery_codes_left) == (False, [], 0)
    removed = logged_events(AuditEvent.FACTOR_REMOVED, client.user)
    assert {orjson.loads(event.details)["method"] for event in removed} == {"totp", "passkey"}
    assert {event.user_id for event in removed} == {manager.pk}
    with pytest.raises(NotSignedIn):  # and not LockedOut: the lock is open, too
        services.verify(user=client.user, method=SecondFactorMethod.RECOVERY_CODE, code=codes[0])
    assert post(Client(), "/api/auth/login", {"email": client.user.email, "password": PASSWORD}).status_code == 200


def test_nobody_resets_their_own_and_only_who_manages_does(make_user):
    manager, staff = make_user("admin"), make_user("staff")

    for by, user in ((manager, manager), (staff, manager)):
        with pytest.raises(Forbidden):
            services.reset(user=user, by=by)


# --- The trail


def test_setup_steps_are_logged_without_secrets(as_role, make_user, set_up, rf):
    client = as_role("doctor")
    user = client.user
    secret, codes = set_up(client)
    shown = code(secret, later=1)
    with pytest.raises(NotSignedIn):
        services.verify(user=user, method=SecondFactorMethod.TOTP, code="000000")
    token = issue_challenge_token(User.all_practices.get(pk=user.pk), SignInChannel.API)
    services.sign_in(
        request=rf.post("/"), token=token, channel=SignInChannel.API, method=SecondFactorMethod.TOTP, code=shown
    )
    assert post(client, f"{MFA}/recovery-codes", {"password": PASSWORD}).status_code == 200
    assert delete(client, f"{MFA}/totp", {"password": "wrong"}).status_code == 400
    assert delete(client, f"{MFA}/totp", {"password": PASSWORD}).status_code == 204

    (added,), (removed,) = logged_events(AuditEvent.FACTOR_ADDED, user), logged_events(AuditEvent.FACTOR_REMOVED, user)
    assert orjson.loads(added.details) == orjson.loads(removed.details) == {"method": "totp"}
    assert added.user_id == removed.user_id == user.pk
    assert len(logged_events(AuditEvent.RECOVERY_CODES_CREATED, user)) == 2
    (failed,) = logged_events(AuditEvent.SECOND_FACTOR_FAILED, user)
    assert (failed.outcome, failed.user_id, orjson.loads(failed.details)) == ("failed", None, {"method": "totp"})
    assert [
        orjson.loads(event.details).get("second_factor") for event in logged_events(AuditEvent.SIGNED_IN, user)
    ] == [
        None,
        "totp",
    ]
    (wrong,) = logged_events(AuditEvent.SIGN_IN_FAILED, user)
    assert (wrong.outcome, orjson.loads(wrong.details)) == ("failed", {"reason": "wrong_password"})
    everything = b"".join(orjson.dumps([e.details, e.about, e.agent]) for e in whole_trail())
    for word in (secret, shown, "000000", PASSWORD, *codes):
        assert word.encode() not in everything


def test_sixth_wrong_code_is_told_as_locked_out(make_user):
    user = make_user("staff")
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            services.verify(user=user, method=SecondFactorMethod.TOTP, code="000000")
    with pytest.raises(sign_in_services.LockedOut) as locked:
        services.verify(user=user, method=SecondFactorMethod.TOTP, code="000000")

    assert 890 <= locked.value.retry_after <= 900
    (event,) = logged_events(AuditEvent.LOCKED_OUT, user)
    assert (event.outcome, orjson.loads(event.details)) == ("refused", {"method": "totp"})
    assert len(logged_events(AuditEvent.SECOND_FACTOR_FAILED, user)) == 5


# --- What is lost or down


def test_totp_with_lost_encryption_key_costs_no_attempt(as_role, set_up):
    client = as_role("staff")
    secret, codes = set_up(client)
    damage.lose_key(Authenticator.objects.get(user=client.user), "secret")
    token = issue_challenge_token(User.all_practices.get(pk=client.user.pk), SignInChannel.API)

    for _ in range(7):
        answer = post(Client(), "/api/auth/mfa", {"mfa_token": token, "method": "totp", "code": code(secret, later=1)})
        assert answer.status_code == 503
        assert answer.json() == {"detail": "authenticator.secret cannot be decrypted: key 7 is missing."}
    body = {"mfa_token": token, "method": "recovery_code", "code": codes[0]}
    assert post(Client(), "/api/auth/mfa", body).status_code == 200


def test_setup_with_lost_encryption_key_restarts(as_role, set_up):
    client = as_role("staff")
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    damage.lose_key(Authenticator.objects.get(user=client.user), "secret")

    assert post(client, f"{MFA}/totp/confirm", {"code": code(secret)}).status_code == 503
    set_up(client)


@pytest.mark.redis
def test_with_redis_down_no_code_is_tested(as_role, set_up, monkeypatch):
    client = as_role("staff")
    _, codes = set_up(client)

    def down(operation, **how):
        raise redis_client.RedisDown

    monkeypatch.setattr(redis_client, "call", down)
    with pytest.raises(Unavailable):
        services.verify(user=client.user, method=SecondFactorMethod.RECOVERY_CODE, code=codes[0])

    assert services.get_factors(client.user).recovery_codes_left == 10


@pytest.mark.redis
def test_wrong_codes_are_counted_under_a_key_of_their_own(make_user):
    user = make_user("staff")
    with pytest.raises(NotSignedIn):
        services.verify(user=user, method=SecondFactorMethod.TOTP, code="000000")

    assert redis_client.client().hget(f"mfa:attempts:{user.pk}", "count") == b"1"
    assert not redis_client.client().exists(f"login:attempts:{user.email}")


def test_right_password_without_audit_log_is_refused(as_role, set_up, rf, monkeypatch):
    client = as_role("staff")
    _, codes = set_up(client)
    token = issue_challenge_token(User.all_practices.get(pk=client.user.pk), SignInChannel.API)
    live = LoginSession.objects.live().count()
    given = {"token": token, "channel": SignInChannel.API, "method": SecondFactorMethod.RECOVERY_CODE, "code": codes[0]}

    def down(*args, **kwargs):
        raise log.AuditLogUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(log, "record", down)
        with pytest.raises(log.AuditLogUnavailable):
            services.sign_in(request=rf.post("/"), **given)

    assert LoginSession.objects.live().count() == live
    assert services.sign_in(request=rf.post("/"), **given)  # the code was not used up


@pytest.mark.parametrize(
    "method", [SecondFactorMethod.TOTP, SecondFactorMethod.RECOVERY_CODE, SecondFactorMethod.PASSKEY]
)
def test_refused_second_step_stays_logged(as_role, set_up, rf, method):
    client = as_role("staff")
    set_up(client)
    token = issue_challenge_token(User.all_practices.get(pk=client.user.pk), SignInChannel.API)
    for refused in [NotSignedIn] * 5 + [sign_in_services.LockedOut]:
        with pytest.raises(refused):
            services.sign_in(
                request=rf.post("/"), token=token, channel=SignInChannel.API, method=method, code="0", credential={}
            )

    failed, locked = (
        logged_events(AuditEvent.SECOND_FACTOR_FAILED, client.user),
        logged_events(AuditEvent.LOCKED_OUT, client.user),
    )
    assert (len(failed), len(locked)) == (5, 1)


def test_account_change_during_code_check_starts_no_session(as_role, set_up, rf, monkeypatch):
    client = as_role("staff")
    set_up(client)
    user = User.all_practices.get(pk=client.user.pk)

    def deactivated_meanwhile(person, code):
        return User.all_practices.filter(pk=person.pk).update(is_active=False) == 1

    monkeypatch.setattr(recovery, "consume", deactivated_meanwhile)
    token = issue_challenge_token(user, SignInChannel.API)
    with pytest.raises(NotSignedIn):
        services.sign_in(
            request=rf.post("/"),
            token=token,
            channel=SignInChannel.API,
            method=SecondFactorMethod.RECOVERY_CODE,
            code="0",
        )

    (failed,) = logged_events(AuditEvent.SIGN_IN_FAILED, user)
    assert orjson.loads(failed.details) == {"reason": "changed_meanwhile"}


# --- Signing in while a factor is being added


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_sign_in_beside_a_new_factor_is_refused_or_ended(make_user, client_of, rf):
    user = make_user("staff")
    client = client_of(user)
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    checked, together, outcome = User.all_practices.get(pk=user.pk), Barrier(2), []

    def sign_in():
        together.wait()
        try:
            sessions.begin(user=checked, request=rf.post("/"))
        except NotSignedIn:
            outcome.append("refused")
        finally:
            connection.close()

    thread = Thread(target=sign_in)
    thread.start()
    together.wait()
    assert post(client, f"{MFA}/totp/confirm", {"code": code(secret)}).status_code == 200
    thread.join()

    assert [session.second_factor for session in LoginSession.objects.live().filter(user=user)] == ["totp"]


def test_deactivated_user_cannot_confirm_password(make_user):
    user, manager = make_user("staff"), make_user("admin")
    stale = User.all_practices.get(pk=user.pk)
    with pytest.raises(Invalid):
        sign_in_services.confirm_password(by=stale, password="wrong")
    assert sign_in_services.confirm_password(by=stale, password=PASSWORD).pk == user.pk
    accounts.update_user(user=user, by=manager, is_active=False)
    with pytest.raises(NotSignedIn):
        sign_in_services.confirm_password(by=stale, password=PASSWORD)
