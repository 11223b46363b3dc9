"""Dockerfiles that are not ours: a user's own gets the watchdog, a template's own is built as it is."""

import json
import os
import shutil

import pytest

from faas_cli.stack.model import Function
from tests.gateways import build_watchdog
from tests.integration.docker_build.conftest import docker

pytestmark = pytest.mark.integration

BASE = "debian:stable-slim"

OWN = {
    "exec": f'FROM {BASE}\nCMD ["cat"]\n',
    "shell": f"FROM {BASE}\nCMD tr a-z A-Z | cat\n",
    "quotes": f'FROM {BASE}\nENTRYPOINT ["sed"]\nCMD ["s/o/a b/"]\n',
    "two-stages": f"FROM {BASE} AS made\nRUN echo made >/made\nFROM {BASE}\nCOPY --from=0 /made /made\n"
    'USER 12:12\nENTRYPOINT ["cat", "-", "/made"]\n',
    "inherited": f'ARG B={BASE}\nFROM $B AS base\nCMD ["cat"]\nFROM base\nRUN true\n',
    "continued": f"# escape=`\nFROM {BASE}\nRUN true && `\n # why\n true\nCMD cat `",
}
ANSWERS = {
    "exec": b"hello",
    "shell": b"HELLO",
    "quotes": b"hella b",
    "two-stages": b"hellomade\n",
    "inherited": b"hello",
    "continued": b"hello",
}


@pytest.mark.parametrize("builder", ["docker", "buildx"])
@pytest.mark.parametrize("form", OWN)
def test_any_image_with_a_command_becomes_a_function(project, run, form, builder):
    """Each form of command answers requests, and the user's file stays as it is."""
    folder = project.own("fn", OWN[form])
    report = project.built("fn", builder)
    assert any("added the watchdog to its Dockerfile" in note for note in report.notes)
    assert (folder / "Dockerfile").read_text() == OWN[form]
    with run(project.image("fn")) as container:
        assert container.call(b"hello") == ANSWERS[form]
    user = docker("image", "inspect", "--format", "{{.Config.User}}", project.image("fn"))
    assert user == ("12:12" if form == "two-stages" else "")


def test_a_dockerignore_that_leaves_all_out_does_not_leave_the_watchdog_out(project, run):
    """The user's patterns are for the user's files."""
    project.own(
        "fn", f'FROM {BASE}\nCOPY data /data\nCMD ["cat", "/data"]\n', {".dockerignore": "*\n!data\n", "data": "d"}
    )
    project.built("fn")
    with run(project.image("fn")) as container:
        assert container.call() == b"d"


def test_an_image_from_scratch(project, run, tmp_path):
    """It has no shell, so an argument with a space reaches the command directly; `/tmp` is the watchdog's."""
    folder = project.own("fn", 'FROM scratch\nCOPY fw /fw\nENTRYPOINT ["/fw", "--version", "a b"]\n')
    # The one static program that is surely here.
    shutil.copy(build_watchdog(), folder / "fw")
    text = (folder / "Dockerfile").read_text()
    assert "fwatchdog" not in text
    project.built("fn")
    with run(project.image("fn")) as container:
        assert container.call() != b""


def test_without_injection_it_is_the_users_image(project):
    """`--no-inject`."""
    project.own("fn", OWN["exec"])
    report = project.built("fn", inject=False)
    assert report.notes == []
    assert docker("image", "inspect", "--format", "{{json .Config.Cmd}}", project.image("fn")) == '["cat"]'


def test_heredocs_are_built_with_buildkit(project):
    """The classic builder would take their lines for instructions."""
    project.own(
        "fn", f'FROM {BASE}\nRUN --mount=type=cache,target=/c touch /c/x && touch /made\nCMD ["cat", "/made"]\n'
    )
    report = project.built("fn", "docker")
    assert "built with BuildKit: its Dockerfile uses `RUN --mount`" in report.notes


WATCHDOG_STAGE = f"FROM {BASE} AS watchdog\nCOPY fwatchdog /fwatchdog\n"
LAYOUTS = {
    # The layouts of templates made for OpenFaaS: a static Dockerfile beside `function/` and `template.yml`.
    "classic": (
        f"{WATCHDOG_STAGE}FROM {BASE}\nCOPY --from=watchdog /fwatchdog /usr/bin/fwatchdog\n"
        "RUN chmod +x /usr/bin/fwatchdog\n"
        "WORKDIR /home/app\nCOPY index.sh .\nCOPY function function\n"
        'ENV fprocess="sh index.sh"\nHEALTHCHECK --interval=3s CMD [ -e /tmp/.lock ] || exit 1\nCMD ["fwatchdog"]\n',
        "function",
    ),
    "additional-packages": (
        f'{WATCHDOG_STAGE}FROM {BASE}\nARG ADDITIONAL_PACKAGE\nRUN echo "$ADDITIONAL_PACKAGE" >/packages\n'
        "COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog\nWORKDIR /home/app\nCOPY . .\n"
        'ENV fprocess="sh index.sh"\nCMD ["fwatchdog"]\n',
        "function",
    ),
    "handler-folder": (
        f"{WATCHDOG_STAGE}FROM {BASE}\nCOPY --from=watchdog /fwatchdog /usr/bin/fwatchdog\nWORKDIR /home/app\n"
        'COPY index.sh .\nCOPY src function\nENV fprocess="sh index.sh"\nUSER 100\nCMD ["fwatchdog"]\n',
        "src",
    ),
    "build-arguments": (
        f"ARG VERSION=stable-slim\n{WATCHDOG_STAGE}FROM debian:${{VERSION}} AS build\nARG GREETING=none\n"
        'RUN echo "$GREETING" >/greeting\nFROM debian:${VERSION}\nCOPY --from=build /greeting /greeting\n'
        "COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog\nWORKDIR /home/app\nCOPY . .\n"
        'ENV fprocess="sh index.sh" mode="streaming"\nCMD ["fwatchdog"]\n',
        "function",
    ),
    "lower-case-and-comments": (
        f"# a note\n\nfrom {BASE} as watchdog\ncopy fwatchdog /fwatchdog\n\nfrom {BASE}\n# another\n"
        "run true && \\\n    # inside\n    true\ncopy --from=watchdog /fwatchdog /usr/bin/fwatchdog\n"
        "workdir /home/app\n"
        'copy . .\nenv fprocess "sh index.sh"\nexpose 8080\ncmd ["fwatchdog"]\n',
        "function",
    ),
}


@pytest.mark.parametrize("builder", ["docker", "buildx"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_templates_made_for_openfaas_build_unchanged(project, run, layout, builder):
    """Their Dockerfile is built as it is, with the handler laid over the sample and the arguments passed."""
    dockerfile, handler_folder = LAYOUTS[layout]
    template = project.folder / "template" / layout
    (template / handler_folder).mkdir(parents=True)
    shutil.copy(build_watchdog(), template / "fwatchdog")
    (template / "fwatchdog").chmod(0o755)
    (template / "Dockerfile").write_text(dockerfile)
    (template / "index.sh").write_text("sh function/handler.sh\n")
    (template / handler_folder / "handler.sh").write_text("echo sample\n")
    (template / "template.yml").write_text(
        f"language: {layout}\nfprocess: sh index.sh\nhandler_folder: {handler_folder}\n"
        "build_options:\n  - name: dev\n    packages: [make, gcc]\n"
    )
    (project.folder / "fn").mkdir()
    (project.folder / "fn" / "handler.sh").write_text(
        'echo "mine: $(cat)"; cat /packages /greeting 2>/dev/null; true\n'
    )
    arguments = {"GREETING": "hi"} if layout == "build-arguments" else {}
    options = ["dev"] if layout == "additional-packages" else []
    project.stack.functions["fn"] = Function(
        name="fn", lang=layout, handler="./fn", image=f"{project.prefix}/fn:latest",
        build_args=arguments, build_options=options,
    )  # fmt: skip
    project.built("fn", builder)
    assert (project.folder / "build/fn/Dockerfile").read_text() == dockerfile
    expected = {"additional-packages": "mine: x\ngcc make\n", "build-arguments": "mine: x\nhi\n"}
    with run(project.image("fn")) as container:
        assert container.call(b"x").decode() == expected.get(layout, "mine: x\n")


@pytest.mark.parametrize("builder", ["docker", "buildx"])
def test_a_recipe_of_ones_own_with_awkward_names_and_values(project, run, builder):
    """Names that COPY would split or match, values that ENV would fill in, a block of the template's own."""
    template = project.folder / "template" / "mine"
    template.mkdir(parents=True)
    names = ["a b.txt", "[x].txt", "$y.txt", "st*r.txt", 'quo"te.txt']
    for name in names:
        (template / name).write_text(f"{name}\n")
    (template / "index.sh").write_text(
        'cat /checked; printf "%s|" "$tricky" "$made"; cat ./*.txt; sh function/handler.sh\n'
    )
    (template / "Dockerfile.j2").write_text(
        '{% extends "_base/Dockerfile.j2" %}\n'
        "{% block settings %}RUN echo checked >/checked\n{{ super() }}{% endblock %}\n"
    )
    recipe = {
        "toolchain": "sh",
        "images": {"build": BASE, "runtime": BASE},
        "dependencies": {"run": "mkdir -p deps\necho 'made $HOME' > deps/made.txt\n", "outputs": ["deps"]},
        "test": {"run": 'test "$WORD" = "it\'s \\$X" && test "$GIVEN" = \'a b\'', "env": {"WORD": "it's $X"}},
        "runtime": {"include": [*names, "index.sh", "function"], "env": {"tricky": "a \"b\" $HOME \\ 'c'"}},
    }
    (template / "template.yml").write_text(json.dumps({"fprocess": "sh index.sh", "faas": recipe}))
    (project.folder / "fn").mkdir()
    (project.folder / "fn" / "handler.sh").write_text("cat deps/made.txt; cat\n")
    project.add("fn", "mine", build_args={"GIVEN": "a b"})
    project.built("fn", builder)
    with run(project.image("fn")) as container:
        answer = container.call(b"end").decode()
    assert answer.startswith("checked\na \"b\" $HOME \\ 'c'||")
    assert answer.endswith("made $HOME\nend")
    assert all(f"{name}\n" in answer for name in names)


IGNORE = "# what is left out\n*.md\n!README.md\nkept*\n!kept/kept.txt\n/build/\n[^a-z]x\n"


@pytest.mark.parametrize("builder", ["docker", "buildx"])
def test_what_arrives_in_an_image(project, run, builder):
    """The same files with both: `.dockerignore` as Docker has it, hidden and empty folders, names that are no text."""
    folder = project.own("fn", f"FROM {BASE}\nCOPY . /c\nCMD find /c | sort\n")
    (folder / ".dockerignore").write_text(IGNORE)
    names = ["a.md", "README.md", "sub/b.md", "kept/other", "kept/kept.txt", "build/x", "1x", "ax", "sub/build/y"]
    for name in [*names, ".git/HEAD", "node_modules/m/i.js", ".venv/bin/p"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / os.fsdecode(b"caf\xe9")).write_text("")
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe")
    report = project.built("fn", builder)
    assert any("an image cannot hold" in note and "pipe` (a FIFO)" in note for note in report.notes)
    with run(project.image("fn")) as container:
        found = {os.fsdecode(line.removeprefix(b"/c/")) for line in container.call().splitlines()}
    expected = {"README.md", "sub/b.md", "kept/kept.txt", "ax", "sub/build/y", ".git/HEAD", "node_modules/m/i.js"}
    expected |= {".venv/bin/p", os.fsdecode(b"caf\xe9"), "empty", ".dockerignore", "Dockerfile"}
    assert expected <= found
    assert not {"a.md", "kept/other", "build/x", "1x", "pipe", ".faas"} & found


@pytest.mark.parametrize("builder", ["docker", "buildx"])
def test_a_dockerignore_that_is_invalid(project, builder):
    """One line, with the pattern or Docker's own words."""
    folder = project.own("fn", OWN["exec"])
    (folder / ".dockerignore").write_text("[a\n")
    result, _ = project.build("fn", builder)
    assert result.error is not None
    assert ".dockerignore: `[a` is not a valid pattern" in result.error.message or builder == "buildx"
    assert "\n" not in result.error.message
