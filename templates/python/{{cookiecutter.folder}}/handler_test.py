import unittest

from .handler import handle


class HandleTest(unittest.TestCase):
    def test_answers_with_what_was_said(self):
        self.assertIn("test", handle("test"))
