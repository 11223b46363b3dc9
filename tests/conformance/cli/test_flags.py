"""Every flag of the command line's contract, a row each; `--cli PATH` points it at another binary."""

import re
import subprocess

import pytest

REMOTE = "--remote-builder --payload-secret --builder-public-key"
GATEWAY = "-g --gateway --tls-no-verify -k --token"
STACK = "-f --yaml --filter --regex --envsubst"
BUILD = (
    "--no-cache --squash --pull --parallel --shrinkwrap -b --build-arg -o --build-option --tag --build-label "
    "--copy-extra"
)
DEPLOY = (
    "-e --env -l --label --annotation --constraint --secret --readonly --update --replace --read-template --timeout"
)
RESOURCES = "--cpu-limit --cpu-request --memory-limit --memory-request"

FLAGS = {
    "new": f"--lang --handler -p --prefix -a --append -g --gateway {RESOURCES} --list -q --quiet -f --yaml",
    "build": f"{STACK} --image --handler --name --lang {BUILD} {REMOTE} --quiet",
    "deploy": f"{STACK} {GATEWAY} -n --namespace --image --name --fprocess --tag {DEPLOY} {RESOURCES}",
    "up": f"{STACK} {GATEWAY} -n --namespace {BUILD} {REMOTE} {DEPLOY} --skip-push --skip-deploy --publish --platforms",
    "invoke": f"{STACK} -g --gateway --tls-no-verify -n --namespace --content-type --query -H --header -a --async "
    "-m --method --sign --key --auth",
    "remove": f"{STACK} {GATEWAY} -n --namespace",
    "list": f"{STACK} {GATEWAY} -n --namespace -q --quiet -v --verbose --sort -j --json",
    "describe": f"{STACK} {GATEWAY} -n --namespace -v --verbose -j --json",
    "logs": f"{GATEWAY} -n --namespace --since --since-time --lines -t --tail -o --output --time-format --name "
    "--instance -j",
    "ready": "-g --gateway --tls-no-verify -n --namespace --attempts --interval",
    "diff": f"{STACK} {GATEWAY} -n --namespace --env --tag",
    "generate": f"{STACK} --api -n --namespace --tag --from-store --name --arch --annotation --label",
    "login": "-g --gateway -u --username -p --password -s --password-stdin --timeout --tls-no-verify",
    "logout": "-g --gateway",
    "version": f"{GATEWAY} --short-version --warn-update --envsubst -j --json",
    "local-run": f"{STACK} {BUILD} --print --build -p --port --network -e",
    "secret create": f"{GATEWAY} -n --namespace --from-literal --from-file --trim --replace",
    "secret update": f"{GATEWAY} -n --namespace --from-literal --from-file --trim",
    "secret list": f"{GATEWAY} -n --namespace -j --json",
    "secret remove": f"{GATEWAY} -n --namespace",
    "secret apply": f"{GATEWAY} -n --namespace --trim",
    "secret generate": "--length -o --output",
    "secret keygen": "-o --output",
    "secret seal": "--from-literal --from-file -o --output",
    "secret unseal": "--in --key -j --json",
    "namespace list": f"{GATEWAY} -j --json",
    "namespace get": GATEWAY,
    "namespace create": f"{GATEWAY} -l --label --annotation",
    "namespace update": f"{GATEWAY} -l --label --annotation",
    "namespace remove": GATEWAY,
    "template pull": "--overwrite --debug",
    "template store list": "-u --url -p --platform -r --recommended -o --official -v --verbose -j --json",
    "template store describe": "-u --url -j --json",
    "template store pull": "-u --url --overwrite --debug",
    "store list": "-u --url -p --platform -v --verbose -j --json",
    "store describe": "-u --url -p --platform -j --json",
    "store deploy": f"{GATEWAY} -n --namespace --name -e -l --annotation --replace --update --constraint --secret "
    f"{RESOURCES}",
    "auth": "-g --gateway --auth-url --token-url --client-id --client-secret --audience --scope --grant --listen-port "
    "--redirect-host --launch-browser --eula",
    "chart export": "-o --output --values --set --crds -n --namespace --release",
    "plugin get": "--registry --version --arch --os --path -v --verbose",
    "completion": "--shell",
}

ALIASES = {
    "remove": ["rm", "delete"],
    "list": ["ls"],
    "namespace": ["ns"],
    "secret list": ["secret ls"],
    "secret remove": ["secret rm", "secret delete"],
    "secret update": ["secret u"],
    "secret generate": ["secret gen"],
    "namespace list": ["namespace ls"],
    "namespace remove": ["namespace rm", "namespace delete"],
    "store list": ["store ls"],
    "store describe": ["store inspect"],
    "template store list": ["template store ls"],
}


@pytest.fixture(scope="session")
def help_of(cli):
    """What `COMMAND --help` prints, asked once."""
    known: dict[str, str] = {}

    def ask(command: str) -> str:
        if command not in known:
            done = subprocess.run([*cli, *command.split(), "--help"], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            known[command] = done.stdout
        return known[command]

    return ask


@pytest.mark.parametrize(
    ("command", "flag"), [(command, flag) for command, flags in FLAGS.items() for flag in dict.fromkeys(flags.split())]
)
def test_the_flag_exists(help_of, command, flag):
    """It is in the command's help, and so it can be given."""
    assert re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", help_of(command))


@pytest.mark.parametrize(
    ("command", "alias"), [(command, alias) for command, names in ALIASES.items() for alias in names]
)
def test_the_alias_is_the_command(help_of, command, alias):
    """The same help."""
    usage = help_of(alias).splitlines()[1:]
    assert usage == help_of(command).splitlines()[1:]


@pytest.mark.parametrize("command", ["", *dict.fromkeys(command.split()[0] for command in FLAGS)])
def test_help_goes_to_standard_output(cli, command):
    """`help COMMAND` and `COMMAND -h` say the same, with exit code 0."""
    by_flag = subprocess.run([*cli, *command.split(), "-h"], capture_output=True, text=True, check=True)
    by_word = subprocess.run([*cli, "help", *command.split()], capture_output=True, text=True, check=True)
    assert by_flag.stdout.splitlines()[1:] == by_word.stdout.splitlines()[1:]
    assert by_flag.stderr == by_word.stderr == ""


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("deplyo", "`deploy`"),
        ("secret creat", "`create`"),
        ("namespace lst", "`list`"),
        ("template stroe", "`store`"),
        ("template store pul", "`pull`"),
    ],
)
def test_a_misspelt_command_gets_the_nearest(cli, words, meant):
    """Exit code 2, on standard error, at every level."""
    done = subprocess.run([*cli, *words.split()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"did you mean {meant}" in done.stderr
