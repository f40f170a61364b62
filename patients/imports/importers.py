"""What can be imported: the fields that a line may have, and how a line is checked, imported and taken back. Apps above
add their kinds, as the calendar does (appointments/imports/visits.py)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import User
from core.encryption.blind_index import exact_token
from core.errors import Sentence
from core.search.letters import fold, tidy
from core.search.words import split_words
from core.tenancy.scope import current_practice_id
from patients.models import Import, LineState, Patient
from practices.models import Practice
from practices.services import current_practice


class Field(NamedTuple):
    """A field that a column can be read as. `names` are what other programs call it, folded and
    without blanks, in one text."""

    name: str
    label: Sentence
    names: str
    is_day: bool = False


class Cells(dict[str, str]):
    """The cells of one line, by field; those that are empty are left out."""


@dataclass
class Verdict:
    """What is to come of a line. `problems` are sentences, `candidates` charts that it may be of already."""

    number: int
    state: LineState = LineState.READY
    problems: list[str] = field(default_factory=list)
    candidates: list[tuple[UUID, str]] = field(default_factory=list)
    person: int | None = None
    number_key: int | None = None
    row: Any = None  # what would be saved
    row_id: UUID | None = None

    def wrong(self, label: Sentence, sentence: Any) -> None:
        self.state = LineState.WRONG
        self.problems.append(_("%(field)s: %(what)s") % {"field": label, "what": sentence} if label else str(sentence))


class Context(NamedTuple):
    """What is the same for all lines of a step."""

    batch: Import
    by: User
    practice: Practice
    today: date
    doctors: "Doctors"


class Doctors:
    """The practice's doctors, as a file may name them."""

    def __init__(self) -> None:
        self.by_id, self._named = {}, dict[str, list[User]]()
        for doctor in User.objects.doctors().select_related("practice", "office__practice").order_by("pk"):
            self.by_id[doctor.pk] = doctor
            for name in {_doctor_name(doctor.name), fold(doctor.email)}:
                self._named.setdefault(name, []).append(doctor)

    def named(self, text: str) -> User | None:
        """Return the one doctor who is called so; `Reyes, Daniel`, `Dr. Daniel Reyes` and the email are alike."""
        found = self._named.get(_doctor_name(text)) or self._named.get(fold(text.strip())) or []
        return found[0] if len(found) == 1 else None


def _doctor_name(text: str) -> str:
    words = [word for word in split_words(fold(text)) if word not in ("dr", "md", "dc", "prof", "med")]
    return " ".join(sorted(words))


class Importer:
    """One kind of import. Each method works on some lines at once, in the caller's transaction."""

    name: ClassVar[str]
    label: ClassVar[Sentence]
    fields: ClassVar[tuple[Field, ...]]
    one_of: ClassVar[tuple[tuple[str, ...], ...]]  # of each, one field must be matched
    asks_doctor: ClassVar[bool] = False

    def check(self, lines: list[tuple[int, Cells]], context: Context) -> list[Verdict]:
        """Say what would come of each line."""
        raise NotImplementedError

    def make(self, lines: list[tuple[int, UUID, Cells]], context: Context) -> dict[int, str]:
        """Import the lines under these ids; return those that cannot be, with the reason. Each is made whole or not
        at all."""
        raise NotImplementedError

    def untouched(self, ids: list[UUID]) -> Mapping[UUID, Any]:
        """Return the rows of these that nobody has changed or added to since."""
        raise NotImplementedError

    def take_back(self, row: Any, *, by: User) -> None:
        """Delete a row, as people do."""
        raise NotImplementedError(row, by)

    def label_of(self, field_name: str) -> Sentence:
        return next(one.label for one in self.fields if one.name == field_name)

    @property
    def days(self) -> set[str]:
        return {one.name for one in self.fields if one.is_day}

    def suggest(self, names: Iterable[str]) -> dict[str, int]:
        """Return which column is probably which field, by their names."""
        found: dict[str, int] = {}
        columns = [normalize_name(name) for name in names]
        for one in self.fields:
            for known in one.names.split():
                if known in columns and columns.index(known) not in found.values():
                    found[one.name] = columns.index(known)
                    break
        return found


def named_elsewhere(model: Any, ids: Iterable[UUID], *, leaving_out: set[Any]) -> set[UUID]:
    """Return which of these rows of the model anything refers to, apart from rows of these models."""
    found: set[UUID] = set()
    keys = list(ids)
    for relation in model._meta.get_fields(include_hidden=True):
        if not relation.auto_created or relation.concrete or relation.related_model in leaving_out:
            continue
        field, other = relation.field, relation.related_model
        named = getattr(other, "with_deleted", other.objects).filter(**{f"{field.name}__in": keys})
        found.update(named.order_by().values_list(field.attname, flat=True))
    return found


def normalize_name(name: str) -> str:
    """Return the name of a column for comparing: `Date of birth:` is `dateofbirth`."""
    return "".join(split_words(fold(name)))


IMPORTERS: dict[str, Importer] = {}


def register_importer(importer: type[Importer]) -> type[Importer]:
    IMPORTERS[importer.name] = importer()
    return importer


def context_of(batch: Import, by: User) -> Context:
    practice = current_practice()
    return Context(batch, by, practice, practice.today(), Doctors())


def cells_of(batch: Import, cells: list[str]) -> Cells:
    return Cells({name: cells[at] for name, at in batch.mapping.items() if at < len(cells) and cells[at]})


def number_key_of(number: str) -> int:
    """Return the hash by which a patient is found by their number in the other program."""
    return exact_token(f"import number:{tidy(number).strip()}", practice_id=current_practice_id())


def person_key_of(chart: Patient) -> int:
    """Return the hash by which two lines of one person are found: the same name, and what else is known first."""
    words = " ".join(sorted(split_words(fold(chart.name))))
    other = chart.date_of_birth or fold(chart.phone) or fold(chart.email) or fold(chart.address)
    return exact_token(f"import person:{words}:{other}", practice_id=current_practice_id())
