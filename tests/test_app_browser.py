"""The local page in a headless Chromium, as a person uses it. Skipped where there is no Chromium or no Playwright."""

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("uvicorn", reason="needs pip install 'dgan_jax[app]'")
playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
if CHROMIUM is None:
    pytest.skip("needs a Chromium: apt-get install chromium", allow_module_level=True)

ROOT = Path(__file__).parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZE = (160, 120)
PATIENCE = 180_000


class Server:
    """`dgan app` as a process."""

    def __init__(self, port=0):
        command = [sys.executable, "-m", "dgan_jax", "app", "--port", str(port), "--no-browser"]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        self.address = self.process.stdout.readline().split()[0]
        self.port = int(self.address.rpartition(":")[2].strip("/"))

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server():
    started = [Server()]
    yield started
    started[-1].end()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    small = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
    place = tmp_path_factory.mktemp("photos") / "meadow.png"
    Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC).save(place)
    return place


@contextlib.contextmanager
def visiting(browser, server, **options):
    """A page of a browser of its own; what it complains about in the console is an error."""
    context = browser.new_context(viewport={"width": 1100, "height": 800}, accept_downloads=True, **options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    wrong, asked = [], []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server[-1].address)
    page.wait_for_selector("#task:not([disabled])")
    yield page
    context.close()
    assert not wrong
    assert all(url.startswith((server[-1].address, "data:", "blob:")) for url in asked)


def opened(page, photo):
    page.set_input_files("#open", str(photo))
    says(page, "about", "160 x 120")
    page.select_option("#method", "system:telea")


def says(page, id, text):
    """Waits until an element of the page holds the text."""
    playwright.expect(page.locator(f"#{id}")).to_contain_text(text, timeout=PATIENCE)


def spot(page, x, y):
    """Where on the screen a pixel of the photograph is."""
    box = page.locator("#easel").bounding_box()
    k = min(box["width"] / SIZE[0], box["height"] / SIZE[1], 8)
    left, top = (box["width"] - k * SIZE[0]) / 2, (box["height"] - k * SIZE[1]) / 2
    return box["x"] + left + k * x, box["y"] + top + k * y


def drag(page, *points):
    page.mouse.move(*spot(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*spot(page, *point), steps=4)
    page.mouse.up()


def mask(page):
    """The hole as the page lets one download it, [H, W] of bool."""
    with page.expect_download() as waiting:
        page.click("#mask-down")
    return np.asarray(Image.open(waiting.value.path()).convert("L")) > 127


def restored(page):
    page.click("#restore")
    page.wait_for_selector("#results:not([hidden])")


def seen(page, x, y):
    """The colour that the page shows of a pixel of the photograph."""
    page.wait_for_timeout(100)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return np.array(image.getpixel(tuple(map(round, spot(page, x, y)))), int)


def test_a_photograph_is_opened_painted_restored_compared_and_downloaded(browser, server, photo):
    with visiting(browser, server) as page:
        opened(page, photo)
        assert page.is_disabled("#restore"), "there is no hole yet"
        drag(page, (40, 40), (100, 70))
        hole = mask(page)
        assert hole[40, 40]
        assert hole[70, 100]
        assert not hole[10, 10]
        restored(page)
        assert page.is_checked("input[value=compare]")
        with page.expect_download() as waiting:
            page.click("#download")
        assert waiting.value.suggested_filename == "meadow_restored.png"
        before, after = (np.asarray(Image.open(place)) for place in (photo, waiting.value.path()))
        np.testing.assert_array_equal(after[~hole], before[~hole])
        inner = (40, 40)
        assert np.abs(after[inner].astype(int) - before[inner]).sum() > 30
        # The slider: on its left is before, on its right after.
        for split, shown in ((100, before), (0, after)):
            page.locator("#split").fill(str(split))
            assert np.abs(seen(page, 40, 40) - shown[inner]).max() < 30
        page.click("#go-on")
        says(page, "about", "meadow_restored.png")
        assert page.is_checked("input[value=paint]")


def test_painting_is_undone_redone_erased_and_cleared(browser, server, photo):
    with visiting(browser, server) as page:
        opened(page, photo)
        drag(page, (30, 30), (50, 30))
        page.click("[data-tool=box]")
        drag(page, (80, 60), (120, 100))
        both = mask(page)
        assert both[30, 30]
        assert both[60:100, 80:120].all()
        page.keyboard.press("Control+z")
        assert not mask(page)[80, 100]
        page.click("#redo")
        np.testing.assert_array_equal(mask(page), both)
        page.click("[data-tool=erase]")
        drag(page, (100, 60), (100, 100))
        assert not mask(page)[80, 100]
        page.click("#clear")
        page.keyboard.press("Control+z")
        assert mask(page)[30, 30]
        # Zooming and panning move no paint.
        kept = mask(page)
        page.click("#closer")
        page.click("[data-tool=pan]")
        drag(page, (80, 60), (60, 50))
        page.click("#fit")
        np.testing.assert_array_equal(mask(page), kept)


def test_a_hole_is_painted_with_the_keyboard_alone(browser, server, photo):
    with visiting(browser, server) as page:
        opened(page, photo)
        page.focus("#easel")
        for key in ("x", "ArrowLeft", "ArrowUp", " ", "ArrowRight", "ArrowDown", " "):
            page.keyboard.press(key)
        hole = mask(page)
        assert hole[49:59, 69:79].all(), "a box of half a brush from the middle"
        assert not hole[65:].any()
        page.focus("#restore")
        page.keyboard.press("Enter")
        page.wait_for_selector("#results:not([hidden])")


def test_a_mask_is_taken_from_a_file(browser, server, photo, tmp_path):
    image = Image.new("L", SIZE)
    image.paste(255, (20, 10, 60, 40))
    image.save(tmp_path / "mask.png")
    with visiting(browser, server) as page:
        opened(page, photo)
        page.set_input_files("#mask", str(tmp_path / "mask.png"))
        page.wait_for_selector("#mask-down:not([disabled])")
        np.testing.assert_array_equal(mask(page), np.asarray(image) > 0)


def test_a_bad_file_is_refused_in_words(browser, server, photo, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with visiting(browser, server) as page:
        page.set_input_files("#open", str(tmp_path / "broken.png"))
        says(page, "error", "broken.png")
        opened(page, photo)
        assert page.inner_text("#error") == ""


def test_two_people_restore_at_once_and_one_cancels(browser, server, photo):
    with visiting(browser, server) as one, visiting(browser, server) as other:
        for page in (one, other):
            opened(page, photo)
            page.click("[data-tool=box]")
            drag(page, (20, 20), (140, 100))
        one.select_option("#method", "system:completion")
        one.fill("#samples", "16")
        one.click("#restore")
        says(one, "status", "Restoring")
        other.click("#restore")
        says(other, "status", "Waiting: one job")
        one.click("#cancel")
        says(one, "status", "Cancelled.")
        other.wait_for_selector("#results:not([hidden])")
        assert not one.is_visible("#results")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone_in_light_and_dark(browser, server, photo, scheme):
    with visiting(browser, server, color_scheme=scheme) as page:
        page.set_viewport_size({"width": 360, "height": 740})
        opened(page, photo)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, light[4:-1].split(","))) > 384) == (scheme == "light")


def test_a_page_of_another_origin_reaches_nothing(browser, server):
    context = browser.new_context()
    page = context.new_page()
    page.route("http://evil.example/*", lambda route: route.fulfill(content_type="text/html", body="<p>evil"))
    page.goto("http://evil.example/")
    attack = """async (address) => {
        const tries = [
            fetch(address + "api/methods"),
            fetch(address + "api/photos?name=a.png", {method: "POST", body: "x", headers: {"X-Dgan": "page"}}),
            fetch(address + "api/photos?name=a.png", {method: "POST", body: "x", mode: "no-cors"}),
        ];
        const ends = await Promise.allSettled(tries);
        const image = new Image();
        image.src = address;
        return ends.map((end) => end.status === "fulfilled" ? end.value.type : "refused");
    }"""
    assert page.evaluate(attack, server[-1].address)[:2] == ["refused", "refused"]
    context.close()


def test_the_server_may_be_killed_and_started_again(browser, server, photo):
    with visiting(browser, server) as page:
        opened(page, photo)
        drag(page, (40, 40), (100, 70))
        server[-1].end(signal.SIGKILL)
        page.click("#restore")
        says(page, "error", "does not answer")
        server.append(Server(server[-1].port))
        restored(page)
        assert page.inner_text("#error") == ""
