"""The small generator of the demonstration: trained, continued, and left out where torch is not installed."""

import pytest

import react_eval
from react_data.optional_libraries import LibraryMissingError
from react_eval import demo
from reference_models import demonstration

FEW_EPOCHS = {"stages": {"autoencoder": {"epochs": 1}, "diffusion": {"epochs": 1}}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for a demonstration with few epochs of training."""
    monkeypatch.setattr(demonstration, "_CHANGES", FEW_EPOCHS)
    return tmp_path


def test_it_is_a_valid_submission_and_the_same_again(folder, dyads):
    (folder / "submissions").mkdir()
    values = []
    for _ in range(2):
        file = demonstration.demonstrate(dyads, "test", folder, seed=3)
        values.append(react_eval.score(file, split="test", data=dyads, metrics=["FRVar"])["FRVar"])
    assert values[0] == values[1] > 0


def test_the_demonstration_scores_it_beside_the_baselines(folder):
    tables = demo.run_demo(folder, recordings=6, show_progress=False, say=lambda _message: None)
    assert all("BeLFusion (tiny)" in str(table) for table in tables)
    assert (folder / "reports" / "BeLFusion.html").is_file()


def test_it_is_left_out_where_torch_is_missing(folder, monkeypatch):
    def missing(*_arguments, **_settings):
        raise LibraryMissingError("A trained generator needs torch.")

    monkeypatch.setattr(demo, "demonstration", missing)
    said = []
    tables = demo.run_demo(folder, recordings=6, show_progress=False, say=said.append)
    assert said[-1] == "Left out: A trained generator needs torch."
    assert "B_Mime" in str(tables[0])
