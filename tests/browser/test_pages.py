"""The public pages."""

from playwright.sync_api import expect

NARROW = {"width": 320, "height": 640}


def overflows(page) -> bool:
    # also of a page that is on its way, which has no body yet
    measured = page.wait_for_function(
        "() => document.body && [document.documentElement.scrollWidth, window.innerWidth]"
    )
    shown, window = measured.json_value()
    return shown > window


def test_sign_in_page_works_with_the_keyboard_and_on_a_narrow_screen(page):
    page.set_viewport_size(NARROW)
    page.goto("/", wait_until="networkidle")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert not overflows(page)
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type("nobody@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Email or password is wrong.")
    developers = page.get_by_role("navigation", name="For developers").get_by_role("link")
    addresses = [link.get_attribute("href") for link in developers.all()]
    assert addresses == ["/api/docs", "/api/redoc", "/api/schema", "/api/health"]
    for address in addresses:
        assert page.request.get(address).ok, address


# Swagger UI has only those rows in the page that are on the screen, once tags and operations are 150 or more.
ALL_OPERATIONS = """async () => {
    const seen = new Set()
    const frame = () => new Promise(requestAnimationFrame)
    const operations = document.querySelector(".operations-virtual")
    for (let top = 0; top < operations.getBoundingClientRect().bottom + scrollY; top += innerHeight / 2) {
        scrollTo(0, top)
        for (let frames = 0; frames < 3; frames++) await frame()
        document.querySelectorAll(".opblock").forEach(one => seen.add(one.id))
    }
    return [...seen]
}"""


def test_swagger_shows_every_operation_as_one_scrolls(page):
    page.goto("/api/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=30_000)
    paths = page.request.get("/api/schema").json()["paths"]
    assert len(page.evaluate(ALL_OPERATIONS)) == sum(map(len, paths.values()))
