"""What a user does with the page, in a test's words."""

from __future__ import annotations

import os
from pathlib import Path

TOKEN = "a-token-for-the-tests-0123456789"
# A browser and a software renderer on one busy core.
SECONDS = 180.0


class PageDriver:
    """Types and clicks.

    Args:
        tab: a Playwright page.
        address: the page's, without a token.
    """

    def __init__(self, tab, address):
        self.tab, self.address = tab, address
        self.problems = []
        tab.set_default_timeout(1000 * SECONDS)
        tab.on("pageerror", lambda error: self.problems.append(str(error)))

    def open(self):
        self.tab.goto(f"{self.address}?token={TOKEN}", wait_until="domcontentloaded")
        self.tab.wait_for_selector("#lsms-panel")
        self.wait("document.querySelector('#lsms-where-text').innerText.includes('Will search')")
        self.pictures()

    def pictures(self):
        """Wait until all four views show a picture."""
        shown = "[...document.querySelectorAll('#lsms-views img')].filter(i => i.naturalWidth > 20)"
        self.wait(f"{shown}.length >= 4")

    def wait(self, condition):
        self.tab.wait_for_function(f"() => {condition}")

    def prompt(self, text):
        """Type a prompt as somebody who does not touch the mouse."""
        self.leave()
        self.tab.keyboard.press("l")
        self.tab.keyboard.type(text)

    def leave(self):
        """Take the keyboard out of any text line."""
        self.tab.evaluate("document.activeElement.blur()")

    def where(self, name):
        self.tab.click(f"#lsms-where-{name}")

    def run(self, text, kind="info"):
        """Type a prompt, press Enter and wait for the answer; returns what the page says."""
        self.prompt(text)
        before = self.runs
        self.tab.keyboard.press("Enter")
        self.wait(f"document.querySelector('#lsms-panel').dataset.runs != {before}")
        return self.said(".", kind)

    @property
    def runs(self):
        """How many runs have ended."""
        return int(self.tab.get_attribute("#lsms-panel", "data-runs"))

    def said(self, pattern, kind=None):
        """Wait until the page says something, and return it."""
        wanted = f".lsms-status.{kind}" if kind else ".lsms-status"
        self.tab.wait_for_selector(f"{wanted} >> text=/{pattern}/")
        return self.tab.inner_text("#lsms-status")

    @property
    def chips(self):
        return self.tab.locator("#lsms-chips .lsms-chip").all_inner_texts()

    @property
    def lesions(self):
        """The list's rows: (kept, text)."""
        rows = self.tab.locator("#lsms-lesions tbody tr").all()
        return [("kept" in r.get_attribute("class"), r.inner_text()) for r in rows]

    @property
    def kept(self):
        return sum(kept for kept, _ in self.lesions)

    @property
    def segments(self):
        rows = self.tab.locator("#lsms-segments tbody tr").all_inner_texts()
        return [row.strip() for row in rows]

    def findings(self):
        """The table's rows: heading -> cell."""
        head = self.tab.locator("#lsms-findings th").all_inner_texts()
        rows = self.tab.locator("#lsms-findings tbody tr").all()
        return [dict(zip(head, r.locator("td").all_inner_texts(), strict=True)) for r in rows]

    def volume(self, name):
        """mL of a segment in the findings."""
        return next(float(f["Volume (mL)"]) for f in self.findings() if f["Segment"] == name)

    def view(self, place):
        """The box of the view at a place: 0 is the axial one."""
        return self.tab.locator("#lsms-views img").nth(place).bounding_box()

    def picture(self, name):
        """Keep a picture where LSMS_SCREENSHOTS says so."""
        folder = os.environ.get("LSMS_SCREENSHOTS")
        if folder:
            self.tab.wait_for_timeout(1500)
            self.tab.screenshot(path=str(Path(folder, f"{name}.png")))
