"""What is kept of versions and canaries, and what a deployment says about its share."""

import pytest

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import NotFound
from faas_runtime.gateway.traffic.canary import CanaryStore, Traffic, weight_of, without_weight
from faas_runtime.gateway.traffic.versions import MAX_VERSIONS, VersionStore, current_of, find
from faas_runtime.providers.base import FunctionKey

KEY = FunctionKey("fn", "dev")


def deployment(image="i", **more):
    return FunctionDeployment(service="fn", namespace="dev", image=image, **more)


@pytest.fixture
def versions(tmp_path):
    return VersionStore(tmp_path / "versions")


@pytest.fixture
def traffic(tmp_path):
    return CanaryStore(tmp_path / "traffic")


def numbers(store):
    return [version.number for version in store.read(KEY)]


def test_the_current_version_stays_however_many_canaries_are_tried(versions):
    assert versions.add(deployment("first"), "", "t") == 1
    for _ in range(MAX_VERSIONS + 5):
        versions.add(deployment(), "", "t", served=False)

    known = versions.read(KEY)
    assert (len(known), known[0].number, known[-1].number) == (MAX_VERSIONS, 1, MAX_VERSIONS + 6)
    current = current_of(known)
    assert current is not None
    assert current.number == 1


def test_promoting_the_newest_keeps_its_number_and_an_old_one_gets_a_new_one(versions):
    for image in ("a", "b"):
        versions.add(deployment(image), f"{image}@sha256:1", "t")
    versions.add(deployment("c"), "", "t", served=False)

    assert versions.promote(3, deployment("c"), "", "t") == 3
    assert versions.promote(1, deployment("a"), "", "t") == 4
    assert numbers(versions) == [1, 2, 3, 4]
    assert [version.served for version in versions.read(KEY)] == [True] * 4
    assert find(versions.read(KEY), KEY, 2).pinned_deployment().image == "b@sha256:1"
    with pytest.raises(NotFound, match="has no version 9"):
        find(versions.read(KEY), KEY, 9)


def test_files_of_before_canaries_are_read(versions, tmp_path):
    path = tmp_path / "versions/dev/fn.json"
    path.parent.mkdir(parents=True)
    path.write_text('[{"number":7,"deployment":{"service":"fn","image":"i"},"pinned":"","created_at":"t"}]')

    assert [(version.number, version.served) for version in versions.read(KEY)] == [(7, True)]


def test_a_namespace_takes_its_versions_along(versions):
    versions.add(deployment(), "", "t")
    versions.delete_namespace("dev")

    assert numbers(versions) == []


def test_a_share_is_kept_and_forgotten(traffic):
    assert (traffic.read(KEY), traffic.all()) == (None, {})

    kept = Traffic(version=4, weight=10)
    traffic.write(KEY, kept)
    assert (traffic.read(KEY), traffic.all()) == (kept, {KEY: kept})

    traffic.delete(KEY)
    traffic.delete(KEY)
    assert traffic.all() == {}


@pytest.mark.parametrize(("text", "weight"), [("0", 0), ("10", 10), ("100", 100), ("", None)])
def test_a_deployment_asks_for_a_share(text, weight):
    asked = deployment(annotations={"com.faas.traffic": text, "topic": "t"})

    assert weight_of(asked.annotations) == weight
    assert without_weight(asked).annotations == {"topic": "t"}
    assert weight_of(None) is None


@pytest.mark.parametrize("text", ["-1", "101", "ten", "1.5", " 5", "5%", "9" * 5000])
def test_a_share_is_a_percentage(text):
    with pytest.raises(ValueError, match=r"`com\.faas\.traffic`: .* is not a percentage"):
        weight_of({"com.faas.traffic": text})
