"""The admin site: unfold's with our own pages added, and the page where a superuser picks a practice."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, URLResolver, include, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.i18n import JavaScriptCatalog
from unfold.sites import UnfoldAdminSite
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.sign_in.pages import sign_out
from audit import log
from audit.events import AuditEvent
from audit_review.admin import trail_export, trail_page
from core.admin.access_log import log_page_read, own_account_page, shows_no_patient
from core.admin.base import PracticeModelAdmin
from core.admin.needs import may_open
from core.tenancy.scope import practice_scope
from core.typed import picked_date, picked_time
from dashboard.picked_practice import is_superuser, pick
from dashboard.system import system_page
from practices.models import Practice

MAX_SUGGESTIONS = 100
OMITTED_URLS = {"login", "password_change", "view_on_site"}  # of Django's own


class TypedCatalog(JavaScriptCatalog):
    """What the pickers of date and time fields write is what people would type where the practice is."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        context["formats"] |= {"DATE_INPUT_FORMATS": [picked_date()], "TIME_INPUT_FORMATS": [picked_time()]}
        return context


class PickPracticeForm(forms.Form):
    practice = forms.ModelChoiceField(
        Practice.objects.order_by("name"), label=_("Practice"), widget=UnfoldAdminSelectWidget()
    )


class Suggestions(AutocompleteJsonView):
    """Suggest people by name while somebody types (`__str__` holds no name). The list is cut off at MAX_SUGGESTIONS,
    so a single letter does not count a million rows."""

    def process_request(self, request: HttpRequest) -> Any:
        """Allow only the fields of our own forms; Django would answer for every relation of any model."""
        requested = tuple(request.GET.get(part) for part in ("app_label", "model_name", "field_name"))
        if requested not in {
            (model._meta.app_label, model._meta.model_name, field)
            for model, model_admin in admin.site._registry.items()
            for field in model_admin.autocomplete_fields
        }:
            raise PermissionDenied
        return super().process_request(request)

    def get_queryset(self) -> Any:
        return super().get_queryset()[:MAX_SUGGESTIONS]

    def get_paginator(self, *args: Any, **kwargs: Any) -> Any:
        return Paginator(*args, **kwargs)

    def get(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        self.suggestions: list[Model] = []
        response = super().get(request, *args, **kwargs)
        log_page_read(request, self.suggestions, about=self.model_admin.model._meta.label, searched=bool(self.term))
        return response

    def serialize_result(self, obj: Model, to_field_name: str) -> dict[str, str]:
        self.suggestions.append(obj)
        model_admin = cast("PracticeModelAdmin", self.model_admin)
        return {"id": str(obj.pk), "text": model_admin.get_choice_label(obj)}


class PraxisAdminSite(UnfoldAdminSite):
    index_title = _("Today")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register only admins of practice data; what third-party packages register for themselves is ignored."""
        if admin_class is not None and issubclass(admin_class, PracticeModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own: list[URLPattern | URLResolver] = [
            path("", include("accounts.admin.urls")),
            path("pick-practice/", self.admin_view(self.pick_practice), name="pick_practice"),
            path("system/", self.admin_view(system_page), name="system"),
            path("trail/", self.admin_view(trail_page), name="trail"),
            path("trail/export.csv", self.admin_view(trail_export), name="trail_export"),
        ]
        # Django's view_on_site looks rows up without a scope, and none of our pages links to it.
        return own + [url for url in super().get_urls() if getattr(url, "name", None) not in OMITTED_URLS]

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Offer each the pages that they may open; to a user who must set up a second factor first, only the Security
        page (and to a superuser another practice)."""
        if not getattr(request.user, "second_factor_due", False):
            groups = cast("list[dict[str, Any]]", super().get_sidebar_list(request))
            for group in groups:
                group["items"] = [
                    item for item in group["items"] if item["has_permission"] and may_open(request, str(item["link"]))
                ]
            return [group for group in groups if group["items"]]
        pages = [(gettext("Security"), "lock", reverse("admin:security"))]
        if is_superuser(request):
            pages.append((gettext("Switch practice"), "swap_horiz", reverse("admin:pick_practice")))
        items = [
            {"title": title, "icon": icon, "link": link, "active": request.path == link, "has_permission": True}
            for title, icon, link in pages
        ]
        return [{"title": gettext("Your account"), "items": items}]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., HttpResponseBase]:
        """Refuse whoever has signed in and may not be here; Django would ask them to sign in once more."""

        def within(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            return guarded(request, *args, **kwargs)

        guarded = super().admin_view(view, cacheable)
        return update_wrapper(within, guarded)

    @own_account_page("the signed-out page", while_factor_due=True)
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return sign_out(request)

    @own_account_page("the user's own password", while_factor_due=True)
    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().password_change_done(request, extra_context)

    @own_account_page("translations", while_factor_due=True)
    def i18n_javascript(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return TypedCatalog.as_view(packages=["django.contrib.admin"])(request)

    @shows_no_patient("names of models")
    def app_index(self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None) -> Any:
        return super().app_index(request, app_label, extra_context)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Turn off unfold's page search: it stores what was typed in the cache, and each list has its own search."""
        raise Http404

    def autocomplete_view(self, request: HttpRequest) -> HttpResponseBase:
        return Suggestions.as_view(admin_site=self)(request)

    @own_account_page("names of practices", while_factor_due=True)
    def pick_practice(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_superuser:
            return redirect("admin:index")
        form = PickPracticeForm(request.POST or None)
        if form.is_valid():
            practice_id = form.cleaned_data["practice"].pk
            with practice_scope(practice_id):
                log.record(AuditEvent.PRACTICE_ENTERED, practice_id=practice_id)
            pick(request, practice_id)
            return redirect("admin:index")
        return render(
            request,
            "admin/pick_practice.html",
            {**self.each_context(request), "title": gettext("Choose a practice"), "form": form},
        )
