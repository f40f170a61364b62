"""Submits the admin's forms as a browser does, with the version of the row the page showed."""

from django.forms import MultiWidget
from django.urls import reverse
from django.utils import timezone


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def form_values(client, row):
    """Open the row's form and return its values, ready to submit."""
    answer = client.get(page_of(row))
    values = {}
    with timezone.override(answer.wsgi_request.practice.tzinfo):
        for bound in answer.context["adminform"].form:
            if isinstance(bound.field.widget, MultiWidget):
                parts = bound.field.widget.decompress(bound.value())
                values |= {f"{bound.html_name}_{number}": part for number, part in enumerate(parts)}
            else:
                values[bound.html_name] = bound.value()
    return {name: _as_sent(value) for name, value in values.items() if value is not None and value is not False}


def _as_sent(value):
    if isinstance(value, list):
        return [str(part) for part in value]
    return "on" if value is True else str(value)


def send(client, row, **changes):
    """Open the row's form, change these fields (None omits one, like an unticked box) and save it."""
    form = {**form_values(client, row), **changes}
    return client.post(page_of(row), {name: value for name, value in form.items() if value is not None})


def errors_of(answer):
    assert answer.status_code == 200
    return answer.context["adminform"].form.errors
