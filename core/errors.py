"""What a service says when it will not do a thing. The API turns each into its status, the admin into a message."""

from uuid import UUID


class Refusal(Exception):
    """`detail` is one sentence for the person who asked; `errors` names the fields to mend, where there are any."""

    status = 400

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


class Unavailable(Refusal):
    """503: a service that this needs does not answer."""

    status = 503
