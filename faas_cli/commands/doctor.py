"""`faas doctor`: what is installed and reachable, what is wrong, how to fix it."""

from __future__ import annotations

from dataclasses import asdict

import click

from faas_cli.console import Console
from faas_cli.doctor import examine
from faas_cli.errors import EXIT_FAILED
from faas_cli.options.syntax import FaasCommand, pass_console
from faas_cli.output.formats import TABLE, output_options, structured

_MARKS = {"ok": "ok     ", "missing": "missing", "wrong": "WRONG  "}


@click.command(cls=FaasCommand)
@output_options
@pass_console
def command(console: Console, output_format: str) -> int:
    """Check everything faas needs and suggest fixes; exit code 1 when something is wrong."""
    findings = examine()
    if output_format != TABLE:
        console.data(structured([asdict(finding) for finding in findings], output_format))
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            console.data(f"{_MARKS[finding.state]}  {finding.subject:<{width}}  {finding.text}")
            if finding.remedy:
                console.data(f"{'':<{width + 11}}{finding.remedy}")
    return EXIT_FAILED if any(finding.state == "wrong" for finding in findings) else 0
