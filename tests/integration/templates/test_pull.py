"""Templates from a real git repository, served by a real git."""

import json

import pytest

from faas_cli.errors import FaasError, UsageError
from faas_cli.stack.model import TemplateSource
from faas_cli.templates.cache import tree_hash
from faas_cli.templates.find import TemplateNotFound, find_template
from faas_cli.templates.lock import read_lock
from faas_cli.templates.pull import Source, obtain_template, parse_source, pull, pull_locked


def test_all_templates_of_the_default_branch(repository, tmp_path):
    """With a record of where they are from, and the commit in the lock file."""
    pulled = pull(Source(repository.url), tmp_path)
    assert pulled.names == ("lang-a", "lang-b")
    assert find_template("lang-a", tmp_path).language == "one"
    record = json.loads((tmp_path / "template" / "lang-a" / "meta.json").read_text())
    assert (record["repository"], record["sha"]) == (repository.url, repository.first)
    locked = read_lock(tmp_path)["lang-a"]
    assert (locked.repository, locked.commit) == (repository.url, repository.first)
    assert locked.tree == tree_hash(tmp_path / "template" / "lang-a")


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
    assert obtain_template("lang-a", tmp_path, report=len).language == "two"


@pytest.fixture
def second_project(repository, tmp_path, monkeypatch):
    """Another project with the lock file of the first; nothing can be fetched any more, git is gone."""
    pull(Source(repository.url), tmp_path / "first")
    other = tmp_path / "second"
    other.mkdir()
    (other / "template.lock").write_bytes((tmp_path / "first" / "template.lock").read_bytes())
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return other


def test_a_satisfied_lock_needs_no_network(second_project):
    """One cache serves all projects; what is in place stays, byte for byte."""
    assert pull_locked("lang-a", second_project)
    assert find_template("lang-a", second_project).language == "one"
    assert not pull_locked("lang-a", second_project)
    assert obtain_template("lang-b", second_project, report=len).language == "one"


def test_a_changed_template_is_put_right(second_project):
    """`--locked` means what the lock says, not what somebody has tried out."""
    pull_locked("lang-a", second_project)
    handler = second_project / "template" / "lang-a" / "function" / "handler.txt"
    handler.write_text("edited")
    assert pull_locked("lang-a", second_project)
    assert handler.read_text() == "x"


def test_a_damaged_cache_is_not_believed(second_project, state):
    """It is fetched again, which here cannot be done."""
    for file in (state / "templates").rglob("handler.txt"):
        file.write_text("damaged")
    with pytest.raises(FaasError, match="git, which is not installed"):
        pull_locked("lang-a", second_project)


def test_a_repository_with_something_else_is_refused(repository, tmp_path):
    """The hash is of the content, so a commit cannot lie."""
    entry = {"repository": repository.url, "commit": repository.second, "tree": f"sha256:{'0' * 64}"}
    (tmp_path / "template.lock").write_text(json.dumps({"lang-a": entry}))
    with pytest.raises(FaasError, match="does not match"):
        pull_locked("lang-a", tmp_path)
    assert not (tmp_path / "template").exists()


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"a": 1}', '{"a": {"repository": "r", "commit": "--upload-pack=x"}}'], ids=str
)
def test_a_lock_that_is_none(tmp_path, text):
    """The error has its name; nothing of it reaches git."""
    (tmp_path / "template.lock").write_text(text)
    with pytest.raises(FaasError, match=r"template\.lock"):
        read_lock(tmp_path)


def test_a_missing_template_is_fetched_from_where_the_stack_file_says(repository, tmp_path):
    """Only that one."""
    sources = [TemplateSource(name="lang-b", source=repository.url)]
    assert obtain_template("lang-b", tmp_path, sources, report=len).name == "lang-b"
    assert not (tmp_path / "template" / "lang-a").exists()


def test_a_missing_template_is_fetched_from_the_store(repository, tmp_path, monkeypatch):
    """`name` and `name@ref`."""
    store = tmp_path / "store.json"
    store.write_text(json.dumps([{"template": "lang-a", "repo": repository.url, "source": "acme", "official": "true"}]))
    monkeypatch.setenv("OPENFAAS_TEMPLATE_STORE_URL", str(store))
    assert obtain_template("lang-a", tmp_path, report=len).language == "one"
    assert obtain_template("lang-a@next", tmp_path, report=len).language == "two"
    with pytest.raises(TemplateNotFound, match="no template called `lang-z`") as caught:
        obtain_template("lang-z", tmp_path, report=len)
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


def test_the_users_own_git_does_it(repository, tmp_path, monkeypatch):
    """With its configuration: here an address that only this user's git knows the meaning of, as ssh hosts are."""
    configuration = tmp_path / "gitconfig"
    base = repository.url.removesuffix("templates.git")
    configuration.write_text(f'[url "{base}"]\n\tinsteadOf = git@private.example:\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    source = parse_source("git@private.example:templates.git")
    assert pull(source, tmp_path).names == ("lang-a", "lang-b")
    assert read_lock(tmp_path)["lang-a"].repository == "git@private.example:templates.git"
