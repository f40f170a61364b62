"""Email a practice's admins when someone breaks the glass. Care never waits for a mail server: a failure is logged, and
the review queue shows that no email was sent."""

from collections.abc import Iterable, Iterator

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Role
from core.encryption.fields import unreadable_marked
from core.encryption.keyring import DecryptionError
from core.tenancy.scope import practice_scope
from patients.models import EmergencyAccess

logger = structlog.get_logger("praxis.alerts")
SUBJECT = _("A restricted chart was opened in an emergency")
TEXT = _("""%(who)s opened a restricted chart in an emergency.

Please review it: %(where)s
It stays on your Today page until someone other than %(who)s signs it off.
""")


def send(access: EmergencyAccess) -> None:
    """Email every active admin, including the one who opened it: someone else may have used their computer. The email
    does not name the patient."""
    with practice_scope(access.practice_id):
        admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("id")
        where = settings.SITE_URL + reverse("admin:patients_emergencyaccess_change", args=[access.pk])
        with unreadable_marked():
            text = TEXT % {"who": access.opened_by.name, "where": where}
        try:
            sent = EmailMessage(str(SUBJECT), text, bcc=list(_addresses(admins))).send()
        except (OSError, ValueError) as error:  # raised by smtplib, the latter for invalid addresses
            logger.error("emergency alert not sent", emergency_id=str(access.pk), error=type(error).__name__)
            return
        if sent:
            access.alerted_at = timezone.now()
            access.save(update_fields={"alerted_at", "updated_at"})


def _addresses(admins: Iterable[User]) -> Iterator[str]:
    """Yield the addresses; skip those that cannot be decrypted, so that the others still get the email."""
    for admin in admins:
        try:
            yield admin.email
        except DecryptionError as error:
            logger.error("emergency alert has no address", user_id=str(admin.pk), error=str(error))
