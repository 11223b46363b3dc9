"""`faas doctor`: what is installed, what can be reached, what is wrong and how to mend it."""

from __future__ import annotations

from dataclasses import asdict

import click

from faas_cli.console import Console
from faas_cli.doctor import examine
from faas_cli.errors import EXIT_FAILED
from faas_cli.options import FaasCommand
from faas_cli.output.formats import TABLE, output_options, structured

_MARKS = {"ok": "ok     ", "missing": "missing", "wrong": "WRONG  "}


@click.command(cls=FaasCommand)
@output_options
def command(form: str) -> int:
    """Look at everything faas needs; exit code 1 when something is wrong."""
    console = Console()
    findings = examine()
    if form != TABLE:
        console.data(structured([asdict(finding) for finding in findings], form))
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            console.data(f"{_MARKS[finding.state]}  {finding.subject:<{width}}  {finding.text}")
            if finding.remedy:
                console.data(f"{'':<{width + 11}}{finding.remedy}")
    return EXIT_FAILED if any(finding.state == "wrong" for finding in findings) else 0
