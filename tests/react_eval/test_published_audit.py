"""The audit finds what the notes found, and nothing once the numbers are put right."""

from importlib.resources import files

import pytest

from react_eval import audit_published
from react_eval.published_audit import audit_text
from react_eval.published_loading import read_published

TEXT = files("react_eval").joinpath("published_results.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def found():
    return audit_published()


def of(found, check, row=""):
    return [each for each in found if each.check == check and (not row or row in each.rows)]


def mutated(*changes):
    text = TEXT
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return audit_published(read_published(text))


def test_1_the_noise_of_perfrdiff_breaks_its_own_header(found):
    (noise,) = of(found, "uniform noise fixes the columns")
    assert noise.rows == ("B_Random [perfrdiff]",)
    assert noise.proven
    assert noise.evidence == {"FRDiv": 0.1667, "FRVar": 0.1667, "FRDvs": 0.0833}


def test_2_perfrdiff_mixes_two_orders(found):
    (mixed,) = of(found, "two orders of columns in one table")
    assert mixed.rows == ("B_Random [perfrdiff]", "REGNN [perfrdiff]")


def test_3_perfrdiff_is_swapped_in_reactdiff(found):
    pair = ("PerFRDiff [perfrdiff]", "PerFRDiff [reactdiff]")
    (fixed,) = of(found, "a text that fixes the labels")
    assert fixed.rows == pair
    assert {name: round(value) for name, value in fixed.evidence.items()} == {
        "gain in FRDvs": 188,
        "gain in FRVar": 239,
    }
    (lively,) = of(found, "livelier than real reactions")
    assert lively.rows == ("PerFRDiff [reactdiff]", "GT [reactdiff]")
    assert lively.evidence["ratio"] == pytest.approx(3.03, abs=0.01)
    (claim,) = of(found, "a gain over a wrong label")
    assert claim.evidence == {"said": 57, "really": pytest.approx(-37.0, abs=0.1)}
    assert "Liu et al. 2024 0.1385" in claim.finding


def test_4_three_systems_have_two_readings_and_one_is_likelier(found):
    unsettled = of(found, "two readings")
    assert [each.rows[:2] for each in unsettled] == [
        (f"{name} [reactdiff]", f"{name} [perfrdiff]") for name in ("UniFaRN", "BEAMER", "FRDiff")
    ]
    assert "nearer to (2)" in unsettled[0].finding
    assert not any(each.proven for each in unsettled)


def test_5_an_frrea_was_carried_over(found):
    (carried,) = of(found, "a value carried over")
    assert carried.evidence == {"FRRea": 67.74, "FRCorr_1": 0.03, "FRCorr_2": 0.09}
    assert carried.finding.startswith("Inference")


def test_6_a_row_of_belfusion_is_another_variant(found):
    (full,) = of(found, "FRSyn exactly 49", "BeLFusion (binarised AUs) [perfrdiff]")
    assert "Other rows of BeLFusion print 44.87 and more" in full.finding
    assert full.evidence["BeLFusion (binarised AUs) [perfrdiff]"] == pytest.approx(0.995)


def test_7_facevis_has_three_sets(found):
    (sets,) = of(found, "equal diversity, other appropriateness")
    assert sets.rows == ("FaceVIS [emc], offline", "FaceVIS [faceais-readme]", "FaceVIS [faceais-readme], val")
    assert len(of(found, "one system, several sets of numbers", "FaceVIS [emc], offline")) == 1


def test_8_emc_has_distances_off_scale(found):
    (scale,) = of(found, "FRDist off scale")
    assert len(scale.rows) == 4
    assert all(row.startswith("Trans-VAE + EMC") for row in scale.rows)
    assert min(scale.evidence.values()) == pytest.approx(31.30 / 90.31)


def test_9_a_copy_has_no_diversity(found):
    (copy,) = of(found, "what must be 0")
    assert copy.rows == ("B_Mime [faceais-readme]",)
    assert "B_Mime [reactdiff] prints it as FRDvs" in copy.finding


def test_10_texts_contradict_their_tables(found):
    values = of(found, "a value that the table does not show")
    assert [(each.evidence["said"], each.evidence["table"]) for each in values] == [(0.36, 0.38), (0.38, 0.36)]
    best = {each.evidence["ReactDiff"]: each.evidence for each in of(found, "a best value that is not the best")}
    assert best[66.72] == {"ReactDiff": 66.72, "PerFRDiff": 47.62}
    assert best[0.26] == {"ReactDiff": 0.26, "VQ-Diff": 0.3, "ReactDiff (LRS)": 0.29, "PerFRDiff": 0.38}
    (real,) = of(found, "more real than real reactions")
    assert {"PerFRDiff [reactdiff]", "PerFRDiff [perfrdiff]", "FaceVIS [faceais-readme]"} < set(real.rows)


def test_11_frsyn_has_a_floor_that_noise_confirms(found):
    test, val = of(found, "FRSyn has a floor")
    assert test.evidence["share_undefined"] == pytest.approx(0.7865, abs=1e-4)
    assert test.evidence["noise_expected"] == pytest.approx(test.evidence["noise_printed"], abs=0.03)
    assert {"ReactDiff (LRS) [reactdiff], offline", "REGNN + EMC [emc], offline"} < set(test.rows)
    assert val.evidence["noise_expected"] == pytest.approx(46.27, abs=0.02)


def test_12_frrea_is_of_too_few_images(found):
    (images,) = of(found, "FRRea from too few images")
    assert images.evidence == {"images": 1700, "rows": 20}


def test_a_minimum_over_fewer_targets_cannot_fall(found):
    (subset,) = of(found, "a minimum over a subset")
    assert subset.rows == ("B_Random [perfrdiff]", "B_Random [perfrdiff], pmafrg")
    assert subset.evidence == {"any_reaction": 237.21, "same_listener": 194.02}


def test_clips_do_not_matter_where_predictions_were_mis_paired(found):
    (equal,) = of(found, "FRDiv equals FRDvs")
    assert {row for row in equal.rows if "FaceVIS" in row} >= {"FaceVIS [emc], offline", "FaceVIS [faceais-readme]"}


def test_percentages_of_emc_are_counted_again(found):
    (drop,) = of(found, "a gain that the table does not show")
    assert drop.evidence == {"said": -133, "table": pytest.approx(-57.1, abs=0.1)}
    assert "+133 % is the way back" in drop.finding
    (mean,) = of(found, "a mean of gains")
    assert mean.evidence["mean"] == pytest.approx(57.26, abs=0.01)
    (worse,) = of(found, "an improvement that is none")
    assert worse.evidence == {"FRDist_change": pytest.approx(8.79)}


def test_a_sum_over_5_equals_one_over_10(found):
    (sums,) = of(found, "sums over other numbers of reactions")
    assert sums.rows[0] == "REGNN (VGGish) [markzhang99], split unknown"


CHANGES = {
    "uniform noise fixes the columns": [('FRDvs = "8.33", FRVar = "16.67"', 'FRDvs = "16.67", FRVar = "8.33"')],
    "two orders of columns in one table": [('FRDvs = "8.33", FRVar = "16.67"', 'FRDvs = "16.67", FRVar = "8.33"')],
    "livelier than real reactions": [('FRVar = "0.2191", FRDvs = "0.0879"', 'FRVar = "0.0879", FRDvs = "0.2191"')],
    "a text that fixes the labels": [('FRVar = "0.2191", FRDvs = "0.0879"', 'FRVar = "0.0879", FRDvs = "0.2191"')],
    "a value carried over": [('FRRea = "67.74", FRSyn = "44.86"', 'FRRea = "67.75", FRSyn = "44.86"')],
    "what must be 0": [('{ FRDiv = "0.2483" }', '{ FRDiv = "0" }')],
    "a minimum over a subset": [('FRDist = "194.02"', 'FRDist = "294.02"')],
    "FRDist off scale": [
        ('"31.30"', '"91.30"'),
        ('"32.31"', '"92.31"'),
        ('"42.89"', '"92.89"'),
        ('"31.83"', '"91.83"'),
    ],
    "sums over other numbers of reactions": [('FRDist = "84.12"', 'FRDist = "42.12"')],
    "FRRea from too few images": [("every_batch = 25", "every_batch = 5")],
    "a value that the table does not show": [
        ('printed = "0.36"', 'printed = "0.380"'),
        ('printed = "0.38"', 'printed = "0.36"'),
    ],
    "an improvement that is none": [('FRDist = "93.33"', 'FRDist = "83.33"')],
    "a gain that the table does not show": [('percent = "-133"', 'percent = "-57"')],
    "noise of another kind": [('says = "Gaussian"', 'says = "value"\nprinted = "0.1667"')],
}


@pytest.mark.parametrize("check", CHANGES)
def test_a_finding_goes_away_with_the_numbers_it_rests_on(found, check):
    assert of(found, check)
    assert not of(mutated(*CHANGES[check]), check)


def test_a_new_contradiction_is_found():
    after = mutated(('FRCorr = "0.36", FRDist = "98.43"', 'FRCorr = "0.46", FRDist = "98.43"'))
    (rising,) = [each for each in of(after, "a minimum over a subset") if "PerFRDiff [perfrdiff]" in each.rows]
    assert rising.evidence == {"any_reaction": 0.38, "same_listener": 0.46}
    below = mutated(('FRSyn = "39.40"', 'FRSyn = "38.40"'))
    assert "1 rows are below it" in of(below, "FRSyn has a floor")[0].finding


def test_inferences_say_so_and_rows_exist(found):
    ids = {row.id for row in read_published(TEXT).rows}
    for each in found:
        assert each.finding.startswith("Inference: ") is not each.proven
        assert each.rows
        assert set(each.rows) <= ids


def test_the_text_has_every_finding_and_counts_them(found):
    text = audit_text(found)
    assert all(each.check in text for each in found)
    proven = sum(each.proven for each in found)
    assert text.endswith(f"{len(found)} contradictions: {proven} proven, {len(found) - proven} inferred.")
