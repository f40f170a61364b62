"""Invite somebody to open an account: a mail with a link, good for DAYS, with which they choose their own password. It
can be sent again, which makes earlier links useless, and withdrawn."""

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet, TextChoices
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import log_event
from accounts.mail import send_in_background
from accounts.models import Invitation, User
from accounts.users.services import ALREADY_HAS_ACCOUNT, register_user
from audit.events import AuditEvent, Outcome
from core.errors import Conflict, Forbidden, Invalid, Refusal
from core.formats import format_datetime
from core.languages import speaking
from core.permissions import Permission
from core.tenancy.scope import installation_scope, practice_scope
from practices.services import current_practice

DAYS = 7
INVITED_ALREADY = _("This person has already been invited. You can send the invitation again from the list.")
OVER = _("This invitation has been accepted or withdrawn.")
SUBJECT = _("Your invitation to %(practice)s")
TEXT = _("""%(name)s, you are invited to open an account at %(practice)s.

Choose your password here. The link works until %(end)s:
%(link)s

If you don't know this practice, you can ignore this email.
""")


class InvitationState(TextChoices):
    PENDING = "pending", _("Pending")
    EXPIRED = "expired", _("Expired")
    ACCEPTED = "accepted", _("Accepted")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class LinkNotValid(Refusal):
    """400: made up, expired, used, withdrawn, or replaced by a newer one."""

    def __init__(self) -> None:
        super().__init__(_("This invitation no longer works. Please ask the practice to send you a new one."))


def get_state(invitation: Invitation) -> InvitationState:
    if invitation.accepted_at:
        return InvitationState.ACCEPTED
    if invitation.withdrawn_at:
        return InvitationState.WITHDRAWN
    return InvitationState.PENDING if invitation.expires_at > timezone.now() else InvitationState.EXPIRED


def in_state(state: str) -> QuerySet[Invitation]:
    """Return the practice's invitations of which `get_state` says this."""
    over = Q(accepted_at__isnull=False) | Q(withdrawn_at__isnull=False)
    found: QuerySet[Invitation] = {
        InvitationState.ACCEPTED: Invitation.objects.exclude(accepted_at=None),
        InvitationState.WITHDRAWN: Invitation.objects.filter(accepted_at=None).exclude(withdrawn_at=None),
        InvitationState.PENDING: Invitation.objects.exclude(over).filter(expires_at__gt=timezone.now()),
        InvitationState.EXPIRED: Invitation.objects.exclude(over).filter(expires_at__lte=timezone.now()),
    }[InvitationState(state)]
    return found


@transaction.atomic
def invite(*, by: User, name: str, email: str, role: str) -> Invitation:
    """Invite somebody to the current practice. Raises Forbidden for anybody who is not an office manager, and Invalid
    for an email that has an account, or an invitation that was not answered yet."""
    _check_may_invite(by)
    with installation_scope():
        if User.all_practices.with_email(email) is not None:
            raise Invalid("email", ALREADY_HAS_ACCOUNT)
    invitation = Invitation(name=name, email=email, role=role, invited_by=by)
    try:
        with transaction.atomic():
            _send(invitation)
    except IntegrityError as error:
        raise Invalid("email", INVITED_ALREADY) from error
    return invitation


@transaction.atomic
def resend(*, by: User, invitation_id: UUID) -> Invitation:
    """Send it again, with a new link and DAYS more. Raises Forbidden, NotFound, and Conflict if it is over."""
    _check_may_invite(by)
    invitation = _lock(invitation_id)
    _send(invitation)
    return invitation


@transaction.atomic
def withdraw(*, by: User, invitation_id: UUID) -> Invitation:
    """Make its link useless. Raises Forbidden, NotFound, and Conflict if it is over."""
    _check_may_invite(by)
    invitation = _lock(invitation_id)
    invitation.withdrawn_at = timezone.now()
    invitation.save()
    return invitation


def _check_may_invite(by: User) -> None:
    (manager,) = User.all_practices.lock(by)
    if not (manager.is_active and manager.can(Permission.REGISTER_USERS)):
        raise Forbidden(_("You no longer manage this practice."))


def _lock(invitation_id: UUID) -> Invitation:
    invitation: Invitation = Invitation.objects.select_for_update(of=("self",)).get_or_refuse(pk=invitation_id)
    if invitation.accepted_at or invitation.withdrawn_at:
        raise Conflict(OVER)
    return invitation


def _send(invitation: Invitation) -> None:
    token = secrets.token_urlsafe(32)
    invitation.token_hash = _hash(token)
    invitation.sent_at = timezone.now()
    invitation.expires_at = invitation.sent_at + timedelta(days=DAYS)
    invitation.save()
    practice = current_practice()
    with speaking([practice.language]):
        said = {
            "name": invitation.name,
            "practice": practice.name,
            "end": format_datetime(invitation.expires_at),
            "link": settings.SITE_URL + reverse("invitation", args=[token]),
        }
        message = EmailMessage(SUBJECT % {"practice": practice.name}, TEXT % said, to=[invitation.email])
    about, practice_id = str(invitation.pk), invitation.practice_id
    transaction.on_commit(lambda: send_in_background(message, about_id=about, practice_id=practice_id))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@installation_scope()
def check(token: str) -> Invitation:
    """Return the invitation of a link that works. Raises LinkNotValid, which is logged."""
    found: Invitation | None = (
        Invitation.all_practices.select_related("practice").filter(token_hash=_hash(token)).first()
    )
    if found is None or get_state(found) != InvitationState.PENDING:
        log_event(AuditEvent.REGISTERED, None, outcome=Outcome.FAILED, reason="link_not_valid")
        raise LinkNotValid
    return found


def accept(*, token: str, password: str) -> User:
    """Open the account with this password. Raises LinkNotValid, Invalid for a weak password, and Conflict for an email
    that has got an account in the meantime; the link still works then. Of parallel uses one succeeds."""
    practice_id = check(token).practice_id
    with practice_scope(practice_id), transaction.atomic():
        invitation = Invitation.objects.select_for_update(of=("self",)).filter(token_hash=_hash(token)).first()
        if invitation is None or get_state(invitation) != InvitationState.PENDING:
            raise LinkNotValid
        try:
            user = register_user(
                by=None, email=invitation.email, name=invitation.name, role=invitation.role, password=password
            )
        except Invalid as refusal:
            if "email" in (refusal.errors or {}):
                raise Conflict(ALREADY_HAS_ACCOUNT) from refusal
            raise
        invitation.accepted_at = timezone.now()
        invitation.save()
    return user
