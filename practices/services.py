"""What can be done with a practice."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from core.encryption.blind_index import join_code_fingerprint
from core.errors import Conflict, Invalid, Missing
from core.tenancy import current_practice_id, installation_scope, practice_scope
from practices.models import Office, Practice, as_join_code

if TYPE_CHECKING:
    from accounts.models import User

NO_SUCH_OFFICE = "There is no such office."
FOREIGN_KEY = "23503"  # PostgreSQL's word for a row that names one which is not there


def current_practice() -> Practice:
    """The practice of the open scope."""
    return Practice.objects.get(pk=current_practice_id())


def practice_with_code(join_code: str) -> Practice | None:
    """The practice whose own code this is."""
    return Practice.objects.filter(join_code_index=join_code_fingerprint(as_join_code(join_code))).first()


def practice_to_join(*, home: UUID | None = None) -> Practice:
    """The practice a registering patient means who gives no code: that of the colleague who registers them (`home`),
    else the only one there is."""
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


def office_of(office_id: Any) -> Office:
    """The scope's practice's office with this id; raises Missing."""
    office: Office = Office.objects.found(pk=office_id)
    return office


def zone_at(office_id: UUID | None) -> ZoneInfo:
    """The local time at this office, else the practice's, in one query. Raises Missing."""
    if office_id is None:
        return current_practice().tzinfo
    office: Office = Office.objects.select_related("practice").found(pk=office_id)
    return office.tzinfo


def practice_of_office(office_id: UUID) -> UUID:
    """For somebody who stands above the practices, which are looked through one by one: no scope shows the offices of
    all. Raises Missing."""
    for practice_id in Practice.objects.values_list("pk", flat=True):
        with practice_scope(practice_id):
            if Office.objects.filter(pk=office_id).exists():
                return practice_id
    raise Missing(NO_SUCH_OFFICE)


@contextmanager
def naming_an_office() -> Iterator[None]:
    """One transaction in which a row comes to name an office. Raises Missing where somebody has removed that office
    meanwhile: PostgreSQL looks only as the transaction ends; SQLite's transactions queue (IMMEDIATE)."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if not office_is_gone(error):
            raise
        raise Missing(NO_SUCH_OFFICE) from error


def office_is_gone(error: IntegrityError) -> bool:
    """Whether this is PostgreSQL's refusal of a row that names an office which is no more."""
    cause: Any = error.__cause__
    return getattr(cause, "sqlstate", "") == FOREIGN_KEY and "_office_id_" in (cause.diag.constraint_name or "")


@transaction.atomic
def save_office(*, office: Office, by: "User") -> Office:
    """Store a new or changed location of the scope's practice."""
    office.save()
    return office


@transaction.atomic
def change_office(*, office_id: UUID, by: "User", **changes: str) -> Office:
    """The fields not named keep what they hold. Raises Missing."""
    office: Office = Office.objects.select_for_update().found(pk=office_id)
    for field, value in changes.items():
        setattr(office, field, value)
    office.save(update_fields={*changes, "updated_at"})
    return office


def remove_office(*, office_id: UUID, by: "User") -> None:
    """Raises Missing, and Conflict as long as anything names it, which the database itself tells."""
    try:
        with transaction.atomic():
            Office.objects.select_for_update().found(pk=office_id).delete()
    except (ProtectedError, IntegrityError) as error:
        raise Conflict("People, appointments or join codes name this office, so it stays.") from error
