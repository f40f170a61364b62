"""Connect charts to accounts; the accounts app does not know about charts."""

from datetime import date
from typing import Any
from uuid import UUID

from django.dispatch import receiver

from accounts.models import User
from accounts.roles import Role
from accounts.users.services import account_opened
from patients.models import ChartStatus, Patient


@receiver(account_opened)
def open_pending_chart(*, account: User, date_of_birth: date | None, **kwargs: Any) -> None:
    """Open a pending chart for a patient's new account. It is never linked to an existing chart, because an email
    address does not prove identity."""
    if account.role == Role.PATIENT:
        fields = {"name": account.name, "email": account.email, "phone": account.phone, "date_of_birth": date_of_birth}
        Patient.objects.create(user=account, status=ChartStatus.PENDING, **fields)


def charts_of_accounts(accounts: list[UUID]) -> dict[UUID, list[UUID]]:
    """Return the chart ids by account id; accounts without a chart are left out."""
    charts = Patient.objects.filter(user__in=accounts).values_list("user", "pk") if accounts else ()
    return {account: [chart] for account, chart in charts}
