"""Links to a file, for a viewer in the same browser: valid for FILE_LINK_MINUTES and for the session that requested
it."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core.errors import Gone, NotFound
from records.models import Attachment

LIFETIME = timedelta(minutes=settings.FILE_LINK_MINUTES)
LABEL = Attachment._meta.label


def _signer(by: User, attachment_id: UUID) -> TimestampSigner:
    """Return a signer for one session and file; neither is part of the token, which is only valid for both."""
    return TimestampSigner(salt=f"file link:{attachment_id}:{by.session_id}")


def create(*, by: User, attachment_id: UUID) -> tuple[str, datetime]:
    """Return the link's token and when it expires."""
    return _signer(by, attachment_id).sign("link"), timezone.now() + LIFETIME


def check(*, by: User, attachment_id: UUID, token: str) -> None:
    """Raise Gone for an expired token, and NotFound for anything that is not this session's link to this file."""
    try:
        _signer(by, attachment_id).unsign(token, max_age=LIFETIME)
    except SignatureExpired as expired:
        raise Gone(_("This link has expired. Please request a new one.")) from expired
    except BadSignature as error:
        raise NotFound(_("Link not found."), about=LABEL, about_id=attachment_id) from error
