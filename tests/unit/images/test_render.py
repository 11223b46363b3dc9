"""The generated Dockerfiles: what is in them and in which order, for each template."""

import pytest

from faas_cli.errors import BuildError
from faas_cli.images.dockerfile.parse import parse
from faas_cli.images.dockerfile.render import ContextLayout, RenderRequest, quoted, render
from faas_cli.templates.find import find_template

TEMPLATES = ["go", "go-http", "node", "node-http", "python", "python-http"]
INPUTS = {
    "go": ("go.work", "go.mod", "function/go.mod"),
    "node": ("function/package.json",),
    "python": ("function/requirements.txt",),
}
TOP = {"go": ("go.mod", "go.work", "main.go"), "node": ("index.js",), "python": ("index.py",)}


def request(lang, **changes):
    template = find_template(lang)
    family = lang.removesuffix("-http")
    layout = ContextLayout(files=INPUTS[family], top_files=TOP[family], top_folders=("function",))
    values = {"labels": {"org.opencontainers.image.title": "fn", **template.recipe.runtime.labels}, **changes}
    return RenderRequest(function="fn", template=template, recipe=template.recipe, layout=layout, **values)


def rendered(lang, **changes):
    return parse(render(request(lang, **changes)))


def values(dockerfile, keyword, stage=-1):
    return [each.value for each in dockerfile.stages[stage].instructions if each.keyword == keyword]


def position(instructions, keyword, text):
    found = [at for at, each in enumerate(instructions) if each.keyword == keyword and text in each.value]
    assert found, f"no {keyword} with {text!r}"
    return found[0]


@pytest.mark.parametrize("buildkit", [False, True])
@pytest.mark.parametrize("lang", TEMPLATES)
def test_three_stages(lang, buildkit):
    """Watchdog, build, runtime, on the images that the template names."""
    dockerfile = rendered(lang, buildkit=buildkit)
    images = find_template(lang).recipe.images
    assert [(stage.image, stage.name) for stage in dockerfile.stages] == [
        ("scratch", "watchdog"), (images.build, "build"), (images.runtime, ""),
    ]  # fmt: skip


@pytest.mark.parametrize("lang", TEMPLATES)
def test_steps_are_the_recipes_in_the_order_that_keeps_layers(lang):
    """Inputs, dependencies, then the handler, its tests and the build."""
    recipe = find_template(lang).recipe
    steps = rendered(lang).stages[1].instructions
    dependencies = position(steps, "RUN", recipe.dependencies.run)
    handler = position(steps, "COPY", "function/ ./function/")
    test = position(steps, "RUN", recipe.test.run)
    assert dependencies < handler < test
    copied_before = {
        word for each in steps[:dependencies] if each.keyword == "COPY" for word in each.value.split()[:-1]
    }
    # What compiles Go's standard library beforehand has no part of the handler.
    assert copied_before - {"*.go"} == set(INPUTS[lang.removesuffix("-http")])
    if recipe.build:
        assert test < position(steps, "RUN", recipe.build.run)


@pytest.mark.parametrize("lang", TEMPLATES)
def test_the_image_is_set_up_as_without_an_engine(lang):
    """User, port, health, signal, command and environment."""
    template = find_template(lang)
    dockerfile = rendered(lang)
    assert values(dockerfile, "USER") == ["1000"]
    assert values(dockerfile, "EXPOSE") == ["8080"]
    assert values(dockerfile, "STOPSIGNAL") == ["SIGTERM"]
    assert values(dockerfile, "WORKDIR") == ["/home/app"]
    assert values(dockerfile, "HEALTHCHECK") == ['CMD ["/usr/bin/fwatchdog", "--run-healthcheck"]']
    assert dockerfile.command() == ["/usr/bin/fwatchdog"]
    (environment,) = values(dockerfile, "ENV")
    for key, value in {"fprocess": template.fprocess, **template.recipe.runtime.env}.items():
        assert f'{key}="{value}"' in environment
    (labels,) = values(dockerfile, "LABEL")
    assert 'org.opencontainers.image.title="fn"' in labels
    assert dockerfile.instructions[-1].keyword == "LABEL"


@pytest.mark.parametrize("lang", TEMPLATES)
def test_cache_mounts_only_with_buildkit(lang):
    """The classic builder refuses `--mount`."""

    def mounts(buildkit):
        steps = rendered(lang, buildkit=buildkit).instructions
        return [each for each in steps if any(flag == "mount" for flag, _ in each.flags)]

    assert not mounts(buildkit=False)
    assert mounts(buildkit=True)


def test_the_classic_builder_is_told_the_architecture():
    """BuildKit fills TARGETARCH in by itself, unless it has a default."""
    assert values(rendered("go", architecture="arm64"), "ARG", 0) == ["TARGETARCH=arm64"]
    assert values(rendered("go", buildkit=True), "ARG", 0) == ["TARGETARCH"]


def test_go_compiles_on_the_machine_that_builds():
    """For other architectures nothing is emulated."""
    dockerfile = rendered("go", buildkit=True)
    start = next(each for each in dockerfile.instructions if each.line == dockerfile.stages[1].line)
    assert start.flags == (("platform", "$BUILDPLATFORM"),)
    assert values(dockerfile, "ENV", 1) == ["GOARCH=$TARGETARCH"]
    assert "--platform" not in render(request("python", buildkit=True))


def test_go_is_checked_by_gofmt():
    """As the first template of 2018 did."""
    assert any("gofmt -l function" in value for value in values(rendered("go"), "RUN", 1))


def test_arguments_packages_and_secrets():
    """Named arguments are declared; packages are installed where there is a base; secrets are BuildKit's."""
    dockerfile = rendered("python", arguments=("INDEX",), packages=True, secrets=("token",), buildkit=True)
    assert values(dockerfile, "ARG", 1) == ["ADDITIONAL_PACKAGE", "INDEX"]
    assert values(dockerfile, "ARG", 2) == ["ADDITIONAL_PACKAGE"]
    assert any(flags == "type=secret,id=token" for each in dockerfile.instructions for _, flags in each.flags)
    assert not values(rendered("go", packages=True), "ARG", 2)


@pytest.mark.parametrize(
    ("value", "written"),
    [("plain", '"plain"'), ('a "b"', '"a \\"b\\""'), ("$HOME", '"\\$HOME"'), ("C:\\x", '"C:\\\\x"'), ("", '""')],
)
def test_values_are_quoted(value, written):
    """Docker would fill in variables and eat quotes."""
    assert quoted(value) == written


def test_a_value_of_two_lines_is_refused():
    """No Dockerfile can hold it."""
    with pytest.raises(BuildError, match="several lines"):
        quoted("a\nb")


def test_names_with_blanks_and_patterns_are_copied_as_they_are():
    """COPY would split and match them."""
    base = request("node")
    layout = ContextLayout(frozenset(), top_files=("a b.js", "[x].js", "$y.js"), top_folders=())
    text = render(RenderRequest("fn", base.template, base.recipe, layout))
    assert 'COPY ["a b.js", "[[]x].js", "\\\\$y.js", "./"]' in text


def test_a_step_of_several_lines_stays_one_step():
    """A recipe may hold a small script."""
    import msgspec

    base = request("python")
    step = msgspec.structs.replace(base.recipe.test, run="set -e\npython3 -V\n")
    recipe = msgspec.structs.replace(base.recipe, test=step)
    dockerfile = parse(render(RenderRequest("fn", base.template, recipe, base.layout)))
    (words,) = [each.words() for each in dockerfile.instructions if each.keyword == "RUN" and each.words()]
    assert words[:2] == ["/bin/sh", "-c"]
    assert words[2].endswith("set -e\npython3 -V")
