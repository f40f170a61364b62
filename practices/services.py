"""Services for practices and their offices."""

from collections.abc import Container, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from django.db.models import Model, ProtectedError
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit import context
from core.codes import normalise_code
from core.encryption.blind_index import join_code_fingerprint
from core.errors import CHANGED_MEANWHILE, Conflict, Invalid, NotFound, StaleVersion
from core.tenancy.compiled import CompiledQuery
from core.tenancy.scope import current_practice_id, installation_scope, practice_scope
from practices.models import Office, Practice
from practices.serializers import PracticeShape

if TYPE_CHECKING:
    from accounts.models import User

# Sent in the transaction, after the row is stored, with `practice`, `by` and `changed`, the names of changed fields.
practice_changed = Signal()
office_changed = Signal()  # the same, with `office`
NO_SUCH_OFFICE = _("Office not found.")
FOREIGN_KEY = "23503"  # PostgreSQL's code for a foreign key violation


_current = CompiledQuery[Practice](lambda person: Practice.objects.filter(pk=current_practice_id()).order_by())


def current_practice() -> Practice:
    """Return the practice of the current scope."""
    return _current(None).get_or_refuse()


def local_days(asked: Container[str]) -> AbstractContextManager[None]:
    """Return the context in which to read a query with a range: a day in it is the practice's day."""
    has_range = "from" in asked or "to" in asked
    return timezone.override(current_practice().tzinfo) if has_range else nullcontext()


def practice_with_code(join_code: str) -> Practice | None:
    """Return the practice with this join code of its own."""
    return Practice.objects.filter(join_code_index=join_code_fingerprint(normalise_code(join_code))).first()


def get_practice_to_join(*, home: UUID | None = None) -> Practice:
    """Return the practice of a patient who registers without a code: that of the colleague who registers them (`home`),
    else the only one there is. Raises Invalid."""
    if home is not None:
        return Practice.objects.get(pk=home)
    practice = only_practice()
    if practice is None:
        raise Invalid("joinCode", _("Enter your practice's join code."))
    return practice


def only_practice() -> Practice | None:
    """Return the practice of an installation that has just one."""
    practices = list(Practice.objects.all()[:2])
    return practices[0] if len(practices) == 1 else None


@installation_scope()
@transaction.atomic
def create_practice(*, name: str, timezone: str = "UTC", **fields: Any) -> Practice:
    """Create a practice. Raises ValidationError."""
    practice = Practice(name=name, timezone=timezone, **fields)
    practice.full_clean()
    practice.save()
    return practice


@transaction.atomic
def save_practice(*, practice: Practice, by: "User") -> Practice:
    """Store a practice that an office manager changed. Raises what receivers of `practice_changed` raise."""
    before = Practice.objects.select_for_update(no_key=True).get(pk=practice.pk)
    practice.version = before.version
    changed = _differing(before, practice)
    practice.version += bool(changed)
    with context.done_by(by):
        practice.save()
    practice_changed.send(sender=Practice, practice=practice, by=by, changed=changed)
    return practice


def _differing(before: Model, after: Model) -> set[str]:
    fields = before._meta.concrete_fields
    return {field.name for field in fields if getattr(after, field.attname) != getattr(before, field.attname)}


@transaction.atomic
def change_practice(*, by: "User", expected: int | None = None, **changes: Any) -> Practice:
    """Change the given settings of the current practice. `expected` is the version that the caller has read. Raises
    StaleVersion, and what `save_practice` raises."""
    practice = Practice.objects.select_for_update(no_key=True).get(pk=current_practice_id())
    if expected is not None and practice.version != expected:
        raise StaleVersion(CHANGED_MEANWHILE, current=PracticeShape.to_dict(practice))
    for field, value in changes.items():
        setattr(practice, field, value)
    return save_practice(practice=practice, by=by)


def get_office(office_id: Any) -> Office:
    """Return the practice's office with this id, with the practice, which may have its time zone. Raises NotFound."""
    office: Office = Office.objects.select_related("practice").get_or_refuse(pk=office_id)
    return office


def get_timezone_at(office_id: UUID | None) -> ZoneInfo:
    """Return the time zone of this office, else of the practice, in one query. Raises NotFound."""
    if office_id is None:
        return current_practice().tzinfo
    return get_office(office_id).tzinfo


def each_practice() -> Iterator[UUID]:
    """Open the scope of one practice after another, for work that the installation does in each, and yield its id."""
    for practice_id in Practice.objects.order_by("pk").values_list("pk", flat=True):
        with practice_scope(practice_id):
            yield practice_id


def find_practice_of_office(office_id: UUID) -> UUID:
    """Return the id of the practice that has this office, for a superuser. Raises NotFound.

    Practices are searched one by one, since no scope sees the offices of all.
    """
    for practice_id in each_practice():
        if Office.objects.filter(pk=office_id).exists():
            return practice_id
    raise NotFound(NO_SUCH_OFFICE)


@contextmanager
def checking_office_exists() -> Iterator[None]:
    """Run a transaction that stores a reference to an office; raise NotFound if the office has been removed meanwhile.

    PostgreSQL checks only at the end of the outermost transaction unless asked to here; SQLite's transactions run one
    at a time (IMMEDIATE).
    """
    check_now = connection.vendor == "postgresql" and connection.in_atomic_block
    try:
        with transaction.atomic():
            yield
            if check_now:
                connection.check_constraints()
    except IntegrityError as error:
        if not is_missing_office_error(error):
            raise
        raise NotFound(NO_SUCH_OFFICE) from error


def is_missing_office_error(error: IntegrityError) -> bool:
    return is_missing_row_error(error, "_office_id_")


def is_missing_row_error(error: IntegrityError, column: str) -> bool:
    """Return whether PostgreSQL rejected a reference in this column to a row that no longer exists."""
    cause: Any = error.__cause__
    return getattr(cause, "sqlstate", "") == FOREIGN_KEY and column in (cause.diag.constraint_name or "")


@transaction.atomic
def save_office(*, office: Office, by: "User") -> Office:
    """Store a new or changed office. Raises what receivers of `office_changed` raise."""
    before = Office.objects.select_for_update(no_key=True).filter(pk=office.pk).first()
    with context.done_by(by):
        office.save()
    if before is not None:
        office_changed.send(sender=Office, office=office, by=by, changed=_differing(before, office))
    return office


@transaction.atomic
def change_office(*, office_id: UUID, by: "User", expected: int | None = None, **changes: str) -> Office:
    """Change the given fields of an office. `expected` is the version that the caller has read. Raises NotFound,
    StaleVersion, and what `save_office` raises."""
    office: Office = Office.objects.select_for_update(no_key=True).get_or_refuse(pk=office_id)
    office.check_version(expected)
    for field, value in changes.items():
        setattr(office, field, value)
    return save_office(office=office, by=by)


def remove_office(*, office_id: UUID, by: "User") -> None:
    """Remove an office. Raises NotFound, and Conflict while anything refers to it, as the database reports."""
    try:
        with transaction.atomic(), context.done_by(by):
            Office.objects.select_for_update().get_or_refuse(pk=office_id).delete()
    except (ProtectedError, IntegrityError) as error:
        raise Conflict(
            _(
                "This office can't be removed while people, appointments, rooms, working hours, days off or join codes "
                "use it."
            )
        ) from error
