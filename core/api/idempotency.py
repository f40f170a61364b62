"""Idempotency-Key at the API (docs/adr/0032): every POST of somebody signed in that carries one is done once, and
answered the same for 24 hours."""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from audit import context
from audit.events import AuditEvent
from core.api.renderers import dumps
from core.errors import Invalid, Refusal
from core.idempotency import services
from core.tenancy.scope import practice_scope

HEADER = "Idempotency-Key"
REPEATED = "Idempotency-Replayed"  # as other APIs call it
MAX_KEY = 255
STORED_HEADERS = ("ETag",)
PARAMETER = {
    "name": HEADER,
    "in": "header",
    "schema": {"type": "string", "maxLength": MAX_KEY},
    "description": "A key of your own, such as a UUID: sent again with the same body within 24 hours, the request is "
    "not done twice but answered the same (409 while the first is running).",
}
OTHER_REQUEST = {"422": "The Idempotency-Key was already used for a different request."}


def done_once(view: Any, handler: Callable[..., Response], request: Request, **ids: Any) -> Response:
    """Answer a POST that carries a key. Only what succeeds is kept: after a refusal the key is free again. Raises
    KeyReused, Conflict and Invalid."""
    practice_id = view.caller.practice_id
    asked = _digest(request.method or "", request.path, view.body_parts())
    with practice_scope(practice_id):
        reserved = services.reserve(user_id=view.caller.pk, key=_key_of(request), request=asked)
    if reserved.is_done:
        return _repeat(view, reserved.answer)
    refusal: Exception | None = None
    try:
        with _transaction(view):
            try:
                response = handler(request, **ids)
            except (Refusal, APIException) as error:
                refusal = error  # what was recorded of the refusal, such as a rejected file, stays
            else:
                with practice_scope(practice_id):
                    services.keep(reserved, _kept(view, response))
                return response
    finally:
        with practice_scope(practice_id):
            services.release(reserved)  # unless it is done
    raise refusal


def _transaction(view: Any) -> AbstractContextManager[Any]:
    return transaction.atomic() if view.one_transaction else nullcontext()


def _key_of(request: Request) -> str:
    key = request.headers[HEADER].strip().strip('"')
    if not 1 <= len(key) <= MAX_KEY:
        raise Invalid(HEADER, _("Use a key of 1 to %(most)d characters.") % {"most": MAX_KEY})
    return key


def _digest(method: str, path: str, parts: Iterable[bytes]) -> str:
    asked = hashlib.sha256(f"{method} {path}\n".encode())
    for part in parts:
        asked.update(hashlib.sha256(part).digest())
    return asked.hexdigest()


def _kept(view: Any, response: Response) -> dict[str, Any]:
    declared = view._read[0] if getattr(view, "_read", None) else ()
    return {
        "status": response.status_code,
        "body": dumps(response.data).decode(),
        "headers": {name: response[name] for name in STORED_HEADERS if name in response},
        "patients": sorted({str(pk) for pk in (*declared, *context.current().patients)}),
    }


def _repeat(view: Any, answer: dict[str, Any]) -> Response:
    """Return the kept answer, and have the trail say that it was shown again."""
    if hasattr(view, "audit_read"):
        view.audit_read([UUID(pk) for pk in answer["patients"]], kind=AuditEvent.ANSWER_REPEATED)
    body = orjson.loads(answer["body"])
    return Response(body, status=answer["status"], headers={**answer["headers"], REPEATED: "true"})
