"""`python -m bench.calendar_browser`: Chromium's time for the calendar's day of 20 doctors with 30 visits each.

Django's test client in this process answers every request of the page, since the visits of bench/calendar.py are never
committed. The time is the browser's own: from the page's last byte to the second frame after its scripts ran.
"""

import os
import statistics
from urllib.parse import urlsplit

from bench.arguments import parse
from bench.calendar import CLERK, DAY, DOCTORS, VISITS, _fill
from bench.clinic import open_practice
from bench.report import block
from bench.requests import _on_the_site

CHROMIUM = "/usr/bin/chromium"
HERE = "http://localhost"
OPENED = 7
SHOWN = """() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => {
  const navigation = performance.getEntriesByType('navigation')[0]
  const paint = performance.getEntriesByName('first-contentful-paint')[0]
  resolve([paint.startTime - navigation.responseEnd, performance.now() - navigation.responseEnd])
})))"""


def main():
    parse(__doc__)
    practice = open_practice()
    from django.db import transaction

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # playwright keeps an event loop on this thread
    client = _on_the_site(CLERK)
    with transaction.atomic():
        _fill(practice)
        rows = _measured(client)
        transaction.set_rollback(True)
    notes = [f"{DOCTORS} doctors with {VISITS} visits each", f"opened {OPENED} times, the first left out"]
    header = ["window", "first paint p50 ms", "shown p50 ms", "shown, best ms", "goal ms"]
    print(block("The calendar in Chromium", "python -m bench.calendar_browser", notes, header, rows))


def _measured(client):
    from playwright.sync_api import sync_playwright

    # asked for here: playwright calls the function below in a context with another connection to the database, which
    # does not see what is not committed
    asked = {"/calendar/": {"view": "day", "day": DAY.date()}, "/calendar/colours.css": {}}
    ready = {path: client.get(path, query) for path, query in asked.items()}

    def answer(route):
        parts = urlsplit(route.request.url)
        if parts.path not in ready and not parts.path.startswith("/static/"):
            route.fulfill(status=204)  # "has anything changed?"
            return
        found = ready.get(parts.path) or client.get(parts.path)
        body = b"".join(found) if found.streaming else found.content
        route.fulfill(status=found.status_code, headers=dict(found.items()), body=body)

    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for width in (1360, 320):
            page = browser.new_page(viewport={"width": width, "height": 850})
            page.route("**/*", answer)
            shown = [_open(page) for _ in range(OPENED)][1:]
            paint, whole = ([one[which] for one in shown] for which in (0, 1))
            medians = (f"{statistics.median(figures):.0f}" for figures in (paint, whole))
            rows.append((f"{width} px", *medians, f"{min(whole):.0f}", "1,000"))
            page.close()
        browser.close()
    return rows


def _open(page):
    page.goto(f"{HERE}/calendar/?view=day&day={DAY.date()}", wait_until="load", timeout=120_000)
    number = page.locator(".visit").count()
    assert number >= DOCTORS * VISITS, (number, page.inner_text("body")[:200])
    return page.evaluate(SHOWN)


if __name__ == "__main__":
    main()
