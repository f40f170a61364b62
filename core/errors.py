"""Exceptions of services. The API answers each with its status, the admin with a message."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Sentence = str | Promise  # translated already, or when the error is made

CHANGED_MEANWHILE = _("Someone else changed this while you were editing. Review the latest version and save again.")


class Refusal(Exception):
    """A refused request. `detail` is one sentence for the user; `errors` maps the fields to fix to their messages."""

    status = 400
    extra: ClassVar[Mapping[str, Any]] = {}  # further keys of the API's answer

    def __init__(self, detail: Sentence, *, errors: dict[str, list[str]] | None = None) -> None:
        self.detail = str(detail)
        super().__init__(self.detail)
        self.errors = errors


class Invalid(Refusal):
    """400: a field has an invalid value."""

    def __init__(self, field: str, message: Sentence) -> None:
        self.message = str(message)
        super().__init__(f"{field}: {self.message}", errors={field: [self.message]})


class NotSignedIn(Refusal):
    """401: not signed in, or not any more."""

    status = 401


class Forbidden(Refusal):
    """403."""

    status = 403


class NotFound(Refusal):
    """404: not in this practice, whether or not another practice has it. `about` and `about_id` record in the audit
    event what was asked for."""

    status = 404

    def __init__(self, detail: Sentence, *, about: str = "", about_id: UUID | None = None) -> None:
        super().__init__(detail)
        self.about, self.about_id = about, about_id


class Conflict(Refusal):
    """409: someone else was faster, or the current state does not allow it."""

    status = 409


class StaleVersion(Conflict):
    """409: changed by someone else since it was read. The answer holds the current state."""

    def __init__(self, detail: Sentence, *, current: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.extra = {} if current is None else {"current": current}  # type: ignore[misc]


class Gone(Refusal):
    """410: it existed, but can no longer be restored."""

    status = 410


class TooLarge(Refusal):
    """413."""

    status = 413


class QuotaExceeded(Refusal):
    """507: no storage space is left for it."""

    status = 507


class Unavailable(Refusal):
    """503: a service that this needs is down."""

    status = 503
