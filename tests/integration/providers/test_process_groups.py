"""Control groups: found by what is mounted, and believed only after a limit was read back."""

import os

import pytest

from faas_runtime.providers.process.groups import Group, Groups, Limits

V1 = "1 0 0:1 / {root}/memory rw - cgroup cgroup rw,memory\n2 0 0:2 / {root}/pids rw - cgroup cgroup rw,pids\n"
V2 = "1 0 0:1 / {root} rw - cgroup2 cgroup rw\n"
PLAIN = "1 0 0:1 / {root} rw - tmpfs tmpfs rw\n"


def groups(tmp_path, mounts, own):
    found = Groups("test", mounts.format(root=tmp_path), own)
    found.find()
    return found


def test_the_first_version_is_found_by_its_controllers(tmp_path):
    """The group of this process if it is visible, else the mount itself, as in a container."""
    (tmp_path / "memory/own").mkdir(parents=True)
    (tmp_path / "pids").mkdir()
    found = groups(tmp_path, V1, "3:memory:/own\n4:pids:/elsewhere\n")
    assert (found.version, found.enforced) == (1, ("memory", "processes"))
    group = found.make("fn-1", Limits(memory=64 << 20, cpu=0.5, processes=10))
    assert group.folders == {
        "memory": f"{tmp_path}/memory/own/faas-test/fn-1", "processes": f"{tmp_path}/pids/faas-test/fn-1",
    }  # fmt: skip
    assert (tmp_path / "pids/faas-test/fn-1/pids.max").read_text() == "10"


def test_the_second_version_makes_siblings(tmp_path):
    """A group with processes of its own cannot have limited children."""
    (tmp_path / "user/gateway").mkdir(parents=True)
    (tmp_path / "user/cgroup.subtree_control").write_text("memory pids\n")
    found = groups(tmp_path, V2, "0::/user/gateway\n")
    assert (found.version, found.enforced) == (2, ("memory", "processes"))
    group = found.make("fn-1", Limits(memory=64 << 20, processes=10))
    assert set(group.folders.values()) == {f"{tmp_path}/user/faas-test/fn-1"}


def test_folders_that_are_no_groups_limit_nothing(tmp_path):
    """As in a container, where the folder of groups may be an ordinary one."""
    (tmp_path / "memory").mkdir()
    assert groups(tmp_path, PLAIN, "3:memory:/\n").enforced == ()


@pytest.mark.parametrize(
    ("version", "name", "text"),
    [
        (1, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
        (2, "memory.events", "low 0\nhigh 0\nmax 55\noom 4\noom_kill 3\noom_group_kill 0\n"),
    ],
)
def test_kills_for_memory_are_counted_by_the_kernel(tmp_path, version, name, text):
    group = Group("fn-1", version, {"memory": str(tmp_path)})
    assert group.memory_kills() == 0
    (tmp_path / name).write_text(text)
    assert group.memory_kills() == 3
    assert Group("fn-1", version, {"cpu": str(tmp_path)}).memory_kills() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make control groups without delegation")
def test_real_groups_hold_and_leave_nothing():
    """On this machine, if it lets root make any."""
    found = Groups(f"test-{os.getpid()}")
    found.find()
    if not found.enforced:
        pytest.skip("this machine lets nobody make control groups")
    group = found.make("fn-1", Limits(memory=64 << 20, cpu=0.5, processes=10))
    assert [each.name for each in found.left()] == ["fn-1"]
    group.remove()
    assert list(found.left()) == []
    found.close()
