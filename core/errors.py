"""What a service says when it will not do a thing. The API turns each into its status, the admin into a message."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID


class Refusal(Exception):
    """`detail` is one sentence for the person who asked; `errors` names the fields to mend, where there are any."""

    status = 400
    shown: ClassVar[Mapping[str, Any]] = {}  # what the answer holds beside the sentence

    def __init__(self, detail: str, *, errors: dict[str, list[str]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors


class Invalid(Refusal):
    """400: this field cannot be stored so."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}", errors={field: [message]})
        self.message = message


class NotSignedIn(Refusal):
    """401: nobody, or somebody who no longer is."""

    status = 401


class Forbidden(Refusal):
    status = 403


class Missing(Refusal):
    """404: no such thing in this practice; another practice's things do not exist either. `about` and `about_id` tell
    the trail what was asked for."""

    status = 404

    def __init__(self, detail: str, *, about: str = "", about_id: UUID | None = None) -> None:
        super().__init__(detail)
        self.about, self.about_id = about, about_id


class Conflict(Refusal):
    """409: somebody was faster, or the state does not allow it."""

    status = 409


class Stale(Conflict):
    """409: it was changed since the person who wants to change it has read it. The answer holds it as it is now."""

    def __init__(self, detail: str, *, current: Mapping[str, Any]) -> None:
        super().__init__(detail)
        self.shown = {"current": current}  # type: ignore[misc]


class Gone(Refusal):
    """410: it was there, and the time in which it could be had back is over."""

    status = 410


class TooLarge(Refusal):
    status = 413


class Full(Refusal):
    """507: there is no room left for it."""

    status = 507


class Unavailable(Refusal):
    """503: a service that this needs does not answer."""

    status = 503
