import unittest

from .handler import handle


class HandleTest(unittest.TestCase):
    def test_answers_what_was_said(self):
        self.assertEqual(handle("test"), "Hello, Python. You said: test")
