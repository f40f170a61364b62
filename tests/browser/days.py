"""The clinic of the whole days (test_whole_days.py), the looks in which they are done, and what each of them does."""

from itertools import product

import pytest
from playwright.sync_api import expect

from core.tenancy.scope import practice_scope
from tests.sampling import sample

LOOKS = [(width, scheme) for width, scheme in product((320, 768, 1280), ("light", "dark"))]
PASSWORD = "Passw0rd!"
DROP = """(zone, files) => {
  const transfer = new DataTransfer()
  for (const [name, bytes] of files) transfer.items.add(new File([new Uint8Array(bytes)], name, { type: 'image/png' }))
  for (const type of ['dragover', 'drop']) {
    zone.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }))
  }
}"""


def in_some_look(number):
    """One of the looks in each run, and for each day another."""
    return pytest.mark.parametrize("look", sample(LOOKS[number:] + LOOKS[:number], 1), ids=str, indirect=True)


def sign_in(page, user):
    """Through the sign-in page, as everybody does."""
    page.goto("/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Sign in")).to_have_count(0)


def kept(clinic, model):
    with practice_scope(clinic.practice.pk):
        return list(model.objects.order_by("id"))


def on_paper(page, name):
    """Open what is printed, which the browser's viewer shows, and return it."""
    address = page.get_by_role("link", name=name).first.get_attribute("href")
    answer = page.request.get(address)
    assert answer.headers["content-type"] == "application/pdf"
    return answer.body()
