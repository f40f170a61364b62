"""Five failed sign-ins per email in 15 minutes, exactly, also when guesses arrive in parallel.

The stock handlers of django-axes count a failure after the password was checked, so that a burst of guesses is tested
whole before the lock falls. This handler reserves the attempt before the check, and a success gives it back. The
count lives in Redis under `login:attempts:{email}` as a hash {count, first_attempt} for 900 seconds from the first
attempt, as the contract says; without Redis in the cache of the one process.
"""

import hashlib
import math
import threading
import time
from typing import Any
from uuid import UUID

from axes.handlers.base import AxesHandler
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import User
from core import redis
from core.client import is_api
from core.encryption.blind_index import normalised_email
from core.errors import Unavailable

LONGEST_EMAIL = 254  # RFC 5321
_RESERVE = """
local count = tonumber(redis.call('HGET', KEYS[1], 'count') or '0')
if count >= tonumber(ARGV[1]) then return math.max(redis.call('TTL', KEYS[1]), 1) end
redis.call('HINCRBY', KEYS[1], 'count', 1)
if count == 0 then
  redis.call('HSET', KEYS[1], 'first_attempt', ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 0
"""
_cache_lock = threading.Lock()


def attempted_email(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """What django-axes counts by."""
    return normalised_email(str((credentials or {}).get("username") or ""))


def attempts_key(email: str) -> str:
    """What is too long for an email is counted by its hash: nobody fills the memory with keys."""
    email = normalised_email(email)
    if len(email) > LONGEST_EMAIL:
        email = hashlib.sha256(email.encode()).hexdigest()
    return f"login:attempts:{email}"


def password_key(user_id: UUID) -> str:
    """What wrong passwords of somebody who is signed in are counted under."""
    return f"password:attempts:{user_id}"


def second_factor_key(user_id: UUID) -> str:
    """What wrong codes are counted under: by itself, so that a right password forgives none of them."""
    return f"mfa:attempts:{user_id}"


def reserve_attempt(email: str) -> int:
    """One of the attempts of this email, as `reserve` takes it."""
    return reserve(attempts_key(email))


def reserve(key: str) -> int:
    """Take one of the attempts counted under this key: 0 when there was one left, else the seconds until the lock
    opens. Raises Unavailable when the count cannot be kept: sign-in fails closed."""
    if not redis.configured():
        return _reserve_in_cache(_in_cache(key))
    arguments = [settings.LOGIN_ATTEMPTS, settings.LOGIN_ATTEMPTS_WINDOW, int(time.time())]
    try:
        return int(redis.ask(lambda client: client.eval(_RESERVE, 1, key, *arguments)))
    except redis.RedisDown as error:
        raise Unavailable("Sign-in is not available right now. Please try again in a moment.") from error


def _in_cache(key: str) -> str:
    """Django's cache writes a key with a blank in it, a password in the wrong field perhaps, into a warning."""
    return hashlib.sha256(key.encode()).hexdigest()


def _reserve_in_cache(key: str) -> int:
    with _cache_lock:
        now = time.time()
        attempts = cache.get(key) or {"count": 0, "first_attempt": now}
        left = math.ceil(attempts["first_attempt"] + settings.LOGIN_ATTEMPTS_WINDOW - now)
        if attempts["count"] >= settings.LOGIN_ATTEMPTS:
            return max(left, 1)
        cache.set(key, {**attempts, "count": attempts["count"] + 1}, timeout=left)
        return 0


def clear_attempts(email: str) -> None:
    """A success forgives the failures before it."""
    clear(attempts_key(email))


def clear(key: str) -> None:
    """The same for what is counted under this key."""
    if not redis.configured():
        cache.delete(_in_cache(key))
        return
    try:
        redis.ask(lambda client: client.delete(key))
    except redis.RedisDown:
        pass  # told by redis.ask; the count runs out by itself


def locked_sentence(seconds: int) -> str:
    """The contract's sentence."""
    return f"Too many failed attempts. Please try again in {math.ceil(seconds / 60)} minute(s)."


class ReservingHandler(AxesHandler):
    """django-axes asks `is_allowed` before the password is looked at; a refusal stops the sign-in there."""

    def is_allowed(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        wait = reserve_attempt(attempted_email(request, credentials))
        request.lockout_seconds = wait  # type: ignore[attr-defined]
        request.axes_locked_out = wait > 0  # type: ignore[attr-defined] # makes axes' middleware call lockout_response
        return wait == 0

    def reset_attempts(self, *, username: str | None = None, **kwargs: Any) -> int:
        """What `manage.py axes_reset_username` calls to open every lock of this email by hand."""
        if username:
            clear_attempts(username)
            user = User.sign_in.with_email(username)
            if user is not None:
                clear(password_key(user.pk))
                clear(second_factor_key(user.pk))
        return int(bool(username))


def lockout_response(request: HttpRequest, response: HttpResponse, credentials: Any) -> HttpResponse:
    """What a locked-out person sees on the admin's login page; the API's answer is already right."""
    if is_api(request):
        return response
    return locked_page(request, getattr(request, "lockout_seconds", settings.LOGIN_ATTEMPTS_WINDOW))


def locked_page(request: HttpRequest, seconds: int) -> HttpResponse:
    page = render(request, "locked_out.html", {"sentence": locked_sentence(seconds)}, status=429)
    page["Retry-After"] = str(seconds)
    return page
