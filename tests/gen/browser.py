"""A headless Chromium for tests of pages, and what they measure in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import debian
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
]

Visit = Callable[..., AbstractContextManager[Page]]


def browsers() -> Iterator[Browser]:
    """One browser, closed in the end."""
    program = debian.chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program.path, env=program.env, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visited(browser: Browser, file: Path, fragment: str = "", **options: Any) -> Iterator[Page]:
    """A file in a window of its own, with what `browser.new_page` takes; whatever it complains of fails the test."""
    page = browser.new_page(**options)
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url.partition("#")[0]))
    try:
        page.goto(f"{file.as_uri()}{fragment}")
        yield page
        assert complaints == []
        assert set(requests) <= {file.as_uri(), "data:,"}
    finally:
        page.close()


CONTRAST = """() => {
  const parsed = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith("color(srgb") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
  const light = (color) => {
    const [r, g, b] = color.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    if (!element) return [255, 255, 255];
    const own = parsed(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, behind(element.parentElement));
  };
  const under = (text, box) => {
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    let color = behind(text.closest("svg").parentElement);
    for (const rect of text.closest("svg").querySelectorAll("rect")) {
      const place = rect.getBoundingClientRect();
      const within = x > place.left && x < place.right && y > place.top && y < place.bottom;
      const fill = getComputedStyle(rect).fill;
      if (!within || fill === "none" || !(rect.compareDocumentPosition(text) & 4)) continue;
      const [r, g, b, a] = parsed(fill);
      color = over([r, g, b, a * Number(getComputedStyle(rect).opacity)], color);
    }
    return color;
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
    const style = getComputedStyle(element);
    const disabled = element.closest("[aria-disabled=true]");
    const box = element.getBoundingClientRect();
    if (!text || disabled || style.visibility !== "visible" || box.width < 2 || box.height < 2) continue;
    if (!element.checkVisibility({ contentVisibilityAuto: true })) continue;
    const drawn = element instanceof SVGElement;
    let opacity = 1;
    for (let e = element; e; e = e.parentElement) opacity *= Number(getComputedStyle(e).opacity);
    const below = drawn ? under(element, box) : behind(element);
    const color = parsed(drawn ? style.fill : style.color);
    const [a, b] = [light(over([...color.slice(0, 3), color[3] * opacity], below)), light(below)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 120)}`);
  }
  return found;
}"""
"""Gives the texts whose contrast is below AA, computed from what is drawn."""

OVERFLOWING = """() => {
  const found = [];
  const inside = (element) => element.closest(".scroll, .unseen, .skip");
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility() || (inside(element) && inside(element) !== element)) continue;
    const box = element.getBoundingClientRect();
    if (box.width && (box.right > innerWidth + 0.5 || box.left < -0.5) && !element.matches(".skip, .unseen"))
      found.push(element.outerHTML.slice(0, 120));
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  return found;
}"""
"""Gives what reaches over the edge of the window, outside boxes that scroll."""

CLIPPED = """() => [...document.querySelectorAll("button, th, td, summary, p, h1, h2, h3, h4, li, dd, dt, a, label")]
  .filter((e) => e.checkVisibility() && !e.closest(".unseen, .skip, svg, .diagram") && !e.matches(".unseen, .skip"))
  .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== "inline")
  .map((e) => e.outerHTML.slice(0, 120))"""
"""Gives texts that are wider than the box they are in."""
