"""The tables of attacks, and the page of the documentation that is made from them."""

import runpy

from tests.attacks import inside
from tests.attacks.from_a_function import ATTACKS
from tests.gateways import ROOT


def test_each_attack_of_the_table_is_made():
    """And each that is made is in the table."""
    assert inside.ATTACKS.keys() == {each.name for each in ATTACKS}
    assert all(each.gains and each.stopped_by for each in ATTACKS)


def test_the_page_is_made_from_the_tables():
    page = runpy.run_path(str(ROOT / "scripts/security_page.py"))["page"]
    assert (ROOT / "docs/security.md").read_text(encoding="utf-8") == page(), "run `make docs`"
