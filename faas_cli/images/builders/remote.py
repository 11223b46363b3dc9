"""A builder on another machine: receives the signed context, builds, pushes, and streams its log."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import urllib3

from faas_cli.errors import BuildError, FaasError, UsageError
from faas_cli.images.context_files import complete
from faas_cli.images.model import Builder, BuildJob, BuildOptions, BuildOutcome, BuildReporter
from faas_cli.proxies import pool_for

CONFIG, SECRETS = "com.openfaas.docker.config", "com.openfaas.secrets"
SIGNATURE = "X-Build-Signature"
_TIMEOUT = urllib3.Timeout(connect=10, read=600)
"""The read timeout also limits the time a build step may print nothing."""
_MAX_MEMORY_BYTES = 8 * 1024 * 1024
_MAX_KEY_BYTES = 64 * 1024


class RemoteBuilder(Builder):
    """The builder named by `--remote-builder`. It pushes every image it builds, so it can publish, too."""

    name = "remote"

    def __init__(self, options: BuildOptions) -> None:
        self._base = _base(options.remote_builder)
        self._secret = _payload_secret(options.payload_secret)
        self._public_key = options.builder_public_key
        self._pool = pool_for(self._base)
        self._running: set[urllib3.BaseHTTPResponse] = set()
        _check(options)

    def build(self, job: BuildJob, report: BuildReporter) -> BuildOutcome:
        """Build and push one image. Raises BuildError with the builder's message."""
        self._run(job, (), report)
        return BuildOutcome()

    def publish(self, job: BuildJob, extra_tags: Sequence[str], report: BuildReporter) -> str:
        """Build and push for every platform of the job; returns the image's name. Raises BuildError, UsageError."""
        if extra_tags:
            raise UsageError("a remote builder supports one tag only; `--extra-tag` is for the other builders")
        return self._run(job, job.options.platforms, report)

    def stop(self) -> None:
        """End the connections of the running builds; the builder decides what becomes of them."""
        for answer in list(self._running):
            # It may have ended by itself in this moment.
            with contextlib.suppress(ValueError, RuntimeError):
                answer.shutdown()

    def _run(self, job: BuildJob, platforms: Sequence[str], report: BuildReporter) -> str:
        complete(job, report, buildkit=True)
        report.step(job.function.name, f"sending the context to {self._base}")
        with tempfile.SpooledTemporaryFile(_MAX_MEMORY_BYTES) as archive:
            self._write(archive, job, platforms)
            answer = self._post(archive, job)
            self._running.add(answer)
            try:
                return self._follow(job, answer, report)
            finally:
                self._running.discard(answer)

    def _write(self, archive: IO[bytes], job: BuildJob, platforms: Sequence[str]) -> None:
        config: dict[str, Any] = {"image": job.image, "buildArgs": dict(job.build_args)}
        if platforms:
            config["platforms"] = list(platforms)
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.add(job.context, "context", filter=_without_owner)
            _add(tar, CONFIG, json.dumps(config).encode(), 0o664)
            if job.function.build_secrets:
                _add(tar, SECRETS, self._sealed_secrets(job).encode(), 0o600)

    def _sealed_secrets(self, job: BuildJob) -> str:
        from faas_cli.stack.sealing import seal

        values: dict[str, bytes] = {}
        for name, path in job.function.build_secrets.items():
            try:
                values[name] = Path(path).expanduser().read_bytes()
            except OSError as err:
                raise BuildError(f"the build secret `{name}` cannot be read from `{path}`: {err.strerror}") from None
        return seal(self._key(), values)

    def _key(self) -> str:
        """The builder's public key: the given one (a file or the key itself), else the one the builder serves."""
        given = self._public_key
        if given:
            path = Path(given)
            return read_public_key(path.read_text(encoding="utf-8") if path.is_file() else given)
        try:
            answer = self._pool.request("GET", f"{self._base}/publickey", timeout=10.0, retries=False, redirect=False)
        except urllib3.exceptions.HTTPError as err:
            raise self._unreachable(err) from None
        if answer.status != 200:
            raise BuildError(f"the builder at {self._base} serves no public key: status {answer.status}")
        return read_public_key(answer.data[:_MAX_KEY_BYTES].decode("utf-8", "replace"))

    def _post(self, archive: IO[bytes], job: BuildJob) -> urllib3.BaseHTTPResponse:
        size, signature = archive.seek(0, io.SEEK_END), hmac.new(self._secret, digestmod=hashlib.sha256)
        archive.seek(0)
        while chunk := archive.read(1 << 20):
            signature.update(chunk)
        archive.seek(0)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            "Accept": "application/x-ndjson",
            SIGNATURE: f"sha256={signature.hexdigest()}",
        }
        try:
            answer = self._pool.request(
                "POST", f"{self._base}/build", body=archive, headers=headers, timeout=_TIMEOUT,
                retries=False, redirect=False, preload_content=False,
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as err:
            raise self._unreachable(err) from None
        if answer.status not in (200, 202):
            text = answer.read(500).decode("utf-8", "replace").strip()
            hint = "check `--payload-secret`: it must be the builder's secret" if answer.status == 401 else ""
            raise BuildError(
                f"`{job.function.name}`: the builder at {self._base} answered {answer.status}: {text}", hint=hint
            )
        return answer

    def _follow(self, job: BuildJob, answer: urllib3.BaseHTTPResponse, report: BuildReporter) -> str:
        name, log = job.function.name, list[str]()
        try:
            for message in _messages(answer):
                for line in message.get("log") or ():
                    log.append(str(line))
                    report.line(name, str(line))
                status = message.get("status")
                if status == "success":
                    return str(message.get("image") or job.image)
                if status == "failed":
                    reason = message.get("error") or "no reason given"
                    raise BuildError(f"`{name}`: the builder failed: {reason}", detail="\n".join(log))
        except (urllib3.exceptions.HTTPError, ValueError, AttributeError) as err:
            raise BuildError(f"`{name}`: the answer of {self._base} cannot be read: {err}") from None
        raise BuildError(f"`{name}`: the builder at {self._base} gave no result", detail="\n".join(log))

    def _unreachable(self, err: Exception) -> BuildError:
        return BuildError(f"the builder at {self._base} cannot be reached: {type(err).__name__}")


def read_public_key(text: str) -> str:
    """A builder's public key, given in base64 or as the builder's JSON. Raises FaasError for an unsupported one."""
    text = text.strip()
    if text.startswith("{"):
        try:
            content = json.loads(text)
        except ValueError:
            raise FaasError("the builder's public key is neither base64 nor JSON") from None
        if (content.get("algorithm") or "nacl/box") != "nacl/box":
            raise FaasError(f"the builder seals secrets with `{content['algorithm']}`; only `nacl/box` is supported")
        text = str(content.get("public_key") or "")
    try:
        good = len(base64.b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise FaasError("the builder's public key is invalid: it must be 32 bytes in base64")
    return text


def _messages(answer: urllib3.BaseHTTPResponse) -> Iterator[Mapping[str, Any]]:
    rest = b""
    for chunk in answer.stream(64 * 1024):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines if line.strip())
    if rest.strip():
        yield json.loads(rest)


def _without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(f"`--remote-builder {url}` is not an http(s) address")
    return f"{parts.scheme}://{parts.netloc}"


def _payload_secret(path: str) -> bytes:
    if not path:
        raise UsageError("`--remote-builder` needs `--payload-secret FILE`: the secret its requests are signed with")
    try:
        secret = Path(path).expanduser().read_bytes().strip()
    except OSError as err:
        raise FaasError(f"the payload secret `{path}` cannot be read: {err.strerror}") from None
    if not secret:
        raise FaasError(f"the payload secret `{path}` is empty")
    return secret


def _check(options: BuildOptions) -> None:
    unsupported = {
        "--no-cache": options.no_cache,
        "--squash": options.squash,
        "--pull": options.pull,
        "--build-label": bool(options.labels),
    }
    for flag, given in unsupported.items():
        if given:
            raise UsageError(f"a remote builder does not support `{flag}`")
