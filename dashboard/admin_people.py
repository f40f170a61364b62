"""The people who sign in."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.admin import SimpleListFilter
from django.contrib.auth import update_session_auth_hash
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminPasswordToggleWidget

from accounts import services
from accounts.models import User
from accounts.page_sessions import session_of
from accounts.roles import Role
from core.encryption.blind_index import email_fingerprint, name_words, occurs_in
from dashboard.admin_base import PracticeModelAdmin, ServiceForm, acting
from patients.restriction import closed_but_for_emergencies_to
from patients.services import register_in_practice

TEAM = "team"


class WhoFilter(SimpleListFilter):
    """The team unless somebody asks for more: most accounts are patients'."""

    title = "who"
    parameter_name = "who"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.searching = bool(request.GET.get("q", "").strip())
        super().__init__(request, *args)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(TEAM, "Team"), *Role.choices, ("all", "Everybody")]

    def value(self) -> str:
        return super().value() or ("all" if self.searching else TEAM)

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            address = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": self.value() == value, "query_string": address, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        if self.value() == TEAM:
            return queryset.exclude(role=Role.PATIENT)
        return queryset.filter(role=self.value()) if self.value() in Role.values else queryset


class PersonForm(ServiceForm):
    named_here = {"password": "new_password"}

    new_password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "new_password" not in self.fields:
            return  # somebody who may only look
        field = self.fields["new_password"]
        if self.instance._state.adding:
            field.required = True
        else:
            field.label = "New password"
            field.help_text = "Leave it empty to keep the password. A new one signs this person out everywhere."


class PersonAdmin(PracticeModelAdmin):
    form = PersonForm
    list_display = ("name", "email", "role", "specialization", "is_active")
    list_filter = (WhoFilter,)
    search_fields = ("email_index",)
    search_help_text = "Team by name, anybody by whole email"
    fields = ("name", "email", "role", "phone", "specialization", "department", "new_password")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the accounts behind charts that are closed to this person: email and phone are the chart's own, and
        a new password would open it, for longer than an emergency does."""
        closed = closed_but_for_emergencies_to(acting(request)).exclude(user=None).values("user")
        return super().get_queryset(request).exclude(pk__in=closed)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str]:
        return {"role": Role.STAFF}

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        fields = list(self.fields)
        if not self.has_change_permission(request, obj):
            fields.remove("new_password")
        return [*fields, "is_active"] if obj else fields

    def search(self, queryset: QuerySet[User], term: str) -> QuerySet[User]:
        if "@" in term:
            return queryset.filter(email_index=email_fingerprint(term))
        words = name_words(term)
        team = User.objects.exclude(role=Role.PATIENT)
        hits = [person.pk for person in team if all(occurs_in(word, name_words(person.name)) for word in words)]
        return queryset.filter(pk__in=hits)

    def create(self, request: HttpRequest, values: dict[str, Any]) -> User:
        return register_in_practice(by=acting(request), password=values.pop("new_password"), **values)

    def change(self, request: HttpRequest, row: User, values: dict[str, Any]) -> User:
        by, password = acting(request), values.pop("new_password", None)
        person = services.update_user(user=row, by=by, **values) if values else row
        if password:
            services.set_password(user=person, by=by, password=password, keep=session_of(request))
            if person.pk == by.pk:
                update_session_auth_hash(request, person)  # whoever changes their own stays signed in here
        return person
