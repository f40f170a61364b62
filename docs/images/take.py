"""Take the pictures of the documentation anew: `.venv/bin/python docs/images/take.py http://127.0.0.1:8000 [NAME ...]`,
of a demo that was just seeded and is served (`make run`). Each is kept below 60 kB. Those of a moment that only a test
brings about (a conflict, a tablet, a paid bill) are not among them."""

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium-headless-shell"
PASSWORD = "Passw0rd!"  # noqa: S105 - the demo's
MOST_BYTES = 60_000


def portrait() -> bytes:
    """Draw somebody who does not exist."""
    picture = Image.new("RGB", (600, 600), "#d5dee6")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((100, 430, 500, 900), fill="#53688a")
    draw.ellipse((190, 130, 410, 470), fill="#cbbdb8")
    draw.chord((180, 100, 420, 400), 180, 360, fill="#6d4f52")
    for left in (245, 330):
        draw.ellipse((left, 280, left + 25, 300), fill="#40363a")
    draw.arc((255, 330, 345, 400), 20, 160, fill="#8d5f5f", width=8)
    written = BytesIO()
    picture.save(written, "JPEG", quality=92)
    return written.getvalue()


def today(page: Page) -> None:
    page.goto("/admin/")


def chart(page: Page) -> None:
    page.goto("/search/")
    page.locator("#q").fill("Paula Jensen")
    page.keyboard.press("Enter")
    page.get_by_role("main").get_by_role("link", name="Paula Jensen").first.click()
    page.wait_for_selector("#timeline")
    if not page.locator(".banner .photo").count():
        page.locator("#files-category").select_option("portrait")
        photo: Any = {"name": "paula-jensen.jpg", "mimeType": "image/jpeg", "buffer": portrait()}
        page.set_input_files("#files-input", photo)
        page.locator("#uploads a").wait_for(timeout=60_000)
        page.wait_for_timeout(5_000)  # for the virus scan
    page.reload()
    page.locator(".banner .photo").wait_for()


def found_chart(page: Page, name: str) -> None:
    """Open somebody's page in the manager's list of patients."""
    page.goto(f"/admin/patients/patient/?q={name}")
    page.locator("#result_list a[href*='/change/']").first.click()


def colleague(page: Page) -> None:
    page.goto("/admin/accounts/invitation/add/")
    page.get_by_label("Name").fill("Dr. Nina New")
    page.get_by_label("Email").fill("nina.new@example.org")
    page.get_by_label("Role").select_option("doctor")


def restrict(page: Page) -> None:
    found_chart(page, "Pemhurst")
    page.get_by_text("Restrict this chart…").click()
    page.get_by_role("button", name="Restrict the chart").scroll_into_view_if_needed()


def merge(page: Page) -> None:
    found_chart(page, "Fern%C3%A1ndez")
    page.goto(page.url.replace("/change/", "/merge-charts/"))  # which proposes a likely one
    page.locator(".praxis-matches a").first.click()


def imported(page: Page) -> None:
    """A file as other programs write it: two lines are wrong, and one is of a chart that is there already."""
    lines = [f"Müller;Zoë {at};{at % 28 + 1}/{at % 12 + 1}/1970;(212) 555-{1000 + at}" for at in range(497)]
    lines += ["Quist;Nora;;", "Holm;Nina;31/31/1980;", "Jensen;Paula;17/5/1984;"]
    text = "\r\n".join(["Last name;First name;Born;Phone", *lines])
    page.goto("/import/new/patients/")
    file: Any = {"name": "old.csv", "mimeType": "text/csv", "buffer": text.encode("cp1252")}
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Upload and look").click()
    page.get_by_label("The day first").check()
    page.get_by_role("button", name="Check all lines").click()
    page.get_by_role("button", name="Import 497 lines").wait_for(timeout=60_000)


def my_page(page: Page) -> None:
    page.goto("/me/")


def my_day(page: Page) -> None:
    page.goto("/my-day/")


def numbers(page: Page) -> None:
    page.goto("/numbers/")


PICTURES: dict[str, tuple[str, tuple[int, int], Callable[[Page], None]]] = {
    "admin": ("admin", (1280, 800), today),
    "chart": ("doctor", (1280, 1000), chart),
    "my-day": ("doctor", (1280, 720), my_day),
    "numbers": ("admin", (1280, 800), numbers),
    "colleague": ("admin", (1000, 560), colleague),
    "restrict": ("admin", (1000, 560), restrict),
    "merge": ("admin", (1000, 640), merge),
    "import": ("admin", (1000, 720), imported),
    "my-page": ("patient", (430, 720), my_page),
}


def save(name: str, shown: bytes) -> None:
    """Write it with as many colours as fit into MOST_BYTES."""
    for colours in (256, 128, 64, 32):
        written = BytesIO()
        Image.open(BytesIO(shown)).convert("RGB").quantize(colours).save(written, "PNG", optimize=True)
        if written.tell() <= MOST_BYTES:
            break
    (HERE / f"{name}.png").write_bytes(written.getvalue())
    sys.stdout.write(f"{name}.png {written.tell()} bytes, {colours} colours\n")


def main(base: str, names: list[str]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name in names or PICTURES:
            role, (width, height), go = PICTURES[name]
            size: Any = {"width": width, "height": height}
            context = browser.new_context(base_url=base, viewport=size, timezone_id="America/New_York")
            page = context.new_page()
            page.goto("/")
            page.get_by_label("Email").fill(f"{role}@example.com")
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_load_state("networkidle")
            go(page)
            page.wait_for_load_state("networkidle")
            save(name, page.screenshot())
            context.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
