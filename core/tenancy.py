"""The wall between practices (DESIGN.md rule 2): a query outside a practice's scope raises, a row of another practice
can neither be read nor written inside it."""

from collections.abc import Iterable
from typing import Any, ClassVar, cast
from uuid import UUID

from django.core.exceptions import FieldError, ObjectDoesNotExist
from django.db import connection, models, transaction

from audit import trail
from audit.events import Kind
from audit.registry import NOT_TOLD
from core import totals
from core.errors import Missing
from core.models import Model
from core.scope import INSTALLATION as INSTALLATION
from core.scope import ScopeError, current_practice_id, installation_scope, open_scope
from core.scope import account_scope as account_scope
from core.scope import practice_scope as practice_scope

STARTS_HELD = 256  # practices a manager remembers the start of


class PracticeQuerySet(models.QuerySet):
    """Bulk writes keep to the scope too, are told by the trail, and make remembered totals forget (core/totals.py)."""

    def found(self, **lookups: Any) -> Any:
        """The one row that matches; raises Missing where there is none in this practice."""
        try:
            return self.get(**lookups)
        except ObjectDoesNotExist as error:
            raise Missing(
                f"There is no such {self.model._meta.verbose_name}.",
                about=self.model._meta.label,
                about_id=lookups.get("pk"),
            ) from error

    def update(self, **values: Any) -> int:
        if {"practice", "practice_id"} & values.keys():
            raise ScopeError("A row stays in its practice.")
        derived_from = cast("type[PracticeModel]", self.model).saved_one_by_one & values.keys()
        if derived_from:
            raise FieldError(f"Other columns follow from {', '.join(derived_from)}: save the rows one by one.")
        with transaction.atomic(savepoint=False):
            patients, held = self._hold()
            changed = models.QuerySet.update(held, **values)
            if changed:
                self._tell(Kind.CHANGED, [*patients, *_moved_to(values)], changed, fields=sorted(values))
        totals.forget(self.model, open_scope())
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        deleted = super().delete()
        totals.forget(self.model, open_scope())
        return deleted

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        if kwargs.get("ignore_conflicts") or kwargs.get("update_conflicts"):
            raise FieldError("What is there already is left out or overwritten unseen: look rows up first.")
        rows = list(objs)
        for row in rows:
            row.enter_scope()
        with transaction.atomic(savepoint=False):
            created = super().bulk_create(rows, *args, **kwargs)
            if rows:
                self._tell(Kind.CREATED, [patient for row in rows for patient in row.about_patients()], len(rows))
        totals.forget(self.model, open_scope())
        return created

    def _hold(self) -> tuple[list[UUID], models.QuerySet]:
        """Whom the rows tell of, and exactly those rows, which nobody else changes before they are written. SQLite's
        transactions queue by themselves (IMMEDIATE)."""
        field = cast("type[PracticeModel]", self.model).patient_field
        if not field:
            return [], self
        rows: list[Any] = list(self.order_by().select_for_update(of=("self",)).only("pk", field))
        patients = [patient for row in rows for patient in row.about_patients()]
        return patients, self.filter(pk__in=[row.pk for row in rows]) if connection.vendor == "postgresql" else self

    def _tell(self, kind: Kind, patients: list[UUID], count: int, **details: Any) -> None:
        trail.record_bulk(
            kind, self.model, practice_id=current_practice_id(), patients=patients, count=count, **details
        )


def _moved_to(values: dict[str, Any]) -> list[UUID]:
    """Whom rows tell of from now on, where an update names another patient."""
    patient = values.get("patient") or values.get("patient_id")
    return [getattr(patient, "pk", patient)] if patient else []


class InstallationQuerySet(models.QuerySet):
    """Asked in the installation's scope, whichever is open around it: no caller can forget it, or ask too late."""

    _fetch_all = installation_scope()(models.QuerySet._fetch_all)
    count = installation_scope()(models.QuerySet.count)
    exists = installation_scope()(models.QuerySet.exists)

    @installation_scope()
    def update(self, **values: Any) -> int:
        with transaction.atomic(savepoint=False):
            changed = super().update(**values)
            fields = sorted(values.keys() - NOT_TOLD)
            if changed and fields and cast("type[Model]", self.model).audited:
                trail.record_bulk(Kind.CHANGED, self.model, practice_id=None, patients=(), count=changed, fields=fields)
        return changed


class PracticeManager(models.Manager.from_queryset(PracticeQuerySet)):  # type: ignore[misc]
    """Rows of the scope's practice; raises ScopeError outside a scope."""

    def __getstate__(self) -> dict[str, Any]:
        """Django gives each model that inherits a manager a copy; a copy remembers nothing of its original's model."""
        return {name: value for name, value in self.__dict__.items() if name != "_starts"}

    def start(self) -> PracticeQuerySet:
        """What every query of this manager starts from, before it is narrowed to the scope."""
        queryset: PracticeQuerySet = super().get_queryset()
        return queryset

    def get_queryset(self) -> PracticeQuerySet:
        """A copy of the practice's own start, which is built once: copying costs a tenth of building."""
        practice_id = current_practice_id()
        starts: dict[UUID, PracticeQuerySet] = self.__dict__.setdefault("_starts", {})
        start = starts.get(practice_id)
        if start is None:
            if len(starts) >= STARTS_HELD:
                starts.clear()
            start = starts[practice_id] = self.start().filter(practice_id=practice_id)
        return start.all()


class PracticeModel(Model):
    """A row that belongs to one practice. Relations are followed without the scope, so services look foreign ids up
    through `objects` before they store them."""

    practice = models.ForeignKey("practices.Practice", on_delete=models.PROTECT, related_name="+", editable=False)

    # fields that save() derives other columns from, which a bulk update would leave behind
    saved_one_by_one: ClassVar[frozenset[str]] = frozenset()

    objects: ClassVar[PracticeManager] = PracticeManager()

    class Meta(Model.Meta):
        abstract = True

    def enter_scope(self) -> None:
        """Give a new row the scope's practice; raises ScopeError for a row of another one."""
        if self.practice_id is None:
            self.practice_id = current_practice_id()
        elif self.practice_id != current_practice_id():
            raise ScopeError(f"This {self._meta.verbose_name} belongs to another practice.")

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.enter_scope()
        super().save(*args, **kwargs)
        totals.forget(type(self), self.practice_id)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self.enter_scope()
        deleted = super().delete(*args, **kwargs)
        totals.forget(type(self), self.practice_id)
        return deleted
