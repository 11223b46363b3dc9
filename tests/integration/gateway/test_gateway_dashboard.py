"""The dashboard in a real browser."""

import json
import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from faas_runtime.core.function_store import own_platform


@pytest.fixture(scope="session")
def playwright(missing):
    """What drives a browser."""
    if shutil.which("chromium") is None:
        missing("a browser", "apt-get install chromium")
    try:
        import playwright.sync_api as api
    except ImportError:
        missing("what drives the browser", "pip install playwright")
    return api


STORE = [
    {
        "name": "greeter",
        "title": "Greeter <i>for all</i>",
        "description": "Says hello to whoever calls.",
        "author": "ada",
        "images": {own_platform(): "server"},
        "environment": {"GREETING": "from the store"},
        "labels": {"com.openfaas.scale.min": "1"},
    },
    {"name": "other", "title": "Another one", "image": "other:1"},
    {"name": "foreign", "title": "For another machine", "images": {"z80": "foreign:1"}},
]


class Store(BaseHTTPRequestHandler):
    """A function store."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"version": "0.2.0", "functions": STORE}).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def store(gateway):
    """A function store that the gateway, started again, deploys from."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gateway.stop()
    gateway.options += ["--store-url", f"http://127.0.0.1:{server.server_port}/functions.json"]
    gateway.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(gateway, playwright, request):
    """A browser's page that knows the password; any error of a script fails the test."""
    if "store" in request.fixturenames:
        request.getfixturevalue("store")
    password = (gateway.state / "basic-auth-password").read_text().strip()
    errors = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        found = browser.new_context().new_page()
        found.on("pageerror", lambda error: errors.append(str(error)))
        found.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
        found.goto(f"{gateway.url}/")
        found.get_by_label("Password").fill(password)
        found.get_by_role("button", name="Log in").click()
        yield found
        browser.close()
    assert errors == []


def picture(place, name, **options):
    """Keep a picture of a page or a part of it for the documentation when a folder for it is named."""
    folder = os.environ.get("FAAS_PICTURES")
    if folder:
        place.screenshot(path=f"{folder}/{name}.png", **options)


def test_a_function_is_deployed_called_and_deleted_in_the_browser(gateway, page):
    page.get_by_role("link", name="Deploy", exact=True).click()
    page.get_by_label("Name", exact=True).fill("hello")
    page.get_by_label("Image").fill("server")
    page.get_by_label("Environment").fill("GREETING=hi")
    page.get_by_role("button", name="Deploy").click()

    page.get_by_label("Body").fill("<b>you</b>")
    page.get_by_role("button", name="Call", exact=True).click()
    page.get_by_text("200 OK in").wait_for()
    assert page.get_by_label("Response").inner_text().startswith("hi <b>you</b>")
    page.get_by_label("Log").get_by_text("served /").first.wait_for()
    picture(page, "dashboard-function", full_page=True)

    page.get_by_label("Environment").fill("GREETING=hello again")
    page.get_by_role("button", name="Update").click()
    page.get_by_text("Updated.").wait_for()
    assert gateway.call("hello").text.startswith("hello again")

    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete the function").click()
    page.get_by_text("Nothing is deployed").wait_for()
    assert gateway.ask("GET", "/system/functions").json() == []


def test_a_file_is_sent_and_a_binary_answer_saved(gateway, page, tmp_path):
    """With a header of the user's, by keyboard only."""
    content = bytes(range(256))
    gateway.deploy("echo", envVars={"content_type": "application/octet-stream"})
    page.get_by_role("link", name="echo").click()
    page.get_by_label("or a file").set_input_files({"name": "x.bin", "mimeType": "image/png", "buffer": content})
    page.get_by_text("Headers").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("X-Call-Id=from-the-page")
    page.keyboard.press("Tab")
    with page.expect_response("**/function/echo.openfaas-fn/") as called:
        page.keyboard.press("Enter")
    assert called.value.request.headers["x-call-id"] == "from-the-page"

    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the response (256 bytes)").click()
    saved.value.save_as(tmp_path / "answer")
    assert (tmp_path / "answer").read_bytes() == content


def test_replicas_are_set_from_the_page(gateway, page):
    gateway.deploy("echo")
    page.get_by_role("link", name="echo").click()
    page.get_by_label("Replicas").fill("2")
    page.get_by_role("button", name="Scale").click()

    page.get_by_text("Scaled.").wait_for()
    page.get_by_text("2 of 2 ready").wait_for()
    assert gateway.status("echo")["replicas"] == 2


def test_a_canary_is_weighed_promoted_and_rolled_back(gateway, page):
    gateway.deploy("server", "server", envVars={"GREETING": "one"})
    page.get_by_role("link", name="server").click()
    versions = page.get_by_role("region", name="Versions")
    versions.get_by_role("cell", name="1 (current)").wait_for()

    page.get_by_label("Environment").fill("GREETING=two")
    page.get_by_label("As a canary").fill("50")
    page.get_by_role("button", name="Update").click()
    versions.get_by_role("cell", name="2 (canary)").wait_for()
    for _ in range(40):
        gateway.call("server")
    versions.get_by_text(" ms").nth(1).wait_for()
    picture(versions, "dashboard-canary")
    assert versions.get_by_role("cell", name="50 %").count() == 2

    versions.get_by_label("Percent of the calls").fill("100")
    versions.get_by_role("button", name="Set share").click()
    page.get_by_text("The traffic is split.").wait_for()
    assert gateway.call("server").text.startswith("two")
    versions.get_by_role("button", name="Promote the canary").click()
    versions.get_by_role("cell", name="2 (current)").wait_for()
    assert page.get_by_label("Environment").input_value() == "GREETING=two"

    versions.get_by_role("button", name="Roll back to version 1").click()
    versions.get_by_role("cell", name="3 (current)").wait_for()
    assert gateway.call("server").text.startswith("one")


def test_the_list_shows_rates_at_phone_width(gateway, page):
    gateway.deploy("echo")
    gateway.deploy("server", "server")
    page.set_viewport_size({"width": 375, "height": 700})
    page.emulate_media(color_scheme="dark")
    page.get_by_role("link", name="echo").wait_for()
    gateway.call("echo")

    page.get_by_label("Calls per second: now").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    picture(page, "dashboard-phone", full_page=True)


def test_dead_calls_are_replayed_from_the_queue(gateway, page, wait_for):
    gateway.deploy("echo", envProcess="false", annotations={"com.openfaas.retry.attempts": "1"})
    gateway.ask("POST", "/async-function/echo", b"x")
    wait_for(lambda: gateway.ask("GET", "/system/queue?state=dead").json()["calls"])
    gateway.update("echo")

    page.get_by_role("link", name="Queue").click()
    page.get_by_role("cell", name="dead", exact=True).wait_for()
    page.get_by_role("button", name="Replay dead letters").click()
    page.get_by_text("1 calls were queued again.").wait_for()
    wait_for(lambda: gateway.ask("GET", "/system/queue?state=done").json()["calls"])


def test_secrets_are_saved_and_never_shown(gateway, page):
    page.get_by_role("link", name="Secrets").click()
    page.get_by_label("Name", exact=True).fill("key")
    page.get_by_label("Value").fill("hush")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("cell", name="key", exact=True).wait_for()

    assert "hush" not in page.content()
    assert (gateway.state / "secrets/openfaas-fn/key").read_text() == "hush"


def test_a_function_of_the_store_is_deployed(gateway, store, page):
    """Only what this machine can run is offered, and nothing it says is markup."""
    page.get_by_role("link", name="Deploy", exact=True).click()
    page.get_by_role("heading", name="From the store").wait_for()
    assert page.get_by_role("listitem").count() == 2
    page.get_by_label("Search").fill("HELLO")
    assert page.get_by_role("listitem").count() == 1

    page.get_by_role("button", name="Use Greeter <i>for all</i>").click()
    assert page.get_by_label("Labels", exact=True).input_value() == "com.openfaas.scale.min=1"
    page.get_by_label("Name", exact=True).fill("mine")
    page.get_by_role("button", name="Deploy").click()
    page.get_by_role("heading", name="mine").wait_for()
    assert gateway.call("mine").text.startswith("from the store")


def test_without_a_store_there_is_the_form_alone(gateway, page):
    page.get_by_role("link", name="Deploy", exact=True).click()
    with page.expect_response("**/system/store") as answer:
        page.reload()
    assert answer.value.status == 404

    page.get_by_label("Name", exact=True).wait_for()
    assert page.get_by_role("heading", name="From the store").count() == 0
