"""What is read of charts, and by whom."""

from typing import TYPE_CHECKING, Any, Self

from accounts.roles import Permission
from core.tenancy import PracticeManager, PracticeQuerySet

if TYPE_CHECKING:
    from accounts.models import User


class PatientQuerySet(PracticeQuerySet):
    def visible_to(self, user: "User") -> Self:
        """The charts this person may see: the practice's, or their own."""
        if user.can(Permission.READ_CHARTS) or user.can(Permission.READ_CONTACTS):
            return self
        if user.can(Permission.READ_OWN_CHART):
            return self.filter(user_id=user.pk)
        return self.none()

    def listed_for(self, user: "User") -> Self:
        """What a list shows of them: a registration joins the practice's list once it is confirmed."""
        charts = self.visible_to(user)
        return charts if user.can(Permission.READ_OWN_CHART) else charts.confirmed()

    def confirmed(self) -> Self:
        return self.filter(status="confirmed")

    def pending(self) -> Self:
        return self.filter(status="pending")

    def brief(self) -> Self:
        """With the columns of a list alone: the others need not be fetched and decrypted."""
        return self.only("name", "email", "phone", "date_of_birth", "gender", "address", "created_at")

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        from patients.search import chart_tokens

        rows = list(objs)
        for row in rows:
            row.enter_scope()
            row.search_index = chart_tokens(row)
        return super().bulk_create(rows, *args, **kwargs)


class PatientManager(PracticeManager.from_queryset(PatientQuerySet)):  # type: ignore[misc]
    """The scope's charts, without the search index, which is written and matched but never read."""

    def start(self) -> PracticeQuerySet:
        return super().start().defer("search_index")
