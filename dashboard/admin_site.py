"""The admin site: unfold's, with our sign-in and password form, and the page where a superuser picks a practice."""

from typing import Any, ClassVar, cast
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, URLResolver, path, reverse
from rest_framework.exceptions import Throttled
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm
from unfold.sites import UnfoldAdminSite
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import services
from accounts.page_sessions import session_of
from accounts.sign_in_trail import tell
from audit import trail
from audit.events import Kind, Outcome
from core.api import limits
from core.errors import Invalid
from core.tenancy import practice_scope
from dashboard import admin_own_sessions
from dashboard.admin_base import PracticeModelAdmin, show_refusal
from dashboard.admin_reads import shows
from dashboard.admin_scope import is_superuser, pick
from dashboard.admin_second_factor import SecondFactor, SignIn
from dashboard.admin_security import addresses
from dashboard.admin_trail import trail_page
from practices.models import Practice

MOST_SUGGESTED = 100


class SignInForm(AuthenticationForm):
    """Its sixth attempt is answered by accounts/lockout.py, like the API's."""

    error_messages: ClassVar = {
        **AuthenticationForm.error_messages,
        "invalid_login": "Email or password is wrong, or this account may not enter the admin site.",
    }

    def confirm_login_allowed(self, user: Any) -> None:
        """The password was right: whoever may not enter is refused, and lockout does not count it."""
        try:
            super().confirm_login_allowed(user)
        except forms.ValidationError:
            tell(Kind.SIGN_IN_FAILED, user, by=user, outcome=Outcome.REFUSED, reason="not_in_the_admin_site")
            raise


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """The service compares the old password, counts a wrong one and stores the new one, all at once: what was confirmed
    while the form was read may have been changed since."""

    named_here: ClassVar = {"current": "old_password", "new": "new_password1"}  # a field of the service: of the form

    def __init__(self, *args: Any, here: UUID | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.here = here  # the session that goes on

    def clean_old_password(self) -> str:
        return str(self.cleaned_data["old_password"])

    def save(self, commit: bool = True) -> Any:
        """Raises what `services.change_password` does."""
        given = {name: self.cleaned_data[field] for name, field in self.named_here.items()}
        services.change_password(by=self.user, keep=self.here, **given)
        return self.user


class OwnPassword(PasswordChangeView):
    form_class = OwnPasswordForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "here": session_of(self.request)}

    def form_valid(self, form: Any) -> HttpResponse:
        """Who is locked out is shown the page of that."""
        try:
            return super().form_valid(form)
        except Invalid as refusal:
            show_refusal(form, refusal, named_here=form.named_here)
            return self.form_invalid(form)


class PickPracticeForm(forms.Form):
    practice = forms.ModelChoiceField(Practice.objects.order_by("name"), widget=UnfoldAdminSelectWidget())


class Suggestions(AutocompleteJsonView):
    """The people a form offers while somebody types, by name: `__str__` shows none. More letters narrow them down,
    so that a single one need not count a million."""

    def process_request(self, request: HttpRequest) -> Any:
        """Only what one of our forms asks for; Django would answer for every relation that any model has."""
        asked = tuple(request.GET.get(part) for part in ("app_label", "model_name", "field_name"))
        if asked not in {
            (model._meta.app_label, model._meta.model_name, field)
            for model, model_admin in admin.site._registry.items()
            for field in model_admin.autocomplete_fields
        }:
            raise PermissionDenied
        return super().process_request(request)

    def get_queryset(self) -> Any:
        return super().get_queryset()[:MOST_SUGGESTED]

    def get_paginator(self, *args: Any, **kwargs: Any) -> Any:
        return Paginator(*args, **kwargs)

    def get(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        self.suggested: list[Model] = []
        response = super().get(request, *args, **kwargs)
        shows(request, self.suggested, about=self.model_admin.model._meta.label, searched=bool(self.term))
        return response

    def serialize_result(self, obj: Model, to_field_name: str) -> dict[str, str]:
        self.suggested.append(obj)
        model_admin = cast("PracticeModelAdmin", self.model_admin)
        return {"id": str(obj.pk), "text": model_admin.label_of(obj)}


class PraxisAdminSite(UnfoldAdminSite):
    index_title = "Today"
    login_form = SignInForm

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Only what keeps to a practice is shown; the packages that register tables of their own stay out."""
        if admin_class is not None and issubclass(admin_class, PracticeModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = [
            path("pick-practice/", self.admin_view(self.pick_practice), name="pick_practice"),
            path("trail/", self.admin_view(trail_page), name="trail"),
            path("second-factor/", self.second_factor, name="second_factor"),
            *addresses(self.admin_view),
            *admin_own_sessions.addresses(self.admin_view),
        ]
        # Django's view_on_site looks rows up without a scope, and no page of ours links it.
        return own + [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Whoever must set up a second factor first is offered the page of that alone, a superuser another practice
        too: no other would open."""
        if not getattr(request.user, "second_factor_due", False):
            return cast("list[dict[str, Any]]", super().get_sidebar_list(request))
        pages = [("Security", "lock", reverse("admin:security"))]
        if is_superuser(request):
            pages.append(("Switch practice", "swap_horiz", reverse("admin:pick_practice")))
        items = [
            {"title": title, "icon": icon, "link": link, "active": request.path == link, "has_permission": True}
            for title, icon, link in pages
        ]
        return [{"title": "Your account", "items": items}]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Django's page, whose view goes on to the second factor where there is one."""
        if request.method == "GET" and self.has_permission(request):
            return redirect("admin:index")
        context = {
            **self.each_context(request),
            "title": "Log in",
            "subtitle": None,
            "app_path": request.get_full_path(),
            **(extra_context or {}),
        }
        view = SignIn.as_view(authentication_form=SignInForm, template_name="admin/sign_in.html", extra_context=context)
        too_many = _too_many(request) if request.method == "POST" else None
        return too_many or view(request)

    def second_factor(self, request: HttpRequest) -> HttpResponseBase:
        """Looking at it counts too: that makes a challenge for a passkey."""
        return _too_many(request) or SecondFactor.as_view()(request)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """unfold's search for pages remembers what was typed in the cache; each list here has its own search."""
        raise Http404

    def autocomplete_view(self, request: HttpRequest) -> HttpResponseBase:
        return Suggestions.as_view(admin_site=self)(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        view = OwnPassword.as_view(
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def pick_practice(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_superuser:
            return redirect("admin:index")
        form = PickPracticeForm(request.POST or None)
        if form.is_valid():
            practice_id = form.cleaned_data["practice"].pk
            with practice_scope(practice_id):
                trail.record(Kind.PRACTICE_ENTERED, practice_id=practice_id)
            pick(request, practice_id)
            return redirect("admin:index")
        return render(
            request,
            "admin/pick_practice.html",
            {**self.each_context(request), "title": "Pick a practice", "form": form},
        )


def _too_many(request: HttpRequest) -> HttpResponse | None:
    """Sign-ins are counted by address like the API's, beside the count by email."""
    try:
        limits.count_address(request)
    except Throttled as throttled:
        return _throttled(request, throttled)
    return None


def _throttled(request: HttpRequest, throttled: Throttled) -> HttpResponse:
    seconds = str(throttled.wait)  # type: ignore[attr-defined]
    shown = {"title": "Too many attempts", "sentence": f"Please try again in {seconds} second(s)."}
    page = render(request, "error.html", shown, status=429)
    page["Retry-After"] = seconds
    return page
