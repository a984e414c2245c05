import pickle
import subprocess
import sys

import pytest

from react_data.channels import COEFFICIENTS_58, EMOTION_25, MOTION_ENERGY, OPENFACE, schema_for
from react_data.errors import ReactError, known_errors
from react_data.problems import ProblemKind, ProblemReport
from react_data.progress import track


@pytest.mark.parametrize("schema", [EMOTION_25, COEFFICIENTS_58, MOTION_ENERGY, OPENFACE])
def test_groups_cover_the_channels_and_schemas_are_found_by_name(schema):
    bounds = [(group.start, group.stop) for group in schema.groups]
    assert [start for start, _ in bounds] == [0, *(stop for _, stop in bounds[:-1])]
    assert bounds[-1][1] == len(schema) == len(set(schema.channels))
    assert schema_for(schema.channels) is schema


def test_unknown_channels_form_one_group_without_a_range():
    (group,) = schema_for(["a", "b"]).groups
    assert (group.weight, group.low, group.high) == (0.5, None, None)


@pytest.mark.parametrize("error", [error for code, error in known_errors().items() if code.startswith("RD")])
def test_errors_say_their_code_survive_pickling_and_are_described(error):
    raised = error("what is wrong")
    copy = pickle.loads(pickle.dumps(raised))
    assert str(copy) == str(raised) == f"what is wrong [{error.code}]"
    assert isinstance(raised, ReactError)
    assert len(error.__doc__) > 40


def test_a_report_is_valid_until_it_holds_an_error():
    kind = ProblemKind("RD999", "only for this test")
    report = ProblemReport("data")
    report.warning(kind, "look at it", "a.csv")
    assert report.ok
    report.error(kind, "broken", "b.csv")
    assert not report.ok
    assert [problem.where for problem in report] == ["a.csv", "b.csv"]
    assert "warning RD999: a.csv: look at it" in str(report)


def test_progress_is_shown_on_stderr_only_where_wanted(capsys):
    assert list(track(range(3), "counting", show=False)) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")
    assert list(track(range(3), "counting", show=True)) == [0, 1, 2]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "counting" in shown.err


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, react_data; print(sorted({'numpy', 'pandas', 'xarray', 'torch'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
    code = "import sys, react_data; react_data.open_split, react_data.verify; print('torch' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "False"
