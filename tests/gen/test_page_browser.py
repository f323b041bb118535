"""The pages in a real Chromium, driven by keyboard and mouse, from a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pages
import pytest
from browser import CLIPPED, CONTRAST, OVERFLOWING, Visit, browsers, visited
from eoscheck.gen.page.page import report_page, trace_page
from playwright.sync_api import Browser, Page, expect

WIDTHS = (320, 375, 768, 1280, 1920)
SCHEMES = ("light", "dark")
CASE = "no-duplicates@ledger"
LENGTH = 23


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from browsers()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """file("report"): a page that was written."""
    folder = tmp_path_factory.mktemp("pages")
    make: dict[str, Callable[[], str]] = {
        "report": lambda: report_page(*pages.report("a12")),
        "torn": lambda: report_page(*pages.report("a19")),
        "trace": lambda: trace_page(pages.trace("a12", "no-duplicates")),
        "lasso": lambda: trace_page(pages.trace("a22", "progress")),
        "hanging": lambda: trace_page(pages.trace("b1", "no-hanging")),
        "long": lambda: trace_page(pages.long_trace()),
        "many": lambda: report_page(*pages.large_report()),
    }

    def written(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(make[name](), "utf-8")
        return path

    return written


@pytest.fixture
def visit(browser: Browser, file: Callable[[str], Path]) -> Visit:
    """with visit("report", "#no-duplicates@ledger/7", viewport=...) as page: ..."""

    def opened(name: str, fragment: str = "", width: int = 1280, **options: Any) -> Any:
        return visited(browser, file(name), fragment, viewport={"width": width, "height": 900}, **options)

    return opened


def case(page: Page, name: str = CASE) -> Any:
    return page.locator(f'.case[id="{name}"]')


def wait_until(page: Page, condition: str) -> None:
    """Wait, frame by frame, until a condition holds. Playwright's own way compiles text where it has to wait, which the
    page forbids."""
    met = page.evaluate(
        f"""async () => {{
          for (let frame = 0; frame < 600 && !({condition}); frame++)
            await new Promise(requestAnimationFrame);
          return {condition};
        }}"""
    )
    assert met, condition


def at(page: Page, name: str = CASE) -> int:
    """The step that is shown, by everything that says so."""
    shown = case(page, name)
    count = shown.locator(".count").inner_text()
    number = int(count.split("/")[0])
    assert shown.locator("input[type=range]").input_value() == str(number)
    said = shown.locator(".said .heading").inner_text()
    assert said.startswith(f"Step {number} of" if number else "The initial state")
    current = shown.locator(".steps > [aria-current=step]").evaluate_all(
        "found => found.map(e => e.dataset.step)"
    )
    assert current == ([str(number)] if number else [])
    marked = shown.locator(".diagram .step.selected").evaluate_all("found => found.map(e => e.dataset.step)")
    assert marked == current
    return number


def test_arrow_keys_home_and_end_go_through_the_steps(visit: Visit):
    with visit("trace") as page:
        assert at(page) == 0
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        assert at(page) == 3
        page.keyboard.press("ArrowLeft")
        assert at(page) == 2
        page.locator(".now").focus()
        page.keyboard.press("End")
        assert at(page) == LENGTH
        page.keyboard.press("ArrowRight")
        assert at(page) == LENGTH
        page.keyboard.press("Home")
        assert at(page) == 0
        page.keyboard.press("ArrowLeft")
        assert at(page) == 0


def test_buttons_and_slider_do_the_same(visit: Visit):
    with visit("trace") as page:
        for button, number in (("Last", LENGTH), ("Back", LENGTH - 1), ("First", 0), ("Next", 1)):
            page.get_by_role("button", name=button).click()
            assert at(page) == number
        page.get_by_role("slider").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
        assert at(page) == 3
        page.keyboard.press("End")
        assert at(page) == LENGTH
        assert "step 23 of 23: writes input 2" in (
            page.get_by_role("slider").get_attribute("aria-valuetext") or ""
        )


def test_a_step_in_the_diagram_can_be_clicked_and_stays_in_sight(visit: Visit):
    with visit("trace") as page:
        page.locator('.diagram [data-step="6"]').first.click()
        assert at(page) == 6
        assert page.url.endswith(f"#{CASE}/6")
        page.keyboard.press("Home")
        for number in (LENGTH, 1, 12):
            page.get_by_role("slider").fill(str(number))
            page.wait_for_timeout(700)  # it may scroll smoothly
            inside = page.evaluate(
                """n => {
                  const box = document.querySelector(".diagram").getBoundingClientRect();
                  const step = document.querySelector(`.diagram .step[data-step="${n}"]`).getBoundingClientRect();
                  return step.top >= box.top - 1 && step.bottom <= box.bottom + 1;
                }""",
                number,
            )
            assert inside, number


def test_a_link_to_a_step_works_on_load_and_back_and_forward_walk_the_links(visit: Visit):
    with visit("report", f"#{CASE}/14") as page:
        assert at(page) == 14 and page.locator(".now:visible").first.is_visible()
        expect(case(page).locator(".toolbar")).to_be_in_viewport()
        page.locator("table.verdicts a", has_text="at step 12").click()
        assert at(page, "no-loss@ledger") == 12
        page.go_back()
        assert at(page) == 14
        page.go_forward()
        assert at(page, "no-loss@ledger") == 12
        page.evaluate("location.hash = '#no-loss@ledger/3'")
        wait_until(
            page, "document.querySelector('[id=\"no-loss@ledger\"] .count').textContent.startsWith('3')"
        )
        assert at(page, "no-loss@ledger") == 3


def test_the_address_follows_the_step_once_it_stays_and_back_returns_to_where_one_came_from(visit: Visit):
    with visit("report") as page:
        assert "#" not in page.url
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        page.wait_for_url(re.compile("#no-loss@ledger/5$"))
        page.keyboard.press("ArrowRight")
        page.wait_for_url(re.compile("#no-loss@ledger/6$"))
        page.go_back()
        page.wait_for_url(re.compile(r"report\.html$"))


@pytest.mark.parametrize(
    "fragment", ["#%", "#nothing/3", "#no-duplicates@ledger/99999", "#/", "#__proto__/1"]
)
def test_an_address_that_leads_nowhere_does_no_harm(visit: Visit, fragment: str):
    with visit("trace", fragment) as page:
        assert at(page) == (LENGTH if "99999" in fragment else 0)


def test_enter_follows_a_link_and_the_focus_goes_along(visit: Visit):
    with visit("report") as page:
        page.locator("table.verdicts a", has_text="at step 23").focus()
        page.keyboard.press("Enter")
        wait_until(page, "document.activeElement.matches('.now')")
        assert at(page) == LENGTH
        page.keyboard.press("ArrowLeft")
        assert at(page) == LENGTH - 1


def test_tab_goes_from_the_skip_link_through_everything_in_the_order_in_which_it_is_seen(visit: Visit):
    with visit("report") as page:
        stops = []
        for _ in range(60):
            page.keyboard.press("Tab")
            stop = page.evaluate(
                """() => {
                  const e = document.activeElement, box = e.getBoundingClientRect();
                  const outline = getComputedStyle(e);
                  const ring = outline.outlineStyle !== "none" && parseFloat(outline.outlineWidth) >= 2;
                  const name = e.getAttribute("aria-label") || e.textContent.trim() || e.type;
                  return e === document.body ? null : [name.slice(0, 40), ring, box.top + scrollY];
                }"""
            )
            if stop is None:
                break
            stops.append(stop)
        names = [name for name, _, _ in stops]
        assert names[0] == "Skip to the content" and all(ring for _, ring, _ in stops), stops
        for earlier, later in (
            ("Verdicts", "at step 12 of no-loss@ledger"),
            ("First", "Next"),
            ("Next", "range"),
        ):
            assert names.index(earlier) < names.index(later), names
        assert any(name.startswith("Sequence diagram") for name in names)


def test_the_skip_link_leads_to_the_content(visit: Visit):
    with visit("report") as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_what_observers_see_is_put_together_from_differences(visit: Visit):
    with visit("trace", f"#{CASE}/14") as page:
        state = page.locator(".state")
        for said in ("high watermark 3, last stable offset 3", "● 1 was 2", "1, 2"):
            expect(state).to_contain_text(said)
        cells = state.locator(".log .cell").all_inner_texts()
        assert [c.split() for c in cells] == [
            ["1", "committed"],
            ["2", "committed"],
            ["1", "committed,", "new"],
        ]
        expect(state).to_contain_text("billing:wire.copies.offset")
        state.get_by_text("All variables").click()
        expect(state.locator("details th code", has_text="billing.position").first).to_be_visible()
        page.keyboard.press("ArrowLeft")
        assert at(page) == 13
        expect(state).to_contain_text("● 1, 2 was 1")


def test_an_undecided_record_lies_between_the_last_stable_offset_and_the_high_watermark(visit: Visit):
    with visit("torn", "#atomic-read@audit/20") as page:
        logs = page.locator(".log")
        written, waiting = logs.nth(1), logs.nth(2)
        assert [c.split() for c in written.locator(".cell").all_inner_texts()] == [
            ["1", "committed"],
            ["COMMIT", "marker"],
        ]
        assert [c.split() for c in waiting.locator(".cell").all_inner_texts()] == [["1", "undecided"]]
        assert [c.split() for c in waiting.locator(".limit").all_inner_texts()] == [["↑", "LSO"], ["↑", "HW"]]


def test_routine_steps_can_be_folded_and_are_then_passed_over(visit: Visit):
    with visit("trace") as page:
        page.get_by_text("All steps in words").click()
        routine = page.locator(".steps > .routine")
        expect(routine.first).to_be_visible()
        page.get_by_label("Show routine steps").uncheck()
        expect(routine.first).to_be_hidden()
        seen = []
        for _ in range(12):
            page.get_by_role("button", name="Next").click()
            seen.append(at(page))
        assert tuple(seen) == pages.trace("a12", "no-duplicates").why.chain
        page.locator(".prose a").first.click()
        assert at(page) == 1


def test_a_lasso_is_shown_in_the_stepper(visit: Visit):
    lasso = pages.trace("a22", "progress").lasso
    with visit("lasso", f"#progress@payments/{lasso['after'] + 1}") as page:
        name = page.locator(".case").get_attribute("id")
        page.evaluate(f"location.hash = '#{name}/{lasso['after'] + 1}'")
        expect(page.locator(".about")).to_contain_text("from here on, for ever")
        page.get_by_role("button", name="Last").click()
        expect(page.locator(".about")).to_contain_text("repeat for ever")
    with visit("hanging") as page:
        page.get_by_role("button", name="Last").click()
        expect(page.locator(".about")).to_contain_text("rests for ever")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["report", "torn", "trace", "many"])
def test_at_any_width_nothing_reaches_over_the_edge_or_is_clipped(visit: Visit, name: str, width: int):
    with visit(name, width=width) as page:
        page.keyboard.press("ArrowRight")
        page.evaluate("document.querySelectorAll('details').forEach((d, i) => (d.open = d.open || i < 9))")
        assert page.evaluate(OVERFLOWING) == []
        assert page.evaluate(CLIPPED) == []
        for button in page.locator(".case .toolbar button").all()[:4]:
            button.scroll_into_view_if_needed()
            box = button.bounding_box()
            assert (
                box and box["width"] >= 24 and 24 <= box["height"] < 44 and box["x"] + box["width"] <= width
            )


def test_diagram_and_stepper_stand_side_by_side_where_there_is_room(visit: Visit):
    def places(width: int) -> tuple[dict[str, float], dict[str, float]]:
        with visit("trace", width=width) as page:
            found = [page.locator(place).bounding_box() for place in (".diagram", ".state")]
            assert found[0] and found[1]
            return found[0], found[1]

    diagram, state = places(1280)
    assert diagram["x"] + diagram["width"] <= state["x"]
    diagram, state = places(768)
    assert diagram["y"] + diagram["height"] <= state["y"]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["report", "torn", "trace"])
def test_every_text_can_be_read_in_both_colour_schemes(visit: Visit, name: str, scheme: str):
    with visit(name, color_scheme=scheme) as page:
        page.get_by_role("button", name="Last").first.click()
        page.evaluate("document.querySelectorAll('details').forEach(d => (d.open = true))")
        assert page.evaluate(CONTRAST) == []


def test_the_theme_can_be_chosen_and_is_remembered_nowhere_but_here(visit: Visit):
    with visit("trace", color_scheme="light") as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        button = page.get_by_role("button", name="Dark theme")
        assert button.get_attribute("aria-pressed") == "false"
        button.click()
        assert page.evaluate(ground) != light and button.get_attribute("aria-pressed") == "true"
        assert page.evaluate(CONTRAST) == []
        page.keyboard.press("Enter")
        assert page.evaluate(ground) == light
        page.emulate_media(color_scheme="dark")
        assert page.evaluate(ground) == light
        assert page.context.storage_state() == {"cookies": [], "origins": []}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("name", "width"), [("report", 1280), ("lasso", 320)])
def test_axe_finds_nothing(visit: Visit, name: str, width: int, scheme: str):
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    with visit(name, width=width, color_scheme=scheme, reduced_motion="reduce") as page:
        page.keyboard.press("ArrowRight")
        page.evaluate("document.querySelectorAll('details').forEach(d => (d.open = true))")
        page.evaluate(axe)
        found = page.evaluate("axe.run()")["violations"]
        assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found] == []


def test_a_step_is_announced_once(visit: Visit):
    with visit("trace") as page:
        live = page.locator("[aria-live]")
        assert live.count() == 1 and live.get_attribute("aria-atomic") == "true"
        page.keyboard.press("ArrowRight")
        assert live.inner_text().split("\n")[0] == "Step 1 of 23 billing"
        assert "polls input 1" in live.inner_text()


def test_without_javascript_everything_can_be_read(visit: Visit):
    with visit("report", f"#{CASE}/14", java_script_enabled=False) as page:
        line = page.locator(f'[id="{CASE}/14"]')
        expect(line).to_be_in_viewport()
        expect(line).to_contain_text("an OffsetCommit request")
        expect(case(page).locator(".diagram svg")).to_be_visible()
        assert page.locator("button:visible").count() == 0
        case(page, "no-loss@ledger").locator(".steps a").nth(3).click()
        assert page.url.endswith("#no-loss@ledger/4")


@pytest.mark.parametrize("name", ["long", "many"])
def test_a_large_page_is_seen_within_a_second_and_a_step_within_a_tenth(visit: Visit, name: str):
    with visit(name) as page:
        paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        wait_until(page, f"{paint} !== undefined")
        assert page.evaluate(paint) < 1000
        slowest = page.evaluate(
            """async () => {
              const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
              const taken = [];
              for (let i = 0; i < 15; i++) {
                await frame();
                const start = performance.now();
                document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
                document.body.offsetHeight;
                taken.push(performance.now() - start);
              }
              return taken.sort((a, b) => a - b).at(-2);
            }"""
        )
        assert slowest < 100


def test_each_of_many_counterexamples_can_be_stepped_through(visit: Visit):
    with visit("many") as page:
        assert page.locator(".live").count() == 1
        names = page.locator(".case").evaluate_all("found => found.map(e => e.id)")
        assert len(names) == 40
        for name in (names[7], names[39]):
            case(page, name).locator("summary").first.click()
            case(page, name).get_by_role("button", name="Next").click()
            page.keyboard.press("ArrowRight")
            assert at(page, name) == 2
        assert at(page, names[0]) == 0


def test_a_print_has_every_step_and_no_controls(visit: Visit):
    with visit("report") as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator(".toolbar:visible, .theme:visible").count() == 0
        assert page.locator(".steps > .step:visible").count() == 12 + 23 + 4
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media="screen")
        assert page.locator(".steps > .step:visible").count() == 0
        assert page.pdf().startswith(b"%PDF")
