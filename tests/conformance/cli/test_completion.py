"""Shell completion."""

import pytest

FUNCTIONS = [
    {"name": name, "image": name, "createdAt": "2024-01-02T03:04:05Z"} for name in ("resize", "resample", "other")
]


@pytest.fixture
def offered(client):
    """Asks as bash does: for the last of some words."""
    client.gateway.answers["GET /system/functions"] = (200, FUNCTIONS)

    def ask(*words):
        client.env |= {"_FAAS_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["faas", *words])}
        client.env["COMP_CWORD"] = str(len(words))
        lines = client.run().stdout.decode().splitlines()
        return [line.partition(",")[2] for line in lines if line]

    return ask


def test_commands(offered):
    """Built-in ones and plugins."""
    assert offered("in") == ["invoke"]
    assert {"build", "deploy", "list"} <= set(offered(""))


def test_a_plugin_is_offered_too(offered, client):
    """From the plugin folder."""
    folder = client.folder.parent / "home" / ".openfaas" / "plugins"
    folder.mkdir(parents=True)
    (folder / "inspect").write_text("")
    assert offered("in") == ["inspect", "invoke"]


@pytest.mark.parametrize("command", ["invoke", "describe", "remove", "logs", "scale", "ready", "rollback"])
def test_functions_of_the_gateway(offered, command):
    """By the beginning of their name."""
    assert offered(command, "res") == ["resize", "resample"]


def test_the_flags_typed_so_far_count(offered, client):
    """Another gateway, another namespace."""
    client.env["OPENFAAS_URL"] = "http://127.0.0.1:9"
    assert offered("invoke", "-g", client.gateway.url, "-n", "dev", "o") == ["other"]
    assert client.gateway.lines == ["GET /system/functions?namespace=dev"]


def test_no_gateway_offers_nothing(offered, client, unused_port):
    """And says nothing."""
    client.env["OPENFAAS_URL"] = f"http://127.0.0.1:{unused_port}"
    assert offered("invoke", "") == []


def test_languages_and_functions_of_the_stack_file(offered, client):
    """For `--lang` and `--filter`."""
    assert {"go", "python", "node"} <= set(offered("new", "--lang", ""))
    client.write("stack.yml", "provider: {name: openfaas}\nfunctions: {alpha: {}, beta: {}}\n")
    assert offered("build", "--filter", "al") == ["alpha"]
    assert offered("local-run", "b") == ["beta"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(client, shell):
    """For three shells, by flag."""
    assert b"_FAAS_COMPLETE" in client.run("completion", "--shell", shell).stdout


def test_other_shells(client):
    """An unknown shell is an error; `bashcompletion` writes a file."""
    client.run("completion", code=2)
    client.run("completion", "--shell", "powershell", code=2)
    client.run("bashcompletion", "script")
    assert "_FAAS_COMPLETE" in (client.folder / "script").read_text()


@pytest.mark.parametrize("command", ["invoke", "describe"])
def test_a_misspelt_function_gets_the_nearest(client, command):
    """On 404."""
    client.gateway.answers |= {
        "GET /system/functions": (200, FUNCTIONS),
        "POST /function/resise": (404, b""),
        "GET /system/function/resise": (404, b""),
    }
    assert b"did you mean `resize`" in client.run(command, "resise", code=1).stderr
