"""The local image store: atomic, shared, and never unpacked outside its folder."""

import gzip
import io
import json
import subprocess
import tarfile
import threading

import pytest

from faas_cli.images.builders.layers import LayerEntry, write_layer
from faas_runtime.images import unpack
from faas_runtime.images.store import LAYER_TYPE, DamagedBlob, ImageNotFound, ImageStore, full_reference
from faas_runtime.images.unpack import unpack_layer

CONFIG = {"architecture": "amd64", "os": "linux", "config": {"Env": ["A=1=2"], "WorkingDir": "/w"}, "rootfs": {}}


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / "images")


def image(store, ref, content=b"x"):
    layer = write_layer(store, [LayerEntry("home/app/file", 0o644, content=content)])
    config = {**CONFIG, "rootfs": {"type": "layers", "diff_ids": [layer.digest]}}
    return store.put_image(ref, config, [layer])


@pytest.mark.parametrize(
    ("ref", "full"),
    [
        ("a", "a:latest"),
        ("a:1", "a:1"),
        ("h:5000/a", "h:5000/a:latest"),
        ("[::1]:5000/a", "[::1]:5000/a:latest"),
        ("a@sha256:0", "a@sha256:0"),
        ("docker.io/functions/alpine", "functions/alpine:latest"),
        ("index.docker.io/library/a:1", "a:1"),
        ("docker.io/a", "a:latest"),
        ("docker.io.example/a", "docker.io.example/a:latest"),
    ],
)
def test_references_are_completed(ref, full):
    """A registry's port is no tag, and Docker Hub's names are the same with and without its host."""
    assert full_reference(ref) == full


def test_an_image_is_found_by_name_and_digest(store):
    """With its environment, whatever is in the values."""
    digest = image(store, "fn")
    for ref in ("fn", "fn:latest", f"fn@{digest}"):
        info = store.resolve(ref)
        assert (info.digest, info.env, info.working_dir) == (digest, {"A": "1=2"}, "/w")


def test_the_same_content_has_the_same_digest(tmp_path):
    """In another store, at another time."""
    assert image(ImageStore(tmp_path / "a"), "fn") == image(ImageStore(tmp_path / "b"), "fn")


def test_a_name_moves_and_the_old_image_stays_reachable(store):
    """What is deployed is pinned by digest."""
    old = image(store, "fn", b"old")
    new = image(store, "fn", b"new")
    assert store.resolve("fn").digest == new
    assert store.resolve_digest(old).digest == old


def test_unknown_images(store):
    """The message has the requested name."""
    with pytest.raises(ImageNotFound, match="`none:latest`"):
        store.resolve("none")
    with pytest.raises(ImageNotFound):
        store.resolve("fn@sha256:../../etc/passwd")


def test_concurrent_writers_lose_nothing(store):
    """Every name is in the index in the end."""
    threads = [threading.Thread(target=image, args=(store, f"fn{n}", str(n).encode())) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(store.references()) == {f"fn{n}:latest" for n in range(12)}


def test_prune_keeps_what_is_named_or_in_use(store):
    """And what is younger than the limit."""
    used = image(store, "fn", b"used")
    lost = image(store, "fn", b"lost")
    image(store, "fn", b"named")
    assert store.prune(keep=[used]) == 0
    assert store.prune(keep=[used], older_than=0) > 0
    assert store.resolve_digest(used)
    with pytest.raises(ImageNotFound):
        store.resolve_digest(lost)


def test_unpacked_once(store, tmp_path):
    """A second request finds the folder of the first."""
    digest = image(store, "fn")
    root = store.unpack(digest, tmp_path / "roots")
    assert (root / "home/app/file").read_bytes() == b"x"
    (root / "mark").write_text("")
    assert (store.unpack(digest, tmp_path / "roots") / "mark").exists()
    assert [path.name for path in (tmp_path / "roots").iterdir()] == [root.name]


def layer(tmp_path, *members):
    path = tmp_path / "layer.tar"
    with tarfile.open(path, "w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/../outside"])
def test_a_layer_cannot_leave_its_folder(tmp_path, name):
    """By its names."""
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(ValueError, match="outside its root"):
        unpack_layer(layer(tmp_path, (member(name), b"x")), root)
    assert not (tmp_path / "outside").exists()


def test_a_layer_cannot_leave_through_a_link(tmp_path):
    """By a link it brings itself."""
    root = tmp_path / "root"
    root.mkdir()
    archive = layer(tmp_path, (member("out", tarfile.SYMTYPE, "/tmp"), b""), (member("out/file"), b"x"))
    with pytest.raises(ValueError, match="through a link"):
        unpack_layer(archive, root)


def test_whiteouts(tmp_path):
    """A file marked as removed is removed, an opaque folder is emptied."""
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    for name in ("a/old", "gone"):
        (root / name).write_text("")
    unpack_layer(
        layer(tmp_path, (member(".wh.gone"), b""), (member("a/.wh..wh..opq"), b""), (member("a/new"), b"x")), root
    )
    assert {path.name for path in root.rglob("*")} == {"a", "new"}


@pytest.mark.parametrize("name", [".wh.", ".wh...", ".wh..", "a/.wh...", "a/.wh..", "a/.wh.", ".wh.a/b", "/.wh..."])
def test_a_whiteout_removes_an_entry_of_its_folder_only(store, tmp_path, name):
    """`.wh...` is the folder above the root: that of all images, if it were removed. Neighbours stay."""
    roots = tmp_path / "roots"
    neighbour = store.unpack(image(store, "neighbour"), roots)
    (tmp_path / "a").mkdir()
    blob = layer(tmp_path, (member("a", tarfile.DIRTYPE), b""), (member("a/file"), b"x"), (member(name), b"x"))
    with store.new_blob(LAYER_TYPE) as writer:
        writer.write(blob.read_bytes())
    config = {"architecture": "amd64", "os": "linux", "config": {}}
    with pytest.raises(ValueError, match=r"removes what is not|below a whiteout"):
        store.unpack(store.put_image("bad", config, [writer.descriptor]), roots)
    assert [path.name for path in roots.iterdir()] == [neighbour.name]
    assert (neighbour / "home/app/file").read_bytes() == b"x"


def test_metadata_of_union_file_systems_is_ignored(tmp_path):
    """Old layers made on AUFS have such names."""
    unpack_layer(layer(tmp_path, (member(".wh..wh.plnk"), b""), (member("a"), b"x")), empty(tmp_path))
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["a"]


def test_a_small_layer_does_not_fill_the_disk(tmp_path):
    """Two megabytes of compressed zeros are two gigabytes; they are refused before they are written."""
    blob = tmp_path / "bomb"
    info = tarfile.TarInfo("zeros")
    info.size = 1 << 30
    with gzip.open(blob, "wb", 9) as stream:
        stream.write(info.tobuf())
        for _ in range(100):
            stream.write(bytes(1 << 20))
    with pytest.raises(ValueError, match="becomes larger than"):
        unpack_layer(blob, empty(tmp_path))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 1 << 20


def test_files_without_content_count_too(tmp_path, monkeypatch):
    """A disk has only so many of them."""
    monkeypatch.setattr(unpack, "ALWAYS_ALLOWED_BYTES", 100 * 4096)
    monkeypatch.setattr(unpack, "MAX_RATIO", 0)
    with pytest.raises(ValueError, match="becomes larger than"):
        unpack_layer(layer(tmp_path, *((member(f"f{n}"), b"") for n in range(101))), empty(tmp_path))


def test_a_header_of_an_absurd_size_is_not_read(tmp_path):
    """An extended header is read as a whole."""
    blob = tmp_path / "bomb"
    info = member("pax", tarfile.XHDTYPE)
    info.size = 1 << 30
    blob.write_bytes(info.tobuf() + bytes(1 << 20))
    with pytest.raises(ValueError, match="header of an absurd size"):
        unpack_layer(blob, empty(tmp_path))


@pytest.mark.parametrize("by_link", [False, True])
def test_deep_folders_are_refused(tmp_path, by_link):
    """What walks them, removing them included, would run out of stack; links add to each other."""
    deep = "/".join("d" * 150)
    members = [(member("/".join("d" * 1000) + "/f"), b"")]
    if by_link:
        members = [(member(deep, tarfile.DIRTYPE), b""), (member("l", tarfile.SYMTYPE, deep), b"")]
        members.append((member(f"l/{deep}/f"), b""))
    with pytest.raises(ValueError, match="folders inside each other"):
        unpack_layer(layer(tmp_path, *members), empty(tmp_path))


def test_links_in_a_circle_are_refused(tmp_path):
    """An entry below one leads nowhere."""
    links = [(member("a", tarfile.SYMTYPE, "b"), b""), (member("b", tarfile.SYMTYPE, "a"), b"")]
    with pytest.raises((ValueError, OSError)):
        unpack_layer(layer(tmp_path, *links, (member("a/f"), b"")), empty(tmp_path))


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8bno gzip", b"\x1f\x8b\x08" + bytes(2000)])
def test_a_layer_that_is_none_is_refused_in_one_sentence(tmp_path, content):
    """Whatever is wrong with it."""
    (tmp_path / "blob").write_bytes(content)
    with pytest.raises(ValueError, match="a layer is damaged"):
        unpack_layer(tmp_path / "blob", empty(tmp_path))


def empty(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_other_tools_accept_it(store, tmp_path, tool):
    """skopeo reads the layout, umoci unpacks it."""
    image(store, "acme/fn:1")
    found = subprocess.run([tool("skopeo"), "inspect", f"oci:{store.root}:acme/fn:1"], capture_output=True, check=True)
    assert json.loads(found.stdout)["Architecture"] == "amd64"
    bundle = tmp_path / "bundle"
    command = [tool("umoci"), "unpack", "--rootless", "--image", f"{store.root}:acme/fn:1", str(bundle)]
    subprocess.run(command, capture_output=True, check=True)
    assert (bundle / "rootfs/home/app/file").read_bytes() == b"x"


def _damage(store, digest, how):
    path = store.blob_path(digest)
    content = path.read_bytes()
    path.write_bytes(content[:-1] if how == "truncated" else content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("how", ["truncated", "changed"])
@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
def test_a_damaged_blob_is_named_and_removed(store, tmp_path, part, how):
    """It is found when it is read, and the next build makes it again."""
    digest = image(store, "fn")
    manifest = store.manifest(digest)
    damaged = {
        "manifest": digest, "config": manifest["config"]["digest"], "layer": manifest["layers"][0]["digest"],
    }[part]  # fmt: skip
    _damage(store, damaged, how)
    read = (lambda: store.unpack(digest, tmp_path / "roots")) if part == "layer" else (lambda: store.resolve("fn"))
    with pytest.raises(DamagedBlob, match=f"`{damaged}` in the local store was damaged"):
        read()
    assert not store.blob_path(damaged).exists()
    assert image(store, "fn") == digest
    assert (store.unpack(digest, tmp_path / "roots") / "home/app/file").read_bytes() == b"x"


def test_a_truncated_blob_is_written_again(store):
    """Its size shows that it is not complete."""
    digest = image(store, "fn")
    layer = store.manifest(digest)["layers"][0]
    _damage(store, layer["digest"], "truncated")
    assert not store.has(layer["digest"], layer["size"])
    assert image(store, "fn") == digest
    assert store.has(layer["digest"], layer["size"])
