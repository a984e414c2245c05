"""`react_eval.robustness`: rows, intervals, table, curves and files, with a stand-in package that loads generators."""

import csv
import io
import json
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import react_data
import react_eval
import react_eval.references
from react_data.missing_conditions import ConditionError, find_conditions
from react_data.ragged import clip_series
from react_eval.condition_scores import ConditionScores
from react_eval.errors import GenerationFailedError, InputError, UnknownNameError

CONDITIONS = "standard,face:segments:0.3,face:segments:0.9,speech:segments:0.5,speech:late:5,face:frozen:0.5"
FRAMES = 100


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    options = {"recordings": 6, "frames": FRAMES, "splits": ["val"], "modalities": ["emotion"]}
    return react_data.synthesise(tmp_path_factory.mktemp("robust") / "data", **options, show_progress=False)


class Ready:
    """Mimics what arrives of the face, with noise; hears nothing if it is deaf."""

    def __init__(self, model, data, folder, settings):
        self.title, self.told, self._settings = model.partition(" ")[0], "told" in model, settings
        self._deaf, self._data, self._folder = "deaf" in model, data, folder

    def affected(self, condition):
        return not (self._deaf and condition.modalities == ("speech",))

    def submission(self, condition, *, seed, show_progress):
        if condition.whole and not self.told:
            raise GenerationFailedError("Mimic needs a face; the batch has none. Open the data set with it.")
        dataset = react_data.open_split(self._data, self._settings["split"])
        clips = [str(clip) for clip in dataset["clip"].values][: self._settings["limit"]]
        reactions, rng = self._settings["reactions"], np.random.default_rng(seed)
        made = []
        for clip, face in zip(clips, clip_series(dataset, "speaker_emotion"), strict=False):
            arrival = condition.arrivals(FRAMES, 25, clip)["face"].of(face)
            made.append(np.clip(arrival + rng.normal(0, 0.05, (reactions, 1, 25)), 0, 1).astype("f4"))
        path = self._folder / f"{self.title}-{condition.name.replace(':', '-')}-{seed}.h5"
        react_eval.save_submission(path, np.stack(made), clips=clips, method="?", run_seed=seed, overwrite=True)
        return path


class Package:
    """A package that loads anything."""

    def __init__(self, folder):
        self.folder, self.asked = folder, []

    def prepared(self, model, data, **settings):
        self.asked.append((model, settings))
        return Ready(model, data, self.folder, settings)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    package = Package(tmp_path_factory.mktemp("package"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(react_eval.references, "find_references", lambda: {"known": package})
        yield package


def robustness(root, models="mimic deaf", **how):
    how = {"metrics": ["FRCorr", "FRVar"], "conditions": CONDITIONS, **how}
    return react_eval.robustness(models, root, split="val", threads=1, show_progress=False, **how)


@pytest.fixture(scope="module")
def found(package, root):
    return robustness(root, ["mimic deaf", "mimic told <&>"])


def test_every_model_has_a_row_for_every_condition(found):
    assert found.models == ("mimic (1)", "mimic (2)")
    assert len(found) == 2 * len(find_conditions(CONDITIONS))
    statuses = {row.condition.name: row.status for row in found if row.model == "mimic (1)"}
    assert statuses["complete"] == "scored"
    assert (statuses["face:whole"], statuses["speech:whole"]) == ("fails", "unaffected")
    assert {row.status for row in found if row.model == "mimic (2)"} == {"scored"}
    assert found.of("mimic (1)", "speech:late:5").value("FRCorr") == found.of("mimic (1)").value("FRCorr")
    assert np.isnan(found.of("mimic (1)", "face:whole").value("FRCorr"))


def test_what_is_lost_costs(found):
    shares = ["complete", *(f"face:segments:{share}" for share in (0.3, 0.9))]
    values = [found.of("mimic (1)", name).value("FRCorr") for name in shares]
    assert values == sorted(values, reverse=True)


def test_intervals_of_one_run_are_those_of_its_result(found):
    row = found.of("mimic (1)")
    assert row.intervals == row.runs[0].intervals
    assert set(row.intervals) == {"FRCorr", "FRVar"}


def test_seeds_are_averaged(package, root):
    found = robustness(root, conditions="face:frozen:0.5", seeds=[0, 1, 2])
    row = found.of("mimic")
    assert row.value("FRCorr") == pytest.approx(np.mean([run["FRCorr"] for run in row.runs]))
    assert row.intervals["FRCorr"].low < row.value("FRCorr") < row.intervals["FRCorr"].high
    assert "±" in str(found)
    assert "Mean ± standard deviation over 3 seeds." in str(found)


def test_a_value_that_is_undefined_for_one_seed_is_undefined():
    row = ConditionScores("mimic", find_conditions()[0], ({"FRSyn": np.nan}, {"FRSyn": 1.0}))
    assert np.isnan([row.value("FRSyn"), row.deviation("FRSyn")]).all()


def test_the_table_says_what_fails_and_what_changes_nothing(found):
    text = str(found.table())
    assert re.search(r"w/o facial +– +– +fails: Mimic needs a face\n", text)
    assert re.search(r"w/o speech .*takes no speech\n", text)
    assert "Fails (mimic (1), w/o facial): Mimic needs a face; the batch has none. Open the data set with it." in text
    assert "mimic (2): told which frames are missing." in text
    assert "mimic (1): takes no missing data; gets zeros where a part is lost" in text
    for line in ("── mimic (2) ─", "GT ", "B_Mime ", "Synthetic data", "corrected@1|split:val"):
        assert line in text
    assert found.to_latex().count(r"\multicolumn") == 2


def test_a_table_without_remarks_has_no_column_for_them(package, root):
    grid = robustness(root, "mimic told", conditions="standard").table()
    assert (list(grid.headings), {len(row) for row in grid.rows if row}) == (
        ["condition", "FRCorr ↑", "FRVar →GT"],
        {3},
    )


def test_files_hold_what_was_found(found, tmp_path):
    told = json.loads(found.to_json(tmp_path / "r.json"))
    assert told == json.loads((tmp_path / "r.json").read_text())
    first, second = told["rows"][:2]
    assert (first["condition"], first["status"]) == ("complete", "scored")
    assert first["values"]["FRCorr"] == pytest.approx(found.of("mimic (1)").value("FRCorr"))
    assert (second["values"]["FRCorr"], second["status"]) == (None, "fails")
    rows = list(csv.DictReader(io.StringIO(found.to_csv(tmp_path / "r.csv"))))
    assert len(rows) == 2 * len(found)
    assert {row["modality"] for row in rows} == {"", "face", "speech"}
    assert [row["value"] for row in rows if row["condition"] == "face:whole"][:2] == ["", ""]


def test_curves_have_a_chart_for_every_metric_and_kind(found, tmp_path):
    picture = ElementTree.fromstring(found.curves(tmp_path / "curves.svg"))  # noqa: S314  our own text
    kinds = {"svg": "http://www.w3.org/2000/svg"}
    headings = [text.text for text in picture.findall(".//svg:text[@class='heading']", kinds)]
    assert headings == ["FRCorr ↑"] * 3 + ["FRVar →GT"] * 3
    labels = [text.text for text in picture.findall(".//svg:text[@class='label']", kinds)]
    assert labels == ["mimic (1): facial", "mimic (2): facial", "mimic (2): speech"]
    bands = picture.findall(".//svg:polygon", kinds)
    # In segments three lines, frozen two, late one: what a model does not take has no line.
    assert len(bands) == 2 * (3 + 2 + 1)
    crosses = picture.findall(".//svg:path", kinds)
    assert len(crosses) == 2
    numbers = re.findall(r'(?:points|d|c[xy])="([^"]*)"', found.curves())
    assert not any("nan" in each or "inf" in each for each in numbers)


def test_whole_modalities_alone_are_drawn_too(package, root):
    found = robustness(root, conditions="standard")
    assert "lost altogether" in found.curves()
    assert "Losses are drawn" not in str(found)


def test_frozen_faces_are_drawn_by_a_seed_and_told_to_nobody(package, root):
    text = str(robustness(root, conditions="face:frozen:0.5", loss_seed=3))
    assert "Losses are drawn by seed 3" in text
    assert "takes no missing data" not in text


def test_names_are_escaped(found, package, root):
    page = robustness(root, {"<b>&": "mimic told"}, conditions="standard").to_html()
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page


def test_a_part_of_a_split_is_scored_against_that_part(package, root):
    found = robustness(root, conditions="standard", limit=4, reactions=3, loss_seed=7, online=True, fill="hold")
    assert "corrected-3-reactions@1|split:val|channels:emotion-25|clips:4|reactions:3" in str(found)
    assert "Only a part of the split" in str(found)
    _, settings = package.asked[-1]
    asked = {"limit": 4, "reactions": 3, "loss_seed": 7, "online": True, "fill": "hold"}
    assert {name: settings[name] for name in asked} == asked


def test_what_cannot_be_asked_for_is_refused(package, root, monkeypatch):
    with pytest.raises(ConditionError, match="no condition 'whole'"):
        robustness(root, conditions="whole")
    with pytest.raises(InputError, match="seeds is empty"):
        robustness(root, seeds=[])
    with pytest.raises(InputError, match="there are 2 models"):
        robustness(root, ["mimic", "other"], weights="x")
    with pytest.raises(InputError, match="there are 0 models"):
        robustness(root, [])
    monkeypatch.setattr(react_eval.references, "find_references", dict)
    with pytest.raises(UnknownNameError, match="no installed package loads or trains generators"):
        robustness(root)


def test_it_needs_no_torch():
    code = "import sys, react_eval\nreact_eval.robustness\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr
