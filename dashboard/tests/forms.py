"""Sending the admin's forms as a browser does: with the version of the row that the page showed."""

from django.urls import reverse
from django.utils import timezone


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def shown(client, row):
    """Opens the row's form; what it holds, to be sent back."""
    answer = client.get(page_of(row))
    values = {}
    with timezone.override(answer.wsgi_request.practice.tzinfo):
        for bound in answer.context["adminform"].form:
            if bound.html_name == "starts_at":
                values["starts_at_0"], values["starts_at_1"] = bound.field.widget.decompress(bound.value())
            else:
                values[bound.html_name] = bound.value()
    return {name: "on" if value is True else str(value) for name, value in values.items() if value not in (None, False)}


def send(client, row, **changes):
    """Opens the row's form, changes these fields (None leaves one out, as an empty box is) and saves it."""
    form = {**shown(client, row), **changes}
    return client.post(page_of(row), {name: value for name, value in form.items() if value is not None})


def errors_of(answer):
    assert answer.status_code == 200
    return answer.context["adminform"].form.errors
