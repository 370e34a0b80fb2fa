import contextlib
import io
import os
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from toolchain import ways
from toolchain.outputs import publish
from toolchain.processors import processors
from toolchain.proof import differences, digests


class Directory(unittest.TestCase):
    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


class Publish(Directory):
    def test_every_file_gets_its_name(self):
        outputs = self.directory / "outputs"
        outputs.mkdir()
        (outputs / "b").write_text("of an earlier build", encoding="utf-8")
        publish({"log/a": self.write("one", "1"), "b": self.write("two", "2")}, outputs)
        found = {str(path.relative_to(outputs)): path.read_text() for path in outputs.rglob("*") if path.is_file()}
        self.assertEqual(found, {"log/a": "1", "b": "2"})

    def test_all_or_none(self):
        outputs = self.directory / "outputs"
        outputs.mkdir()
        with self.assertRaises(FileNotFoundError):
            publish({"a": self.write("one", "1"), "b": self.directory / "absent"}, outputs)
        self.assertEqual(list(outputs.iterdir()), [])


class Proof(Directory):
    def test_it_names_what_differs_and_what_only_one_has(self):
        names = ("same", "other", "only", "neither")
        for name, text in (("1/same", "s"), ("2/same", "s"), ("1/other", "a"), ("2/other", "b"), ("1/only", "")):
            self.write(name, text)
        one, other = (digests(self.directory / number, names) for number in "12")
        self.assertEqual(differences(one, other), ["only", "other"])
        self.assertEqual(differences(one, one), [])


class Processors(Directory):
    def setUp(self):
        super().setUp()
        self.enterContext(patch("os.sched_getaffinity", lambda _: set(range(8))))

    def check(self, expected, **files):
        for name, text in files.items():
            self.write(name.replace("__", "/cpu.").replace("cpu_max", "cpu.max"), f"{text}\n")
        self.assertEqual(processors(self.directory), expected)

    def test_all_it_may_run_on_where_nothing_is_said(self):
        self.check(8)

    def test_the_share_of_a_container(self):
        self.check(2, cpu_max="150000 100000")
        self.check(1, cpu_max="5000 100000")
        self.check(8, cpu_max="max 100000")
        self.check(8, cpu_max="6400000 100000")

    def test_the_share_of_a_container_in_version_1(self):
        self.check(2, cpu__cfs_quota_us="150000", cpu__cfs_period_us="100000")
        self.check(8, cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")


class Verdict(Exception):
    pass


class Ways(unittest.TestCase):
    def build(self, fast, cold=lambda: "cold", environment=()):
        said = io.StringIO()
        with patch.dict(os.environ, dict(environment)), contextlib.redirect_stderr(said):
            return ways.build(fast, cold, Verdict), said.getvalue()

    def test_the_fast_one_comes_first(self):
        self.assertEqual(self.build(lambda: "fast"), ("fast", ""))

    def test_only_the_cold_one_if_asked_for(self):
        self.assertEqual(self.build(lambda: "fast", environment={"KIISRV_COLD": "1"}), ("cold", ""))

    def test_the_cold_one_after_a_failure_that_should_not_be(self):
        way, said = self.build(lambda: {}["absent"])
        self.assertEqual(way, "cold")
        self.assertIn("KeyError: 'absent'", said)
        self.assertIn("warning: the fast way failed, which it should not; going the long way\n", said)

    def test_a_verdict_stands(self):
        def refuse():
            raise Verdict

        with self.assertRaises(Verdict):
            self.build(refuse, cold=lambda: self.fail("the cold way was gone"))
