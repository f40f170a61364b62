"""`manage.py reconcile_payments`: compares online payments with what the provider lists."""

import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.models import Checkout, CheckoutState, OnlineRefund
from billing.online import services
from billing.payments import services as payments
from core.errors import Refusal
from core.forms import as_uuid
from core.tenancy.scope import practice_scope
from integrations import payments as providers
from integrations.payments import CheckoutSession, PaymentsFailed
from practices.models import Practice

DAY = 24 * 3600
ANSWERED_WITHIN = timedelta(minutes=10)


class Command(BaseCommand):
    help = (
        "Book what was paid online and not told here (a webhook that never came), and name what differs: another "
        "amount, a payment that the provider does not know, a refund without an answer. Exit code 1: something differs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=7, metavar="N", help="pages of the last N days (%(default)s)")
        parser.add_argument(
            "--settle-refunds",
            action="store_true",
            help="enter the refunds without an answer that the provider has made, and forget those that it has not",
        )

    def handle(self, *args: Any, days: int, settle_refunds: bool, **options: Any) -> None:
        if not providers.is_configured():
            raise CommandError("Online payments are switched off: PAYMENTS_URL is not set.")
        if days < 1:
            raise CommandError("--days must be 1 or more.")
        since = int(time.time()) - days * DAY
        try:
            sessions = [session for session in providers.provider().sessions_since(since) if session.practice]
        except PaymentsFailed as error:
            raise CommandError(f"The provider did not answer: {error}.") from error
        differences = booked = 0
        for practice in Practice.objects.order_by("pk"):
            theirs = {session.id: session for session in sessions if as_uuid(session.practice) == practice.pk}
            with practice_scope(practice.pk):
                booked += sum(self._book(session) for session in theirs.values())
                differences += self._compare(theirs, since) + self._unanswered(settle=settle_refunds)
        self.stdout.write(f"Pages: {len(sessions)}. Booked now: {booked}. Different: {differences}.")
        if differences:
            raise CommandError("Some payments differ; see above.")

    def _book(self, session: CheckoutSession) -> bool:
        if session.is_live != providers.is_live():
            return False
        try:
            return services.apply(session)
        except Refusal as refusal:
            self.stdout.write(f"{session.id}: {refusal.detail}")
            return False

    def _compare(self, theirs: dict[str, CheckoutSession], since: int) -> int:
        """Print and count what is not the same there and here."""
        differences = 0
        ours = Checkout.objects.filter(provider="stripe", is_live=providers.is_live()).select_related("payment")
        known = {checkout.session: checkout for checkout in ours if checkout.created_at.timestamp() > since + 60}
        for name, session in theirs.items():
            checkout = ours.filter(session=name).first()
            paid = -checkout.payment.amount if checkout and checkout.payment else 0
            if session.is_paid and paid != session.amount:
                self.stdout.write(f"{name}: paid {session.amount} there, {paid} here.")
                differences += 1
        for name, checkout in known.items():
            if checkout.state == CheckoutState.PAID and (name not in theirs or not theirs[name].is_paid):
                self.stdout.write(f"{name}: paid here, and not there.")
                differences += 1
        return differences

    def _unanswered(self, *, settle: bool) -> int:
        """Print and count the refunds without an answer; with `settle` those of this provider and mode are settled."""
        left = 0
        rows = OnlineRefund.objects.filter(updated_at__lt=timezone.now() - ANSWERED_WITHIN)
        for asked in rows.select_related("payment__checkout", "made_by"):
            checkout, said = asked.payment.checkout, "not answered. Enter it again."
            if (checkout.provider, checkout.is_live) != (settings.PAYMENTS_PROVIDER, providers.is_live()):
                said = "not answered, by another provider or mode. Run this with its PAYMENTS_URL and --settle-refunds."
            elif settle:
                try:
                    said = "made, and entered now." if payments.settle(asked) else "not made, and forgotten."
                    left -= 1
                except PaymentsFailed as error:
                    said = f"not answered again: {error}."
            self.stdout.write(f"Refund {asked.pk} of payment {asked.payment_id}: {said}")
            left += 1
        return left
