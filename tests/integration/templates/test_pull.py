"""Templates from a real git repository, served by a real git."""

import json
import socket
import subprocess
import time

import pytest

from faas_cli.errors import FaasError, UsageError
from faas_cli.stack.model import TemplateSource
from faas_cli.templates.find import TemplateNotFound, find_template
from faas_cli.templates.obtain import obtain_template
from faas_cli.templates.pull import Source, locked_source, parse_source, pull


class Repository:
    """A repository with two templates, at an address git can clone from."""

    def __init__(self, base):
        self.base, self.folder = base, base / "templates.git"
        self.folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.write("lang-a", "one")
        self.write("lang-b", "one")
        self.first = self.commit("first")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"git://127.0.0.1:{port}/templates.git"
        self.process = subprocess.Popen(
            [
                "git",
                "daemon",
                "--reuseaddr",
                f"--base-path={base}",
                "--export-all",
                "--listen=127.0.0.1",
                f"--port={port}",
            ],
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while subprocess.run(["git", "ls-remote", self.url], capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def git(self, *arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def write(self, name, language, handler="x"):
        folder = self.folder / "template" / name / "function"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "handler.txt").write_text(handler)
        (folder.parent / "template.yml").write_text(f"language: {language}\nfprocess: cat\n")

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    made = Repository(tmp_path_factory.mktemp("repositories"))
    made.git("tag", "v1")
    made.git("checkout", "--quiet", "-b", "next")
    made.write("lang-a", "two")
    made.second = made.commit("second")
    made.git("checkout", "--quiet", "main")
    yield made
    made.process.terminate()
    made.process.wait()


def test_all_templates_of_the_default_branch(repository, tmp_path):
    """With a record of where they are from, and the commit in the lock file."""
    pulled = pull(Source(repository.url), tmp_path)
    assert pulled.names == ("lang-a", "lang-b")
    assert find_template("lang-a", tmp_path).language == "one"
    record = json.loads((tmp_path / "template" / "lang-a" / "meta.json").read_text())
    assert (record["repository"], record["sha"]) == (repository.url, repository.first)
    assert locked_source("lang-a", tmp_path) == Source(repository.url, f"sha-{repository.first}")


@pytest.mark.parametrize(("ref", "language"), [("next", "two"), ("v1", "one"), ("main", "one")])
def test_a_branch_or_a_tag(repository, tmp_path, ref, language):
    """The ref is part of the name, so that several can be kept."""
    assert pull(Source(repository.url, ref), tmp_path, only="lang-a").names == (f"lang-a@{ref}",)
    assert find_template(f"lang-a@{ref}", tmp_path).language == language


def test_a_commit(repository, tmp_path):
    """By its first digits."""
    pull(Source(repository.url, f"sha-{repository.second[:10]}"), tmp_path, only="lang-a", named="lang-a")
    assert find_template("lang-a", tmp_path).language == "two"


def test_replacing_leaves_nothing_of_the_old_one(repository, tmp_path):
    """Files that are gone upstream are gone here."""
    pull(Source(repository.url), tmp_path)
    (tmp_path / "template" / "lang-a" / "gone.txt").write_text("")
    pull(Source(repository.url), tmp_path)
    assert not (tmp_path / "template" / "lang-a" / "gone.txt").exists()


def test_protection_is_by_full_name(repository, tmp_path):
    """Without `--overwrite` nothing at all is written when one is here."""
    pull(Source(repository.url, "v1"), tmp_path, only="lang-a")
    with pytest.raises(FaasError, match="lang-a@v1"):
        pull(Source(repository.url, "v1"), tmp_path, overwrite=False)
    assert not (tmp_path / "template" / "lang-b@v1").exists()
    pull(Source(repository.url), tmp_path, overwrite=False)


def test_the_lock_decides(repository, tmp_path):
    """A missing template is fetched at exactly its commit, though the branch has moved on."""
    entry = {"lang-a": {"repository": repository.url, "ref": "", "commit": repository.second}}
    (tmp_path / "template.lock").write_text(json.dumps(entry))
    assert obtain_template("lang-a", tmp_path, tell=len).language == "two"


def test_a_missing_template_is_fetched_from_where_the_stack_file_says(repository, tmp_path):
    """Only that one."""
    sources = [TemplateSource(name="lang-b", source=repository.url)]
    assert obtain_template("lang-b", tmp_path, sources, tell=len).name == "lang-b"
    assert not (tmp_path / "template" / "lang-a").exists()


def test_a_missing_template_is_fetched_from_the_store(repository, tmp_path, monkeypatch):
    """`name` and `name@ref`."""
    store = tmp_path / "store.json"
    store.write_text(json.dumps([{"template": "lang-a", "repo": repository.url, "source": "acme", "official": "true"}]))
    monkeypatch.setenv("OPENFAAS_TEMPLATE_STORE_URL", str(store))
    assert obtain_template("lang-a", tmp_path, tell=len).language == "one"
    assert obtain_template("lang-a@next", tmp_path, tell=len).language == "two"
    with pytest.raises(TemplateNotFound, match="no template called `lang-z`") as caught:
        obtain_template("lang-z", tmp_path, tell=len)
    assert "the template store has no `lang-z`" in caught.value.hint


@pytest.mark.parametrize("text", ["file:///x", "nonsense", "https://h/r#sha-zz", "https://h/r#--upload-pack=x", "-x"])
def test_what_is_no_source(text):
    """In particular nothing that git would take for an option."""
    with pytest.raises(UsageError):
        parse_source(text)


def test_gits_own_reason(repository, tmp_path):
    """A ref that is not there, a repository that is not there, one without templates."""
    with pytest.raises(FaasError, match="nowhere"):
        pull(Source(repository.url, "nowhere"), tmp_path)
    with pytest.raises(FaasError, match="git clone failed"):
        pull(Source(repository.url.replace("templates", "none")), tmp_path)
    (tmp_path / "plain").mkdir()
    with pytest.raises(FaasError, match="has no folder `template`"):
        pull(Source(str(tmp_path / "plain")), tmp_path)
    assert not (tmp_path / "template").exists()
