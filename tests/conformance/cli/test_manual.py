"""`man` shows the pages without a complaint."""

import subprocess


def test_man_reads_every_page(client, tool):
    """No warning of its formatter, and the words a reader looks for."""
    man = tool("man")
    client.run("manpages", "pages")
    found = sorted((client.folder / "pages").iterdir())
    assert len(found) > 50
    for page in found:
        done = subprocess.run(
            [man, "--warnings", "-l", page.name],
            cwd=page.parent, env={**client.env, "MANWIDTH": "100"},
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), page.name
        assert "SYNOPSIS" in done.stdout
