"""Operations on the page of Swagger UI, which renders those alone that are on the screen."""

from playwright.sync_api import Locator, Page

SCROLL_TO = """async selector => {
    const frame = () => new Promise(requestAnimationFrame)
    for (let top = 0; !document.querySelector(selector); top += innerHeight / 2) {
        if (top > document.documentElement.scrollHeight) throw new Error(`${selector} is not there`)
        scrollTo(0, top)
        for (let frames = 0; frames < 3; frames++) await frame()
    }
}"""


def find_operation(page: Page, path: str) -> Locator:
    """Return the first operation of this path, scrolled into view."""
    page.locator(".opblock").first.wait_for()
    selector = f'.opblock:has([data-path="{path}"])'
    page.evaluate(SCROLL_TO, selector)
    return page.locator(selector).first
