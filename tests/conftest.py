"""A browser for the tests that need one."""

import os
import shutil

import playwright.sync_api
import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ANYWHERE = "http://book.test/"  # nobody is asked: the browser is handed the page
STYLE = "body{margin:1em;font:16px/1.5 sans-serif;color:#222}"


@pytest.fixture(scope="session")
def browser():
    """A Chromium of this machine."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        # where a green run is taken for a proof, nothing may be left unproved
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("no Chromium on this machine: no page was opened in a browser")
    with playwright.sync_api.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=[*QUIET])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser):
    """Opens a page with this body, as the site lays out a lab, and gives its tab."""
    contexts = []

    def open_(body, place="", **settings):
        context = browser.new_context(**settings)
        contexts.append(context)
        context.set_default_timeout(5_000)
        html = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>A lab</title>'
            f"<style>{STYLE}</style><body><main><section><h1>A lab</h1>{body}</section>"
            "</main></body></html>"
        )
        context.route("**/*", lambda route: route.fulfill(body=html))
        tab = context.new_page()
        tab.goto(f"{ANYWHERE}{place}")
        return tab

    yield open_
    for context in contexts:
        context.close()
