"""An event as the pages of the audit trail show it."""

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext

from accounts.roles import Role
from audit import queries
from audit.events import Outcome
from audit_review.entries import Entry
from audit_review.explained import explain
from audit_review.wording import describe
from patients.models import Patient


@dataclass(frozen=True, slots=True)
class TrailRow:
    """A row of the page; of many patients only the first are named."""

    entry: Entry
    patients: list[tuple[UUID, Patient | None]]
    more_patients: int

    @property
    def who(self) -> str:
        event, name = self.entry.event, self.entry.name
        if name is not None:
            return name
        if event.user_id is None:
            return queries.get_email(event) or gettext("Not signed in")
        return f"{self.role or gettext('Unknown user')} {str(event.user_id)[-6:]}"

    @property
    def role(self) -> str:
        role = self.entry.event.role
        return str(Role(role).label) if role in Role else role

    @property
    def outcome(self) -> str:
        return str(Outcome(self.entry.event.outcome).label)

    @property
    def description(self) -> str:
        return "; ".join(describe(self.entry.event))

    @property
    def details(self) -> list[tuple[str, str]]:
        return explain(self.entry.event)
