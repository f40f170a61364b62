"""What can be done with a practice."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from core.errors import Invalid
from core.tenancy import current_practice_id, installation_scope
from practices.models import Office, Practice

if TYPE_CHECKING:
    from accounts.models import User


def current_practice() -> Practice:
    """The practice of the open scope."""
    return Practice.objects.get(pk=current_practice_id())


def practice_to_join(*, join_code: str, home: UUID | None = None) -> Practice:
    """The practice a registering patient means: the one the code names, else that of the colleague who registers them
    (`home`), else the only one there is."""
    if join_code:
        practice = Practice.objects.filter(join_code=join_code.strip().upper()).first()
        if practice is None:
            raise Invalid("joinCode", "No practice has this join code.")
        return practice
    if home is not None:
        return Practice.objects.get(pk=home)
    practices = list(Practice.objects.all()[:2])
    if len(practices) != 1:
        raise Invalid("joinCode", "Give the join code of your practice.")
    return practices[0]


@installation_scope()
@transaction.atomic
def create_practice(*, name: str, timezone: str = "UTC", by: "User | None", **fields: Any) -> Practice:
    """A new tenant. `by` is None for the platform's own commands and for an open practice sign-up."""
    practice = Practice(name=name, timezone=timezone, **fields)
    practice.full_clean()
    practice.save()
    return practice


@transaction.atomic
def save_practice(*, practice: Practice, by: "User") -> Practice:
    """Store what an office manager changed about their practice."""
    practice.save()
    return practice


@transaction.atomic
def save_office(*, office: Office, by: "User") -> Office:
    """Store a new or changed location of the scope's practice."""
    office.save()
    return office
