"""Putting the watchdog into a user's Dockerfile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_cli.images.dockerfile.inject import NothingToRun, inject
from faas_cli.images.dockerfile.parse import parse


def process(text, **options):
    """The value of `fprocess` in the injected file, the watchdog's arguments, and the parsed file."""
    injection = inject(text, **options)
    dockerfile = parse(injection.text)
    found = [each.value for each in dockerfile.stages[-1].instructions if each.keyword == "ENV"]
    return found, dockerfile.command()[1:], dockerfile


@pytest.mark.parametrize(
    ("text", "environment", "arguments"),
    [
        ('FROM a\nENTRYPOINT ["/bin/x"]\n', ['fprocess="/bin/x"'], []),
        ('FROM a\nENTRYPOINT ["/bin/x"]\nCMD ["-v"]\n', ['fprocess="/bin/x -v"'], []),
        ("FROM a\nCMD cat", ['fprocess="/bin/sh -c cat"'], []),
        ('FROM a\nCMD ["x", "a b"]', [], ["x", "a b"]),
        ('FROM a\nCMD ["x", ""]', [], ["x", ""]),
        ('FROM a\nCMD ["x", "\\"ä\\" b"]', [], ["x", '"ä" b']),
        ('FROM a\nCMD ["x", "$Y"]', ['fprocess="x \\$Y"'], []),
        ("FROM a\nCMD cat - | wc -c", [], ["/bin/sh", "-c", "cat - | wc -c"]),
        ('FROM a AS b\nSHELL ["/bin/bash", "-c"]\nFROM b\nCMD cat', ['fprocess="/bin/bash -c cat"'], []),
    ],
)
def test_the_command_becomes_fprocess_or_arguments(text, environment, arguments):
    """Words without spaces are `fprocess`; others are the watchdog's arguments, so no shell is needed."""
    found, made, dockerfile = process(text)
    assert found == environment
    assert made == arguments
    assert dockerfile.command()[0] == "/usr/bin/fwatchdog"


def test_the_stack_files_fprocess_wins():
    """Over the file's own command."""
    found, _, _ = process('FROM a\nCMD ["x"]', fprocess="y z")
    assert found == ['fprocess="y z"']


def test_an_fprocess_of_the_file_stays():
    """It is the user's word."""
    found, _, _ = process("FROM a\nENV fprocess=cat\n")
    assert found == ["fprocess=cat"]


def test_without_any_command_there_is_nothing_to_run():
    """The base image's command is not known."""
    with pytest.raises(NothingToRun):
        inject("FROM a\nRUN x\n")


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nCOPY --from=w /fwatchdog /usr/bin/fwatchdog\nCMD [\"fwatchdog\"]\n",
        "FROM ghcr.io/openfaas/of-watchdog:0.9 AS watchdog\nFROM a\nCOPY --from=watchdog /x /y\nCMD z\n",
        "FROM openfaas/classic-watchdog:0.18 AS w\nFROM a\nCMD z\n",
        "FROM a\nRUN curl -o fwatchdog http://x && chmod +x fwatchdog\nCMD z\n",
    ],
)  # fmt: skip
def test_a_file_with_a_watchdog_is_left_alone(text):
    """Ours or OpenFaaS's, copied or downloaded."""
    injection = inject(text)
    assert injection.text == text
    assert not injection.notes


def test_the_stage_goes_before_the_last_and_the_copy_to_its_end():
    """Arguments before the first FROM stay first, and numbers of earlier stages stay as they are."""
    text = 'ARG V=1\nFROM a:$V AS b\nRUN x\n\nFROM c\nCOPY --from=0 /x /x\nUSER 12\nENTRYPOINT ["/x"]\n'
    dockerfile = parse(inject(text).text)
    assert [stage.name for stage in dockerfile.stages] == ["b", "faas-watchdog", ""]
    last = dockerfile.stages[-1].instructions
    assert [each.keyword for each in last] == [
        "COPY", "USER", "ENTRYPOINT", "COPY", "ENV", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD",
    ]  # fmt: skip
    assert last[3].flags == (("from", "faas-watchdog"),)


def test_a_stage_of_the_same_name_is_no_trouble():
    """Ours takes another."""
    dockerfile = parse(inject("FROM a AS faas-watchdog\nFROM b\nCMD x").text)
    assert [stage.name for stage in dockerfile.stages] == ["faas-watchdog", "faas-watchdog-2", ""]


def test_a_healthcheck_of_the_file_stays():
    """It knows better."""
    dockerfile = parse(inject("FROM a\nHEALTHCHECK CMD true\nCMD x").text)
    assert [each.value for each in dockerfile.instructions if each.keyword == "HEALTHCHECK"] == ["CMD true"]


def test_an_image_from_scratch_gets_a_tmp():
    """The watchdog keeps its lock file there."""
    assert inject('FROM scratch\nCOPY x /x\nCMD ["/x"]').temporary
    assert inject('FROM scratch AS a\nFROM a\nCMD ["/x"]').temporary
    assert not inject('FROM a\nCMD ["/x"]').temporary


def test_root_is_said():
    """Whoever injects must know whom it runs as."""
    assert any("root" in note for note in inject("FROM a\nCMD x").notes)
    assert not any("root" in note for note in inject("FROM a\nUSER 5\nCMD x").notes)


def test_the_architecture_is_for_the_classic_builder():
    """BuildKit knows it."""
    assert "ARG TARGETARCH=arm64\n" in inject("FROM a\nCMD x", architecture="arm64").text
    assert "ARG TARGETARCH\n" in inject("FROM a\nCMD x", buildkit=True).text


@pytest.mark.parametrize("ending", ["", "\n", " \\", " \\\n", " \\\n\n# note\n"])
def test_our_lines_begin_a_line_of_their_own(ending):
    """Even after a continuation that leads nowhere."""
    dockerfile = parse(inject(f"FROM a\nCMD x{ending}").text)
    assert dockerfile.command() == ["/usr/bin/fwatchdog"]
    assert dockerfile.stages[-1].instructions[0].value.strip() == "x"


@given(
    st.lists(
        st.sampled_from(["FROM a", "FROM b AS c", "RUN x", "CMD y", 'ENTRYPOINT ["z"]', "# n", "USER 1", "ENV a=b"]),
        max_size=8,
    )
)
def test_whatever_is_injected_starts_the_watchdog_and_only_once(lines):
    """A second time changes nothing."""
    text = "\n".join(["FROM base", *lines, "CMD run"])
    once = inject(text)
    assert parse(once.text).command()[0] == "/usr/bin/fwatchdog"
    assert inject(once.text).text == once.text
    left = iter(each.value for each in parse(once.text).instructions)
    assert all(value in left for value in [each.value for each in parse(text).instructions]), "lost or out of order"
