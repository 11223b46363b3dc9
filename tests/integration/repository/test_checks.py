def test_the_changelog_can_be_written():
    """Each fragment in changes/ has a kind, and is in the section."""
    command = [sys.executable, str(ROOT / "scripts/release.py"), "changelog"]
    section = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for path in (ROOT / "changes").glob("*-*.md"):
        assert path.read_text().splitlines()[0] in section


def test_every_decision_is_listed():
    """In the order of their numbers, which have no gap."""
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path.name for path in folder.glob("0*.md"))
    assert re.findall(r"\]\((\S+\.md)\)", (folder / "README.md").read_text()) == pages
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
