"""The tag of an image."""

import pytest

from faas_cli.errors import BuildError, FaasError, UsageError
from faas_cli.images.model import BuildOptions
from faas_cli.images.plan import prepare
from faas_cli.images.tags import handler_digest, image_reference
from faas_cli.stack.model import Function, Provider, Stack


def named(image: str) -> Function:
    return Function(name="f", image=image)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("gohash", "gohash:latest"),
        ("gohash:0.1", "gohash:0.1"),
        ("host:5000/acme/gohash", "host:5000/acme/gohash:latest"),
        ("acme/gohash:latest", "acme/gohash:latest"),
    ],
)
@pytest.mark.parametrize("form", ["latest", "", "default", "LATEST"])
def test_a_missing_tag_is_latest(image, expected, form):
    """A registry's port is no tag."""
    assert image_reference(named(image), form) == expected


@pytest.mark.parametrize("image", ["", "  "])
def test_no_image(image):
    """An empty image is an error, not `:latest`."""
    with pytest.raises(FaasError, match="has no `image`"):
        image_reference(named(image), "latest")


@pytest.mark.parametrize("image", ["Upper", "a b", "a:b:c", "-a", "a/", "a:$(x)", "../a"])
def test_invalid_images(image):
    """A name no registry would take is refused before anything is built."""
    with pytest.raises(FaasError, match="not a valid image name"):
        image_reference(named(image), "latest")


def test_unknown_form():
    """With the forms there are."""
    with pytest.raises(UsageError, match="is unknown"):
        image_reference(named("a"), "bogus")


def test_digest_is_counted_as_faas_cli_counts(tmp_path):
    """The contract's own example."""
    (tmp_path / "a").write_text("h")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("x")
    assert handler_digest(tmp_path) == "981e299683cad48a5792c8bb07beac05"


@pytest.mark.parametrize("image", ["[2001:db8::1]:5000/team/fn:1", "[::1]/fn"])
def test_a_registry_at_an_ipv6_address(image):
    """In brackets, as the grammar of image names has it."""
    assert image_reference(named(image), "latest").startswith(image)


def test_a_digest_and_another_tag():
    """They exclude each other."""
    with pytest.raises(FaasError, match="names a digest, which `--tag sha` cannot change"):
        image_reference(named(f"fn@sha256:{'0' * 64}"), "sha")


def test_a_digest_of_an_image_that_is_built_elsewhere():
    """It stays what it is."""
    image = f"acme/fn@sha256:{'0' * 64}"
    function = Function(name="fn", image=image, skip_build=True)
    assert image_reference(function, "sha") == image
    assert image_reference(function, "latest") == image


def test_an_image_with_a_digest_is_not_built(tmp_path):
    """Its content decides about its digest; the name of an image to build has none."""
    function = Function(name="fn", lang="dockerfile", handler="./fn", image=f"fn@sha256:{'0' * 64}")
    with pytest.raises(BuildError, match="names a digest, which an image that is built cannot have") as caught:
        prepare(Stack(provider=Provider(name="openfaas")), function, BuildOptions(), tmp_path)
    assert "skip_build" in caught.value.hint


def test_symlinks_are_not_in_the_digest(tmp_path):
    """Neither the file nor the folder they lead to, even where it changes."""
    outside, handler = tmp_path / "outside", tmp_path / "handler"
    for folder in (outside, handler):
        folder.mkdir()
        (folder / "a").write_text(folder.name)
    plain = handler_digest(handler)
    (handler / "file").symlink_to(outside / "a")
    (handler / "folder").symlink_to(outside, target_is_directory=True)
    (handler / "broken").symlink_to("nowhere")
    assert handler_digest(handler) == plain
