import tempfile
import unittest
from pathlib import Path

from controller.boards import UnknownBoard, targets_of
from controller.fast import kll_arguments
from controller.job import BadJob, Job, read_job
from controller.outputs import publish_all
from controller.place import environment
from controller.prepared import Recipe


class Boards(unittest.TestCase):
    def test_a_board_without_variants_takes_any(self):
        (target,) = targets_of("k-type.bash", "standard")
        self.assertEqual((target.name, target.prefix), ("k-type", ""))

    def test_no_variant_means_the_first(self):
        self.assertEqual(targets_of("whitefox.bash", "")[0].name, "whitefox-truefox")

    def test_an_unknown_variant_is_told_with_the_known(self):
        with self.assertRaisesRegex(UnknownBoard, "unknown variant 'Hacker' of infinity.bash: there are alphabet, hacker, standard"):
            targets_of("infinity.bash", "Hacker")

    def test_a_script_out_of_the_list_is_refused(self):
        for script in ("icpad.bash", "../k-type.bash", "cmake.bash", ""):
            with self.subTest(script), self.assertRaises(UnknownBoard):
                targets_of(script, "")

    def test_a_split_board_is_two_firmwares(self):
        left, right = targets_of("ergodox.bash", "standard")
        self.assertEqual((left.script, left.prefix), ("ergodox-l.bash", "left_"))
        self.assertEqual((right.script, right.prefix), ("ergodox-r.bash", "right_"))


class Jobs(unittest.TestCase):
    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("Own-0.kll", "Own-1.kll", "Own.json"):
            (self.directory / name).write_text("", encoding="utf-8")

    def read(self, **environment_):
        return read_job("k-type.bash", self.directory, environment_)

    def test_it_has_the_maps_of_the_layout(self):
        job = self.read(DefaultMapOverride="stdFuncMap Own-0", PartialMapsExpandedOverride="Own-1", Layout="standard")
        self.assertEqual((job.default, job.partials, job.variant), ("stdFuncMap Own-0", ("Own-1",), "standard"))
        self.assertEqual(sorted(job.maps), ["Own-0.kll", "Own-1.kll"])

    def test_a_list_of_no_layers_stays_one(self):
        for partials in ("", ";", " ; "):
            with self.subTest(partials):
                job = self.read(DefaultMapOverride="stdFuncMap Own-0", PartialMapsExpandedOverride=partials)
                self.assertEqual(job.partials, ())
                # An empty text would mean the stock layers to the controller.
                (target,) = targets_of("k-type.bash", "")
                place = type("Place", (), {"target": target, "temporary": self.directory})()
                self.assertEqual(environment(place, job)["PartialMapsExpandedOverride"], ";")

    def test_what_cannot_be_meant_is_told(self):
        for default, partials, complaint in [
            ("", "", "names no map for layer 0"),
            ("stdFuncMap ../etc-0", "", "'../etc-0' is no name of a map"),
            ("stdFuncMap Own-0", "$(reboot)", "is no name of a map"),
            ("stdFuncMap Other-0", "", "there is no map Other-0.kll"),
        ]:
            with self.subTest(default), self.assertRaisesRegex(BadJob, complaint.replace("$(", r"\$\(").replace("..", r"\.\.")):
                self.read(DefaultMapOverride=default, PartialMapsExpandedOverride=partials)


class Arguments(unittest.TestCase):
    def test_the_layouts_own_maps_come_first(self):
        root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for directory, names in {"build": ["Own-0", "Own-1"], "kll": ["stdFuncMap", "Own-1"], "scan": ["leftHand"]}.items():
            (root / directory).mkdir()
            for name in names:
                (root / directory / f"{name}.kll").write_text("", encoding="utf-8")
        recipe = Recipe("kll", ["--config", "c"], ["--emitter", "kiibohd"], [f"{root}/kll", f"{root}/scan"], [], [], False, (0, 0), False, {}, ("", []))
        place = type("Place", (), {"build": root / "build"})()
        job = Job("k-type.bash", "", "stdFuncMap leftHand Own-0", ("Own-1", "Own-1 stdFuncMap"), {})
        self.assertEqual(
            [argument.removeprefix(f"{root}/") for argument in kll_arguments(recipe, place, job)],
            ["--config", "c", "--default", "kll/stdFuncMap.kll", "scan/leftHand.kll", "build/Own-0.kll"]
            + ["--partial", "build/Own-1.kll", "--partial", "build/Own-1.kll", "kll/stdFuncMap.kll", "--emitter", "kiibohd"],
        )


class Outputs(unittest.TestCase):
    def test_the_files_of_a_half_carry_its_name(self):
        root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        builds = []
        for half in ("left_", "right_"):
            build = root / half
            build.mkdir()
            for name in ("kiibohd.dfu.bin", "kll.json", "kll_defs.h", "generatedKeymap.h", "kiibohd.elf"):
                (build / name).write_text(half + name, encoding="utf-8")
            builds.append((build, {"flash": {"used": 1, "total": 2}}, half))
        outputs = root / "outputs"
        outputs.mkdir()
        publish_all(builds, outputs)
        found = sorted(str(path.relative_to(outputs)) for path in outputs.rglob("*") if path.is_file())
        names = ["kiibohd.dfu.bin", "kll.json", "log/generatedKeymap.h", "log/kll_defs.h", "size.json"]
        expected = [str(Path(name).with_name(half + Path(name).name)) for half in ("left_", "right_") for name in names]
        self.assertEqual(found, sorted(expected))
        self.assertEqual((outputs / "right_kll.json").read_text(encoding="utf-8"), "right_kll.json")
