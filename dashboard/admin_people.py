"""The people who sign in."""

from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminPasswordToggleWidget

from accounts import services, sessions
from accounts.models import User
from accounts.page_sessions import session_of
from accounts.roles import Role
from accounts.second_factor import services as second_factor
from accounts.second_factor.asking import HAS_SECOND_FACTOR, methods_of
from core.encryption.blind_index import email_fingerprint, name_words, occurs_in
from core.errors import Invalid, Refusal
from dashboard.admin_base import PracticeModelAdmin, ServiceForm, acting
from patients.restriction import accounts_closed_to
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
    own: ClassVar[bool] = False  # of the person who is signed in: a stolen cookie gets neither password nor email

    new_password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "new-password"}),
    )

    current_password = forms.CharField(
        label="Your password",
        help_text="For a new email alone: the link for a forgotten password goes there.",
        required=False,
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("new_password" if self.own else "current_password", None)
        if "new_password" not in self.fields:
            return  # somebody who may only look, or sees themself
        field = self.fields["new_password"]
        if self.instance._state.adding:
            field.required = True
        else:
            field.label = "New password"
            field.help_text = "Leave it empty to keep the password. A new one signs this person out everywhere."

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if "current_password" in self.fields:
            new_email = "email" in self.changed_data and not self.errors
            self.cleaned_data["current_password"] = self._confirmed() if new_email else None
        return cleaned

    def _confirmed(self) -> User | None:
        """For the service: who they are, by the password that was typed. Wrong ones are counted."""
        password = self.cleaned_data["current_password"]
        try:
            if not password:
                raise Invalid("password", "A new email takes your password.")
            return services.confirm_password(by=self.instance, password=password)
        except Invalid as wrong:
            self.add_error("current_password", wrong.message)
        except services.LockedOut as locked:
            self.add_error("current_password", locked.detail)
        return None


class PersonAdmin(PracticeModelAdmin):
    form = PersonForm
    list_display = ("name", "email", "role", "office", "specialization", "two_factor", "is_active")
    list_filter = (WhoFilter,)
    search_fields = ("email_index",)
    search_help_text = "Team by name, anybody by whole email"
    fields = ("name", "email", "role", "phone", "office", "specialization", "department", "new_password")
    change_form_outer_after_template = "admin/accounts/user/signed_in.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the accounts behind charts that are closed to this person."""
        people = super().get_queryset(request).exclude(pk__in=accounts_closed_to(acting(request)))
        return people.select_related("office").annotate(has_second_factor=HAS_SECOND_FACTOR)

    def get_urls(self) -> list[URLPattern]:
        end = self.admin_site.admin_view(require_POST(self.end_sessions))
        reset = self.admin_site.admin_view(require_POST(self.reset_second_factor))
        own = [
            path("<uuid:person_id>/end-sessions/", end, name="accounts_user_end_sessions"),
            path("<uuid:person_id>/reset-second-factor/", reset, name="accounts_user_reset_second_factor"),
        ]
        return own + super().get_urls()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str]:
        return {"role": Role.STAFF}

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        fields = list(self.fields)
        if not self.has_change_permission(request, obj):
            fields.remove("new_password")
        elif obj == acting(request):
            fields[fields.index("new_password")] = "own_password"
            fields.insert(fields.index("email") + 1, "current_password")
        return [*fields, "is_active"] if obj else fields

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        return ["own_password"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.own = obj == acting(request)  # the class is made anew for each request
        return form

    @admin.display(description="Password")
    def own_password(self, person: User) -> SafeString:
        page = reverse("admin:password_change")
        return format_html('Your own is changed <a href="{}">on its own page</a>, with the old one.', page)

    @admin.display(description="Two-factor", boolean=True)
    def two_factor(self, person: Any) -> bool:
        return bool(person.has_second_factor)

    def search(self, queryset: QuerySet[User], term: str) -> QuerySet[User]:
        if "@" in term:
            return queryset.filter(email_index=email_fingerprint(term))
        words = name_words(term)
        team = User.objects.exclude(role=Role.PATIENT)
        hits = [person.pk for person in team if all(occurs_in(word, name_words(person.name)) for word in words)]
        return queryset.filter(pk__in=hits)

    # --- Where somebody is signed in

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        person: User | None = context.get("original")
        if person is not None and self.has_change_permission(request, person):
            context["may_sign_out"] = True
            context["is_self"] = person == acting(request)
            context["open_sessions"] = len(sessions.open_of(person))
            context["second_factors"] = [method.label for method in methods_of(person)]
        return super().render_change_form(request, context, *args, **kwargs)

    def end_sessions(self, request: HttpRequest, person_id: UUID) -> HttpResponse:
        person, by = self._to_change(request, person_id), acting(request)
        if person == by:  # whoever signs themself out elsewhere stays signed in here
            services.end_sessions(user=person, by=by, keep=session_of(request))
            update_session_auth_hash(request, person)
        else:
            services.end_sessions(user=person, by=by)
        messages.success(request, "Signed out everywhere." if person != by else "Signed out everywhere else.")
        return redirect("admin:accounts_user_change", person_id)

    def reset_second_factor(self, request: HttpRequest, person_id: UUID) -> HttpResponse:
        person = self._to_change(request, person_id)
        try:
            second_factor.reset(user=person, by=acting(request))
        except Refusal as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, "The second factor is removed, and this person is signed out everywhere.")
        return redirect("admin:accounts_user_change", person_id)

    def _to_change(self, request: HttpRequest, person_id: UUID) -> User:
        person: User | None = self.get_queryset(request).filter(pk=person_id).first()
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        return person

    # --- Saving

    def create(self, request: HttpRequest, values: dict[str, Any]) -> User:
        return register_in_practice(by=acting(request), password=values.pop("new_password"), **values)

    def change(self, request: HttpRequest, row: User, values: dict[str, Any]) -> User:
        by, password = acting(request), values.pop("new_password", None)
        confirmed = values.pop("current_password", None)
        person = services.update_user(user=row, by=by, confirmed=confirmed, **values) if values else row
        if password:
            services.set_password(user=person, by=by, password=password)
        return person
