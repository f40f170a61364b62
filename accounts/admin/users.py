"""The practice's people: staff and patients with an account."""

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
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordToggleWidget

from accounts.models import User
from accounts.passwords import reset
from accounts.passwords import services as passwords_services
from accounts.roles import NUMBERED_ROLES, Role
from accounts.second_factor import services as second_factor
from accounts.second_factor_challenge import HAS_SECOND_FACTOR, available_methods
from accounts.sessions import services as sessions
from accounts.sessions.admin_site import get_session_id
from accounts.sign_in import services as sign_in_services
from accounts.users import services
from core.admin.base import Access, P, PracticeModelAdmin, ServiceForm, current_user, post_action
from core.encryption.blind_index import email_fingerprint
from core.errors import Invalid
from core.search.words import Words, query_terms

TEAM = "team"


class WhoFilter(SimpleListFilter):
    """Shows the team by default, since most accounts are patients'."""

    title = _("role")
    parameter_name = "who"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.searching = bool(request.GET.get("q", "").strip())
        super().__init__(request, *args)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(TEAM, gettext("Team")), *Role.choices, ("all", gettext("Everyone"))]

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


class UserForm(ServiceForm):
    own: ClassVar[bool] = False  # one's own account: a stolen cookie must not change password or email

    current_password = forms.CharField(
        label=_("Your password"),
        help_text=_("Needed only to change your email, because password reset links go there."),
        required=False,
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.own:
            self.fields.pop("current_password", None)
        if "role" in self.fields:
            self.fields["role"].help_text = roles_explained()

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if "current_password" in self.fields:
            new_email = "email" in self.changed_data and not self.errors
            self.cleaned_data["current_password"] = self._confirmed() if new_email else None
        return cleaned

    def _confirmed(self) -> User | None:
        """Return the user confirmed by the typed password, for the service. Wrong ones are counted."""
        password = self.cleaned_data["current_password"]
        try:
            if not password:
                raise Invalid("password", gettext("Enter your password to change your email."))
            return sign_in_services.confirm_password(by=self.instance, password=password)
        except Invalid as wrong:
            self.add_error("current_password", wrong.message)
        except sign_in_services.LockedOut as locked:
            self.add_error("current_password", locked.detail)
        return None


@admin.register(User)
class UserAdmin(PracticeModelAdmin):
    empty_hint = _("Add a person, and they get an invitation by email.")
    access = Access(P.MANAGE_USERS, add=P.REGISTER_USERS, change=P.MANAGE_PRACTICE)
    form = UserForm
    list_display = ("name", "email", "role", "office", "specialization", "two_factor", "is_active")
    list_filter = (WhoFilter,)
    search_fields = ("email_index",)
    search_help_text = _("Staff by name; anyone by full email")
    fields = ("name", "email", "role", "phone", "office", "specialization", "department")
    change_form_outer_after_template = "admin/accounts/user/signed_in.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the accounts except those whose charts are closed to this person."""
        people = User.objects.visible_to(current_user(request)).order_by(*self.get_ordering(request))
        return people.select_related("office").annotate(has_second_factor=HAS_SECOND_FACTOR)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Lead to the invitation: nobody chooses another person's first password."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect("admin:accounts_invitation_add")

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        fields = list(self.fields)
        if self.has_change_permission(request, obj) and obj == current_user(request):
            fields.append("own_password")
            fields.insert(fields.index("email") + 1, "current_password")
        return [*fields, "is_active"] if obj else fields

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        return ["own_password"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.own = obj == current_user(request)  # each request has its own form class
        return form

    @admin.display(description=_("Password"))
    def own_password(self, person: User) -> SafeString:
        page = reverse("admin:password_change")
        return format_html(gettext('You can change your own password <a href="{page}">on its own page</a>.'), page=page)

    @admin.display(description=_("Two-step verification"), boolean=True)
    def two_factor(self, person: Any) -> bool:
        return bool(person.has_second_factor)

    def search(self, queryset: QuerySet[User], term: str) -> QuerySet[User]:
        if "@" in term:
            return queryset.filter(email_index=email_fingerprint(term))
        terms = query_terms(term)
        team = User.objects.exclude(role=Role.PATIENT)
        hits = [person.pk for person in team if all(map(Words.of(person.name).meets, terms))]
        return queryset.filter(pk__in=hits)

    # --- Sessions and second factors

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        person: User | None = context.get("original")
        if person is not None and self.has_change_permission(request, person):
            context["may_sign_out"] = True
            context["is_self"] = person == current_user(request)
            context["open_sessions"] = len(sessions.list_live_sessions(person))
            context["second_factors"] = [method.label for method in available_methods(person)]
        return super().render_change_form(request, context, *args, **kwargs)

    @post_action("<uuid:person_id>/end-sessions/", as_message=())
    def end_sessions(self, request: HttpRequest, person_id: UUID) -> HttpResponse:
        person, by = self._to_change(request, person_id), current_user(request)
        if person == by:  # keep one's own current session
            services.end_sessions(user=person, by=by, keep=get_session_id(request))
            update_session_auth_hash(request, person)
        else:
            services.end_sessions(user=person, by=by)
        everywhere, elsewhere = gettext("Signed out everywhere."), gettext("Signed out everywhere else.")
        messages.success(request, elsewhere if person == by else everywhere)
        return redirect("admin:accounts_user_change", person_id)

    @post_action("<uuid:person_id>/reset-second-factor/")
    def reset_second_factor(self, request: HttpRequest, person_id: UUID) -> HttpResponse:
        second_factor.reset(user=self._to_change(request, person_id), by=current_user(request))
        messages.success(
            request, gettext("Two-step verification was turned off. This person has been signed out everywhere.")
        )
        return redirect("admin:accounts_user_change", person_id)

    def _to_change(self, request: HttpRequest, person_id: UUID) -> User:
        person: User | None = self.get_queryset(request).filter(pk=person_id).first()
        if person is None:
            raise Http404
        return person

    # --- Saving

    def change(self, request: HttpRequest, row: User, values: dict[str, Any]) -> User:
        by, confirmed = current_user(request), values.pop("current_password", None)
        was_patient = User.objects.get(pk=row.pk).role == Role.PATIENT
        joins_the_team = was_patient and values.get("role", Role.PATIENT) != Role.PATIENT
        person = services.update_user(user=row, by=by, confirmed=confirmed, **values)
        if joins_the_team:  # a patient's password may be too weak for the role
            passwords_services.disable_password(user=person, by=by)
            reset.send_link(user=person, by=by)
            messages.info(request, _link_sent(person))
        return person

    @post_action("<uuid:person_id>/send-password-link/")
    def send_password_link(self, request: HttpRequest, person_id: UUID) -> HttpResponse:
        person = self._to_change(request, person_id)
        reset.send_link(user=person, by=current_user(request))
        messages.success(request, _link_sent(person))
        return redirect("admin:accounts_user_change", person_id)


def _link_sent(person: User) -> str:
    sentence = gettext("A link to set a new password was sent to %(email)s. It works for %(minutes)d minutes.")
    return sentence % {"email": person.email, "minutes": reset.MINUTES}


def roles_explained() -> str:
    """Return what each role may do, as a list."""
    rows = ((str(Role(one.role).label), str(one.description)) for one in NUMBERED_ROLES)
    return format_html_join("", "<span><strong>{}:</strong> {}</span> ", rows)
