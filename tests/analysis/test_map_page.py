"""The map is one page that asks nothing of any network, in which texts are texts."""

import os
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from simile.analysis import Map, cluster, map_page, project, write_map
from simile.analysis.projection import Projection
from simile.errors import InputError

HOSTILE = (
    "</script><script>document.title='taken'</script><!-- <img src=x onerror=alert(1)>\u2028&amp;"
)
missing = pytest.fail if os.environ.get("SIMILE_REQUIRE_CHROMIUM") else pytest.skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def a_map(rows=60, texts=None):
    chance = np.random.default_rng(0)
    centers = chance.standard_normal((3, 8))
    vectors = centers[np.arange(rows) % 3] + 0.1 * chance.standard_normal((rows, 8))
    words = ["bank transfer", "grey cat", "blue sky"]
    texts = texts or [f"{words[row % 3]} number {row}" for row in range(rows)]
    places = chance.random((rows, 2)).astype(np.float32)
    ids = [str(row + 1) for row in range(rows)]
    return Map("A map", texts, ids, cluster(vectors, texts, count=3), Projection(places, "chance"))


def test_no_text_can_end_the_data():
    page = map_page(a_map(3, [HOSTILE, "$data ${style}", "é\ud800"]))
    assert page.count("</script>") == 2
    assert "<img" not in page
    assert page.isascii() or "é" not in page
    assert r"\u003c/script\u003e" in page


def test_the_page_allows_only_its_own_script_and_style():
    page = map_page(a_map())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "script-src 'unsafe-inline'" not in policy[1]
    assert not re.search(r"(src|href)=|https?://", page)


def test_other_names_and_places_are_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"map.pdf is not a map; expected the suffix .html or .png"
    ):
        write_map(tmp_path / "map.pdf", a_map())
    with pytest.raises(InputError, match=r"the folder .* does not exist"):
        write_map(tmp_path / "none" / "map.html", a_map())


def test_a_picture_is_one(tmp_path):
    write_map(tmp_path / "map.png", a_map(6, ["$x_", "a$", "é", "</b>", "猫", ""]))
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("rows", [0, 1, 2, 6])
def test_few_vectors_have_places(rows):
    points = project(np.eye(6)[:rows], umap=False).points
    assert points.shape == (rows, 2)
    assert ((points >= 0) & (points <= 1)).all()


def test_equal_vectors_lie_at_one_place():
    assert (project(np.ones((9, 4)), umap=False).points == 0.5).all()


@pytest.mark.parametrize("sample", [150, 60])
def test_near_vectors_lie_near_and_one_seed_gives_one_map(sample):
    chance = np.random.default_rng(5)
    labels = np.arange(150) % 3
    rows = np.eye(3, 12)[labels] + 0.05 * chance.standard_normal((150, 12))
    first = project(rows, sample=sample, umap=False)
    middles = np.array([first.points[labels == one].mean(axis=0) for one in range(3)])
    distances = np.linalg.norm(first.points[:, None] - middles, axis=2)
    assert np.mean(distances.argmin(axis=1) == labels) > 0.95
    assert ("random texts" in first.method) == (sample < 150)
    assert np.array_equal(first.points, project(rows, sample=sample, umap=False).points)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        missing("chromium is not installed: the page is not drawn")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield started
        started.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a map; what the page asks for and what goes wrong is kept."""
    context = browser.new_context(viewport={"width": 1100, "height": 700})

    def open_map(drawn, before=""):
        path = tmp_path / "map.html"
        write_map(path, drawn)
        page = context.new_page()
        asked: list[str] = []
        wrong: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.add_init_script(before or "0")
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-drawn]")
        return SimpleNamespace(page=page, asked=asked, wrong=wrong, url=path.as_uri())

    yield open_map
    context.close()


NO_WEBGL = """
const get = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind === "webgl" ? null : get.call(this, kind, ...rest);
};"""
PLACE = """row => {
  const box = canvas.getBoundingClientRect();
  return [box.left + screenX(row), box.top + screenY(row)];
}"""
INK = """() => {
  const image = document.createElement("canvas");
  [image.width, image.height] = [canvas.width, canvas.height];
  painter.draw();
  const pen = image.getContext("2d");
  pen.drawImage(canvas, 0, 0);
  const shown = pen.getImageData(0, 0, image.width, image.height).data;
  return shown.filter((value, place) => place % 4 === 3 && value > 60).length;
}"""


@pytest.mark.parametrize("before", ["", NO_WEBGL], ids=["webgl", "canvas"])
def test_drawn_hovered_searched_and_told_apart_without_any_request(opened, before):
    texts = [f"text number {row}" for row in range(59)] + [HOSTILE]
    shown = opened(a_map(60, texts), before)
    page = shown.page
    assert page.evaluate(INK) > 200
    if before:
        assert page.evaluate("painter.name") == "canvas"

    page.mouse.move(*page.evaluate(PLACE, 59))
    page.wait_for_selector("#tip:not([hidden])")
    assert page.text_content("#tip-text") == HOSTILE.strip()
    assert page.title() == "A map"

    page.keyboard.press("/")
    page.keyboard.type("NUMBER 4")
    page.locator("#found", has_text="11 of 60").wait_for()
    assert page.evaluate("Array.from(state)") == [2 if "number 4" in text else 0 for text in texts]
    assert page.locator("#results button").first.text_content() == "text number 4"
    page.keyboard.press("Escape")
    assert page.evaluate("state.every((one) => one === 1)")

    page.locator("#legend button").first.click()
    alone = page.evaluate("[chosen, state.filter((one) => one === 1).length]")
    assert alone == [0, page.evaluate("data.clusters[0].size")]
    assert shown.asked == [shown.url]
    assert shown.wrong == []


def test_what_a_hostile_text_would_ask_for_is_not_asked_for(opened):
    shown = opened(a_map(3, ["<img src='http://127.0.0.1:9/a.png'>", HOSTILE, "plain"]))
    shown.page.evaluate("document.body.insertAdjacentHTML('beforeend', data.texts[0])")
    shown.page.wait_for_timeout(100)
    # Even markup that a fault let through: the policy keeps it from the network.
    assert any("Content Security Policy" in line for line in shown.wrong)
    assert shown.page.evaluate("document.images[0].naturalWidth") == 0


def test_a_hundred_thousand_points_are_drawn(opened):
    rows = 100_000
    few = a_map(60)
    labels = np.arange(rows, dtype=np.int32) % 3
    clustering = replace(few.clustering, labels=labels)
    places = np.random.default_rng(0).random((rows, 2)).astype(np.float32)
    many = Map("Many", ["some text"] * rows, ["1"] * rows, clustering, Projection(places, "chance"))
    shown = opened(many)
    assert shown.page.evaluate("document.body.dataset.drawn") == "100000"
    assert shown.page.evaluate(INK) > 50_000
    shown.page.mouse.move(*shown.page.evaluate(PLACE, 77_777))
    shown.page.wait_for_selector("#tip:not([hidden])")
    assert shown.wrong == []
