"""Building with BuildKit, through a `docker` command that supports it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faas_cli.errors import BuildError, FaasError
from faas_cli.images.builders.docker import build_arguments, engine_gone, failure_reason, place_of, plain, short
from faas_cli.images.builders.engine import image_id, ping
from faas_cli.images.context_files import complete, dockerfile_text
from faas_cli.images.dockerfile.parse import Dockerfile, parse
from faas_cli.images.dockerfile.render import PACKAGES, platforms
from faas_cli.images.model import Builder, BuildJob, BuildOutcome, BuildReporter
from faas_cli.interrupt import on_interrupt
from faas_runtime.core.engine_address import EngineAddress
from faas_runtime.core.files import write_file

_EVENT = re.compile(r"#(\d+) (.*)")
_STEP = re.compile(r"\[(?:([^\s\]]+) )?\s*(\d+)/(\d+)\] (.*)")
_TIMED = re.compile(r"\d+\.\d+ (.*)")
_TRANSFER = re.compile(r"sha256:[0-9a-f]+ ([\d.]+)(B|kB|MB|GB) / ([\d.]+)(B|kB|MB|GB)")
_NOISE = re.compile(r"sha256:[0-9a-f]{64}|DONE \S+|\.\.\.|transferring .*")
_MOUNT = re.compile(r"--mount=\S+ ")
_METADATA = re.compile(r"\[internal\] load metadata for (\S+)")
_ERROR_PREFIXES = (
    "error:",
    "failed to solve",
    "unknown flag",
    "error response",
    "cannot connect",
    "error during connect",
)
_WRONG_PLATFORM = re.compile(r"InvalidBaseImagePlatform: (.+)")
_FILE_LINE = re.compile(r"Dockerfile:(\d+)")

# The last major version of the `docker` command with a BuildKit client of its own.
_LAST_BUILT_IN = 22
_PLUGIN_PREFIXES = ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")


@dataclass(frozen=True, slots=True)
class BuildKitCommand:
    """A `docker` command that supports BuildKit, by the plugin `buildx` or by itself."""

    executable: str
    plugin: bool

    def arguments(self) -> list[str]:
        """The first words of a build's command line."""
        return [self.executable, "buildx", "build", "--load"] if self.plugin else [self.executable, "build"]

    @property
    def described(self) -> str:
        """Description for people."""
        return f"`{self.executable}` with {'the plugin buildx' if self.plugin else 'its own BuildKit client'}"


def find_command(cache: Path | None = None) -> BuildKitCommand:
    """The first `docker` command on PATH that supports BuildKit; the answer is cached in the file `cache`.

    Raises FaasError when there is none.
    """
    folders = (os.environ.get("PATH") or os.defpath).split(os.pathsep)
    found = [path for folder in folders if (path := shutil.which("docker", path=folder))]
    executables = list(dict.fromkeys(found))
    # Running the command takes longer than a build without changes.
    identity = [_identity(path) for path in [*map(Path, executables), *_plugins()]]
    known = _read(cache)
    if known.get("identity") != identity:
        known = {"identity": identity, "command": _probe(executables)}
        if cache is not None:
            write_file(cache, json.dumps(known), durable=False)
    if known["command"]:
        executable, plugin = known["command"]
        return BuildKitCommand(executable, plugin=plugin)
    reason = f"`{executables[0]}` has no plugin `buildx`" if executables else "there is no `docker` command on PATH"
    raise FaasError(
        f"`--builder buildx` is not available: {reason}",
        hint="install it (Debian: `apt-get install docker-buildx`), or build with `--builder docker`",
    )


def _probe(executables: Iterable[str]) -> list[str | bool]:
    for executable in executables:
        if _stdout(executable, "buildx", "version"):
            return [executable, True]
        version = re.search(r"version (\d+)\.", _stdout(executable, "--version"))
        if version and int(version[1]) <= _LAST_BUILT_IN:
            return [executable, False]
    return []


def _plugins() -> list[Path]:
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "cli-plugins"
    shared = (Path(prefix) / "docker/cli-plugins" for prefix in _PLUGIN_PREFIXES)
    return [folder / "docker-buildx" for folder in (own, *shared)]


def _identity(path: Path) -> list[str | int]:
    try:
        status = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), status.st_size, status.st_mtime_ns]


def _read(cache: Path | None) -> dict[str, Any]:
    try:
        content = json.loads(cache.read_bytes()) if cache is not None else {}
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and "command" in content else {}


class BuildxBuilder(Builder):
    """Builds with BuildKit; the images go to the engine, as with the classic builder."""

    name = "buildx"

    def __init__(self, engine: EngineAddress, command: BuildKitCommand) -> None:
        self._engine = engine
        self._command = command
        self._running: set[subprocess.Popen[str]] = set()

    def build(self, job: BuildJob, report: BuildReporter) -> BuildOutcome:
        """Build one image. Raises BuildError naming the failing step and its line; `detail` holds all output."""
        complete(job, report, buildkit=True)
        progress = PlainProgress(job, report, parse(dockerfile_text(job)))
        environment = {**os.environ, **self._engine.environment(), "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
        before = image_id(self._engine, job.image)
        code = run_command(self._arguments(job), environment, job.context, progress, self._running)
        if code != 0:
            if reason := ping(self._engine):
                raise engine_gone(job, self._engine, reason, progress.text())
            raise progress.failure(code)
        progress.check_platform()
        after = image_id(self._engine, job.image)
        return BuildOutcome(digest=after, cached=after != "" and before == after)

    def stop(self) -> None:
        """Kill the running commands."""
        for process in list(self._running):
            process.kill()

    def _arguments(self, job: BuildJob) -> list[str]:
        requested = platforms(job)
        if len(requested) > 1:
            raise BuildError(
                f"`{job.function.name}` is for several platforms ({', '.join(requested)}), "
                "and an engine can hold one only",
                hint="`faas publish` builds for several and pushes them",
            )
        return [*self._command.arguments(), *build_flags(job), *_each("--platform", requested), "--tag", job.image, "."]


def build_flags(job: BuildJob) -> list[str]:
    """BuildKit's options for a job, except those for the image's destination. Raises BuildError."""
    options = job.options
    if options.squash:
        raise BuildError(f"`{job.function.name}` needs BuildKit, which does not support `--squash`")
    switches = {"--no-cache": options.no_cache, "--pull": options.pull}
    secrets = (f"id={key},src={path}" for key, path in _secret_files(job).items())
    arguments = {PACKAGES: "", **build_arguments(job)} if job.template else build_arguments(job)
    return [
        *(switch for switch, on in switches.items() if on),
        *_each("--secret", secrets),
        *(["--ssh", "default"] if job.template is not None and job.template.mount_ssh else []),
        *_each("--label", (f"{key}={value}" for key, value in options.labels.items())),
        *_each("--build-arg", (f"{key}={value}" for key, value in arguments.items())),
    ]


def run_command(
    arguments: list[str],
    environment: Mapping[str, str],
    folder: Path,
    progress: PlainProgress,
    running: set[subprocess.Popen[str]],
) -> int:
    """Run a BuildKit command and follow its output; returns its exit code. `running` holds its process meanwhile."""
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    running.add(process)
    try:
        with on_interrupt(process.kill), process.stdout as lines:
            for line in lines:
                progress.feed(line.rstrip("\r\n"))
            return process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        running.discard(process)


class PlainProgress:
    """Parses BuildKit's plain progress, forwards it to the reporter, and locates the failing instruction."""

    def __init__(self, job: BuildJob, report: BuildReporter, dockerfile: Dockerfile) -> None:
        self._job, self._report, self._dockerfile = job, report, dockerfile
        self._steps: dict[str, str] = {}
        self._output: list[str] = []
        self._failed = ""
        self._reason = ""
        self._line = 0

    def feed(self, line: str) -> None:
        """Handle one line of the command's output."""
        line = plain(line)
        self._output.append(line)
        if found := _FILE_LINE.match(line):
            self._line = int(found[1])
        event = _EVENT.match(line)
        if event is None:
            # The failing step's own error comes first and is more precise than the summary at the end.
            if not self._reason and line.lower().startswith(_ERROR_PREFIXES):
                self._reason = line.strip()
            return
        self._event(event[1], event[2])

    def _event(self, number: str, text: str) -> None:
        name = self._job.function.name
        if text.startswith("[") and self._steps.get(number) != text:
            self._steps[number] = text
            if not text.startswith("[internal]"):
                # Cache mounts are long and do not describe the step.
                self._report.step(name, short(_MOUNT.sub("", text)))
        elif text == "CACHED":
            step = short(self._steps.get(number, ""))
            self._report.line(name, f"CACHED {step[: step.find(']') + 1]}")
        elif text.startswith("ERROR"):
            self._failed = self._steps.get(number, "")
            self._reason = text.removeprefix("ERROR").lstrip(": ")
        elif found := _TRANSFER.match(text):
            done, total = _bytes(found[1], found[2]), _bytes(found[3], found[4])
            self._report.transfer(name, "downloading layers", min(done, total), total)
        elif found := _TIMED.match(text):
            self._report.line(name, found[1])
        elif not _NOISE.fullmatch(text) and not text.startswith("["):
            self._report.line(name, text)

    def failure(self, code: int) -> BuildError:
        """The build's error, naming the failing step and its line; `detail` holds all output."""
        name = self._job.function.name
        last = next((line for line in reversed(self._output) if line.strip()), "")
        reason = failure_reason(self._reason or last) or f"`docker` ended with exit code {code}"
        instruction, line = self._failing()
        if not instruction:
            return BuildError(f"`{name}` cannot be built: {reason}", detail=self.text())
        place = f"`{place_of(self._job)}`{f' line {line}' if line else ''}"
        return BuildError(f"`{name}` cannot be built: {place}: `{short(instruction)}`: {reason}", detail=self.text())

    def check_platform(self) -> None:
        """Raise BuildError if the build used a base image of another platform, of which BuildKit only warns."""
        if found := _WRONG_PLATFORM.search(self.text()):
            raise BuildError(
                f"`{self._job.function.name}` cannot be built: {found[1]}",
                hint="use a base image that its registry has for this platform",
            )

    def text(self) -> str:
        """All output so far."""
        return "\n".join(self._output)

    def _failing(self) -> tuple[str, int]:
        """The failing instruction and its line (0 if unknown); empty if no instruction failed."""
        step = _STEP.match(self._failed)
        if step is not None:
            text = _MOUNT.sub("", step[4])
            return text, self._line or self._line_of(step[1] or "", text)
        if base := _METADATA.match(self._failed):
            for stage in self._dockerfile.stages:
                # BuildKit prints an image's full name.
                if stage.image and base[1].endswith(stage.image):
                    return f"FROM {stage.image}", self._line or stage.line
        return "", 0

    def _line_of(self, stage: str, text: str) -> int:
        shown = " ".join(text.split())
        best, line = 0, 0
        for number, each in enumerate(self._dockerfile.stages):
            if stage and stage.lower() not in (each.name, f"stage-{number}"):
                continue
            for instruction in each.instructions:
                # BuildKit substitutes variables and cuts long lines; the beginning is the same.
                flags = "".join(f"--{key}={value} " for key, value in instruction.flags if key != "mount")
                full = " ".join(f"{instruction.keyword} {flags}{instruction.value}".split())
                without = " ".join(f"{instruction.keyword} {instruction.value}".split())
                if shown.rstrip(".…")[:60] not in (full[: len(shown)][:60], without[: len(shown)][:60]):
                    continue
                # Steps may begin alike: choose the longest match.
                same = max(_alike(shown, form) for form in (full, without))
                if same > best:
                    best, line = same, instruction.line
        return line


def _bytes(number: str, unit: str) -> int:
    return int(float(number) * {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit])


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    pairs = zip(one, other, strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _secret_files(job: BuildJob) -> dict[str, Path]:
    files = {key: Path(value).expanduser().absolute() for key, value in job.function.build_secrets.items()}
    for key, path in files.items():
        if not path.is_file():
            raise BuildError(f"`{job.function.name}`: the file of its build secret `{key}` does not exist: `{path}`")
        if "," in str(path):
            raise BuildError(f"`{job.function.name}`: its build secret `{key}` has a comma in its file's name")
    return files


def _each(flag: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (flag, value)]


def _stdout(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
