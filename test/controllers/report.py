"""Runs the tests of a directory and prints one line of JSON for each: name, and what was wrong with it (null: nothing)."""

import json
import sys
import unittest


class Report(unittest.TestResult):
    def __init__(self):
        super().__init__()
        # What a test prints is not for the report.
        self.buffer = True
        self.faults = {}

    def stopTest(self, test):
        super().stopTest(test)
        for kind in (self.failures, self.errors):
            for failed, text in kind:
                # A subtest is a test of its own to unittest.
                if getattr(failed, "test_case", failed) is test:
                    self.faults[test.id()] = f"{failed}\n{text}"
        say(test.id(), self.faults.get(test.id()))


def say(name, fault):
    sys.__stdout__.write(json.dumps({"name": name, "fault": fault}) + "\n")


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.discover(sys.argv[1])
    result = Report()
    suite.run(result)
    # A class or module that could not be set up is no test, and would go unseen.
    for broken, text in result.errors:
        if not isinstance(broken, unittest.TestCase) and not hasattr(broken, "test_case"):
            say(str(broken), text)
