"""The lines that scripts for faas-cli match, on stdout, of every command that prints some."""

import pytest

STACK = "provider: {name: openfaas}\nfunctions:\n  fn: {image: acme/fn, skip_build: true}\n"
ZERO = "0001-01-01T00:00:00Z"
SECRETS, FUNCTIONS = "/system/secrets", "/system/functions"

LINES = {
    "new fn --lang python": [
        "Folder: fn created.", "Function created in folder: fn", "Stack file written: fn.yml", "Notes:",
    ],
    "build -f stack.yml": ["Skipping build of: fn.", "[0] Worker done.", "", "Total build time: "],
    "push -f stack.yml": ["Skipping fn"],
    "publish -f stack.yml": ["Skipping fn", "[0] Worker done."],
    "deploy -f stack.yml": ["Deploying: fn.", "", "Deployed. 202 Accepted.", "URL: {url}/function/fn", ""],
    "deploy -f stack.yml -n dev": [
        "Deploying: fn.", "", "Deployed. 202 Accepted.", "URL: {url}/function/fn.dev", "",
    ],
    "remove -f stack.yml": ["Deleting: fn.", "Removing old function."],
    "secret create s --from-literal x": ["Creating secret: s.", "Created: 201 Created"],
    "secret update s --from-literal x": ["Updating secret: s", "Updated: 202 Accepted"],
    "secret remove s": ["Removed.. OK."],
    "secret list": ["", "NAME", "s", ""],
    "namespace create dev": ["Creating Namespace: dev", "Namespace Created: dev"],
    "namespace update dev": ["Updating Namespace: dev", "Namespace Updated: dev"],
    "namespace remove dev": ["Deleting Namespace: dev", "Namespace Removed: dev"],
    "namespace list": ["Namespaces:", " - dev"],
    "ready": ["[1/60] Waiting for gateway", "OpenFaaS gateway is ready"],
    "ready fn": ["[1/60] Waiting for function fn", "Function fn is ready"],
    "login -p secret": ["credentials saved for admin {url}"],
    "registry-login -u a --password b": ["", "Wrote ./credentials/config.json..OK"],
    "secret generate -o key": ["Wrote 32-byte secret to key"],
}  # fmt: skip


@pytest.mark.parametrize("words", LINES)
def test_the_lines_of_the_original(client, words):
    """Each begins a line of the output, in this order."""
    client.write("stack.yml", STACK)
    client.gateway.answers |= {
        f"PUT {FUNCTIONS}": (202, b""), f"DELETE {FUNCTIONS}": (202, b""), f"GET {FUNCTIONS}": (200, []),
        f"POST {SECRETS}": (201, b""), f"PUT {SECRETS}": (202, b""), f"DELETE {SECRETS}": (202, b""),
        f"GET {SECRETS}": (200, [{"name": "s", "namespace": "openfaas-fn"}]),
        "GET /system/namespaces": (200, ["dev"]), "POST /system/namespace/": (201, b""),
        "PUT /system/namespace/dev": (200, b""), "DELETE /system/namespace/dev": (200, b""),
        "GET /healthz": (200, b"OK"),
        "GET /system/function/fn": (200, {"name": "fn", "image": "fn", "availableReplicas": 1, "createdAt": ZERO}),
    }  # fmt: skip
    shown = client.run(*words.split()).stdout.decode().splitlines()
    place = 0
    for line in (each.format(url=client.gateway.url) for each in LINES[words]):
        while place < len(shown) and not (shown[place] == line or (line and shown[place].startswith(line))):
            place += 1
        assert place < len(shown), f"no `{line}` in {shown}"
        place += 1


def test_a_build(client):
    """From the first to the last line; a second build says on stderr that nothing has changed."""
    (client.folder / "template/tiny/function").mkdir(parents=True)
    (client.folder / "fn").mkdir()
    client.write("fn/handler.py", "")
    client.write("template/tiny/index.py", "")
    client.write(
        "template/tiny/template.yml",
        "language: python\nfprocess: python3 index.py\nfaas:\n  toolchain: python\n"
        "  images: {build: 'python:3.13-slim', runtime: 'python:3.13-slim'}\n"
        "  runtime: {include: [index.py, function]}\n",
    )
    client.write("stack.yml", "provider: {name: openfaas}\nfunctions:\n  fn: {lang: tiny, handler: ./fn, image: fn}\n")
    client.env["FAAS_STATE_DIR"] = str(client.folder.parent / "state")
    for again in (False, True):
        done = client.run("build", "-f", "stack.yml", "--builder", "oci")
        *lines, last, done_line, total = [line for line in done.stdout.decode().splitlines() if line]
        assert lines == [
            "[0] > Building fn.", "Building: fn:latest with tiny template. Please wait..", "Image: fn:latest built.",
        ]  # fmt: skip
        assert last.startswith("[0] < Building fn done in ")
        assert done_line == "[0] Worker done."
        assert total.startswith("Total build time: ")
        assert (b"fn: unchanged since the last build" in done.stderr) == again
