"""Pages of daily work: who may open them, how they refuse, and that they are audited."""

from collections.abc import Iterable
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.views import View
from django_htmx.http import HttpResponseClientRedirect
from rest_framework.exceptions import Throttled

from core.admin.access_log import log_page_read, log_page_refusal
from core.admin.base import current_user
from core.api import throttling
from core.encryption.fields import unreadable_marked
from core.error_pages import error_page, throttled_page
from core.errors import Invalid, Refusal
from core.permissions import Permission

MESSAGE_SECONDS = 10


class WorkPage(View):
    """A page, or a part of one that htmx asks for. `needs` is what it takes to open it, `about` the label of the model
    whose rows it shows."""

    http_method_names = ["get", "head", "post"]
    is_counted = True
    needs: ClassVar[Permission]
    about: ClassVar[str]
    user: Any
    request: Any

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not hasattr(request, "practice"):
            return _to_sign_in(request)
        self.user = current_user(request)
        try:
            if not self.user.can(self.needs):
                raise PermissionDenied
            if self.is_counted:
                throttling.count_user(self.user.pk)
            with unreadable_marked():
                return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]
        except Throttled as throttled:
            wait = throttled.wait  # type: ignore[attr-defined]
            sentence = ngettext("Try again in %(number)s second.", "Try again in %(number)s seconds.", wait)
            return self._refusal(sentence % {"number": wait}, 429) or throttled_page(request, throttled)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            sentence = refusal.message if isinstance(refusal, Invalid) else refusal.detail  # without the field's name
            answer = self._refusal(sentence, refusal.status)
            return answer or error_page(request, sentence, status=refusal.status)

    def _refusal(self, sentence: str, status: int) -> HttpResponse | None:
        """Return what a part of a page says instead of what was asked for; None for a whole page."""
        if not _is_part(self.request):
            return None
        return message_response(self.request, sentence, is_error=True, status=status)

    def done(self, sentence: str, address: str = "", *, undo: str = "") -> None:
        """Say on the page that comes next what was done, with a link to it where that page does not show it. What is
        posted to `undo`, with `undo=1`, takes it back."""
        link = format_html(' <a href="{}">{}</a>', address, gettext("Show it")) if address else ""
        messages.success(self.request, format_html("{}{}", sentence, link), extra_tags=undo)

    def read(self, rows: Iterable[Any], **details: Any) -> None:
        """Tell the audit trail which patients the answer shows, and unlock those that this person may read."""
        log_page_read(self.request, rows, **{"about": self.about, **details})


def pdf_response(printed: bytes, name: str) -> HttpResponse:
    """Return a PDF that the browser shows."""
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
    return HttpResponse(printed, content_type="application/pdf", headers=headers)


def _is_part(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead to the sign-in, and back to where somebody was."""
    if not _is_part(request):
        return redirect_to_login(request.get_full_path(), reverse("home"))
    try:
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:  # no page of ours sends such an address
        shown = urlsplit("")
    page = urlunsplit(("", "", shown.path, shown.query, ""))
    sign_in = reverse("home")
    return HttpResponseClientRedirect(redirect_to_login(page, sign_in)["Location"] if page else sign_in)


def message_response(
    request: HttpRequest,
    sentence: str,
    *,
    is_error: bool = False,
    status: int = 200,
    template: str = "work_message.html",
    **shown: Any,
) -> HttpResponse:
    """Return a message for the place where the page has them, whatever part was asked for."""
    shown |= {"sentence": sentence, "is_error": is_error, "seconds": MESSAGE_SECONDS}
    answer = render(request, template, shown, status=status)
    answer["HX-Retarget"], answer["HX-Reswap"] = "#message", "innerHTML"
    return answer
