import unittest
from types import SimpleNamespace

from .handler import handle


class HandleTest(unittest.TestCase):
    def test_answers_with_what_was_said(self):
        event = SimpleNamespace(body=b"test", headers={}, method="POST", path="/", query={})
        answer = handle(event, SimpleNamespace(hostname="localhost"))
        self.assertEqual(answer["statusCode"], 200)
        self.assertIn("test", answer["body"])
