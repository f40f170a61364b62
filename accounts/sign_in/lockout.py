"""At most five failed sign-ins per email in 15 minutes, also when guesses arrive in parallel.

The handlers of django-axes count a failure after checking the password, so a burst of guesses is all tested before the
lock applies. This handler reserves the attempt before the check, and a success gives it back. The count is kept in
Redis under `login:attempts:{email}`, a hash {count, first_attempt}, for 900 seconds from the first attempt, as the
contract says; without Redis, in the process's cache.
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
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from core.cache import redis_client
from core.client import is_api
from core.encryption.blind_index import normalised_email
from core.errors import Unavailable

MAX_EMAIL_LENGTH = 254  # RFC 5321
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
_GIVE_BACK = """
if tonumber(redis.call('HGET', KEYS[1], 'count') or '0') > 0 then redis.call('HINCRBY', KEYS[1], 'count', -1) end
"""
_cache_lock = threading.Lock()


def attempted_email(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Return the email that django-axes counts by."""
    return normalised_email(str((credentials or {}).get("username") or ""))


def attempts_key(email: str) -> str:
    """Return the key of an email's count. Overlong input is hashed, so that no one can fill the memory with keys."""
    email = normalised_email(email)
    if len(email) > MAX_EMAIL_LENGTH:
        email = hashlib.sha256(email.encode()).hexdigest()
    return f"login:attempts:{email}"


def password_key(user_id: UUID) -> str:
    """Return the key for wrong passwords of a signed-in user."""
    return f"password:attempts:{user_id}"


def second_factor_key(user_id: UUID) -> str:
    """Return the key for wrong codes, separate so that a right password does not reset it."""
    return f"mfa:attempts:{user_id}"


def reserve_attempt(email: str) -> int:
    """Reserve one attempt of this email, as `reserve` does."""
    return reserve(attempts_key(email))


def reserve(key: str) -> int:
    """Reserve an attempt under this key; return 0, or the seconds until the lock ends if none is left.

    Raises Unavailable if attempts cannot be counted: sign-in fails closed.
    """
    if not redis_client.configured():
        return _reserve_in_cache(_cache_key(key))
    arguments = [settings.LOGIN_ATTEMPTS, settings.LOGIN_ATTEMPTS_WINDOW, int(time.time())]
    try:
        return int(redis_client.call(lambda client: client.eval(_RESERVE, 1, key, *arguments)))
    except redis_client.RedisDown as error:
        raise Unavailable(_("Sign-in is not available right now. Please try again in a moment.")) from error


def _cache_key(key: str) -> str:
    """Return a hashed key: Django's cache would log a key with a space in it, perhaps a password in the wrong field."""
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


def give_back_attempt(email: str) -> None:
    """Take back the attempt that was reserved for this email: its password was not compared with anything."""
    key = attempts_key(email)
    if not redis_client.configured():
        with _cache_lock:
            attempts = cache.get(_cache_key(key))
            if attempts:
                left = math.ceil(attempts["first_attempt"] + settings.LOGIN_ATTEMPTS_WINDOW - time.time())
                cache.set(_cache_key(key), {**attempts, "count": max(attempts["count"] - 1, 0)}, timeout=left)
        return
    try:
        redis_client.call(lambda client: client.eval(_GIVE_BACK, 1, key))
    except redis_client.RedisDown:
        pass  # logged by redis_client; the count expires


def clear_attempts(email: str) -> None:
    """Reset the count of this email after a success."""
    clear(attempts_key(email))


def clear(key: str) -> None:
    """Reset the count under this key."""
    if not redis_client.configured():
        cache.delete(_cache_key(key))
        return
    try:
        redis_client.call(lambda client: client.delete(key))
    except redis_client.RedisDown:
        pass  # logged by redis_client; the count expires


def locked_message(seconds: int) -> str:
    """Return the API's message, as the contract words it."""
    return _("Too many failed attempts. Please try again in %(minutes)d minute(s).") % {
        "minutes": math.ceil(seconds / 60)
    }


class ReservingHandler(AxesHandler):
    """django-axes calls `is_allowed` before the password is checked; a refusal stops the sign-in."""

    def is_allowed(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        wait = reserve_attempt(attempted_email(request, credentials))
        request.lockout_seconds = wait  # type: ignore[attr-defined]
        request.axes_locked_out = wait > 0  # type: ignore[attr-defined] # makes axes' middleware call lockout_response
        return wait == 0

    def reset_attempts(self, *, username: str | None = None, **kwargs: Any) -> int:
        """Unlock this email completely, for `manage.py axes_reset_username`."""
        if username:
            clear_attempts(username)
            user = User.all_practices.with_email(username)
            if user is not None:
                clear(password_key(user.pk))
                clear(second_factor_key(user.pk))
        return int(bool(username))


def lockout_response(request: HttpRequest, response: HttpResponse, credentials: Any) -> HttpResponse:
    """Return the lockout page of the admin site; the API's response stays as it is."""
    if is_api(request):
        return response
    return locked_page(request, getattr(request, "lockout_seconds", settings.LOGIN_ATTEMPTS_WINDOW))


def locked_page(request: HttpRequest, seconds: int) -> HttpResponse:
    minutes = math.ceil(seconds / 60)
    sentence = ngettext(
        "Too many failed attempts. Try again in %(number)s minute.",
        "Too many failed attempts. Try again in %(number)s minutes.",
        minutes,
    ) % {"number": minutes}
    page = render(request, "locked_out.html", {"sentence": sentence}, status=429)
    page["Retry-After"] = str(seconds)
    return page
