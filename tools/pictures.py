"""Make the pictures of the book's front page: for README, and for links to the site.

    python tools/pictures.py

Opens the built site in the Chromium of this machine, when nothing moves any more.
Writes book/_static/card.png (1200 by 630, what a link to the site shows) and
book/_static/readme.png.
"""

import sys

from book_model import ROOT
from playwright.sync_api import Browser
from served import chromium, served

SITE, STATIC = ROOT / "_build" / "html", ROOT / "book" / "_static"
# the front page without what stands around it, and without what it says of itself
CARD = """
  .bd-sidebar-primary, .bd-header-article, .bd-sidebar-secondary, .prev-next-footer,
  .hero-source, .headerlink { display: none !important }
  .bd-article { padding: 0 !important }
  .bd-main .bd-content .bd-article-container { max-width: none; padding: 18px 44px }
  .bd-article h1 { font-size: 46px !important; margin: 0 0 4px !important }
  .bd-article p { margin-bottom: 0; line-height: 1.4; font-size: 20px }
  .hero { margin-top: 14px !important; padding-bottom: 14px !important }
  .hero-page, .hero ~ * { display: none !important }
"""


def card(browser: Browser, address: str) -> None:
    """Of the size that other sites show beside a link."""
    tab = browser.new_page(
        viewport={"width": 1200, "height": 630}, reduced_motion="reduce"
    )
    tab.goto(address)
    tab.add_style_tag(content=CARD)
    tab.screenshot(path=STATIC / "card.png")


def readme(browser: Browser, address: str) -> None:
    """The incident alone, sharp on fine screens."""
    tab = browser.new_page(
        viewport={"width": 1280, "height": 1000},
        device_scale_factor=2,
        reduced_motion="reduce",
    )
    tab.goto(address)
    tab.locator(".hero").screenshot(path=STATIC / "readme.png")


def main() -> None:
    """Make both."""
    if not (SITE / "book" / "index.html").exists():
        sys.exit("There is no built site to look at: make book")
    with served(SITE) as address, chromium() as browser:
        card(browser, f"{address}book/index.html")
        readme(browser, f"{address}book/index.html")
    print("book/_static/card.png, book/_static/readme.png")


if __name__ == "__main__":
    main()
