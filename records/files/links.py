"""Links to a file, for a viewer in the same browser: good for FILE_LINK_MINUTES, for the session that asked for one."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.utils import timezone

from accounts.models import User
from core.errors import Gone, Missing
from records.models import Attachment

LASTS = timedelta(minutes=settings.FILE_LINK_MINUTES)
LABEL = Attachment._meta.label


def _signer(by: User, attachment_id: UUID) -> TimestampSigner:
    """Whose link to which file it is, is no part of it: it is right in that session and for that file alone."""
    return TimestampSigner(salt=f"file link:{attachment_id}:{by.session_id}")


def make(*, by: User, attachment_id: UUID) -> tuple[str, datetime]:
    """The link's token, and until when it is good."""
    return _signer(by, attachment_id).sign("link"), timezone.now() + LASTS


def check(*, by: User, attachment_id: UUID, token: str) -> None:
    """Raises Gone for one that has expired, and Missing for what is no link of this session to this file."""
    try:
        _signer(by, attachment_id).unsign(token, max_age=LASTS)
    except SignatureExpired as expired:
        raise Gone("This link has expired. Please ask for a new one.") from expired
    except BadSignature as error:
        raise Missing("There is no such link.", about=LABEL, about_id=attachment_id) from error
