"""Telling a practice's admins by e-mail that somebody broke the glass. Care never waits for a mail server: what it does
not take is logged, and the review queue shows that nobody was told by e-mail."""

from collections.abc import Iterable, Iterator

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from core.encryption.fields import unreadable_marked
from core.encryption.keyring import DecryptionError
from core.tenancy import practice_scope
from patients.models import EmergencyAccess

logger = structlog.get_logger("praxis.alerts")
SUBJECT = "A restricted chart was opened in an emergency"
TEXT = """{who} opened a restricted chart in an emergency.

Please review it: {where}
It stays on your Today page until somebody else than {who} has signed it off.
"""


def send(access: EmergencyAccess) -> None:
    """To each active admin, also one who opened it: it may have been somebody else at their desk. Names no patient."""
    with practice_scope(access.practice_id):
        admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("id")
        where = settings.SITE_URL + reverse("admin:patients_emergencyaccess_change", args=[access.pk])
        with unreadable_marked():
            text = TEXT.format(who=access.opened_by.name, where=where)
        try:
            sent = EmailMessage(SUBJECT, text, bcc=list(_addresses(admins))).send()
        except (OSError, ValueError) as error:  # what smtplib raises, and what it makes of an odd address
            logger.error("emergency alert not sent", emergency_id=str(access.pk), error=type(error).__name__)
            return
        if sent:
            access.alerted_at = timezone.now()
            access.save(update_fields={"alerted_at", "updated_at"})


def _addresses(admins: Iterable[User]) -> Iterator[str]:
    """Without one that cannot be decrypted: the others are told all the same."""
    for admin in admins:
        try:
            yield admin.email
        except DecryptionError as error:
            logger.error("emergency alert has no address", user_id=str(admin.pk), error=str(error))
