"""The HTML report: it is self-contained, says the right things, and shows nothing it must not show."""

import re
import struct
import zlib
from base64 import b64decode

import numpy as np
import pytest

import react_eval
from react_eval.report.charts import bands, histogram, lines, raster, scale
from react_eval.report.words import findings, standing

CLIPS, REACTIONS, FRAMES = 12, 4, 120
NEIGHBOURS = np.eye(CLIPS, dtype=bool)
ADDRESS = re.compile(r"https?://(?!www\.w3\.org/2000/svg)|url\(|@import|<link[^>]+href=\"(?!data:)|src=\"(?!data:)")


def moving(seed, shape):
    """Smooth wandering in [0, 1] in every channel."""
    steps = np.random.default_rng(seed).normal(size=shape)
    walk = np.cumsum(steps, axis=-2)
    low, high = walk.min(axis=-2, keepdims=True), walk.max(axis=-2, keepdims=True)
    return ((walk - low) / (high - low)).astype(np.float32)


LISTENERS, SPEAKERS = moving(0, (CLIPS, FRAMES, 25)), moving(1, (CLIPS, FRAMES, 25))
OTHERS = moving(2, (CLIPS, REACTIONS, FRAMES, 25))
FITTING = (0.9 * LISTENERS[:, None] + 0.1 * OTHERS).astype(np.float32)


def scored(predictions, **options):
    given = {"listener": LISTENERS, "speaker": SPEAKERS, "neighbours": NEIGHBOURS, "protocol": "react2024"} | options
    return react_eval.score_arrays(predictions, **given)


def titles(result):
    return [finding.title for finding in findings([result])]


FIT = scored(FITTING, method="fitting")
BROKEN = {
    "Frozen faces": np.full_like(FITTING, 0.3),
    "One reaction, repeated": np.repeat(FITTING[:, :1], REACTIONS, axis=1),
    "Every speaker gets the same reactions": np.repeat(FITTING[:1], CLIPS, axis=0),
    "Faces hardly move": (0.5 + 0.1 * (FITTING - 0.5)).astype(np.float32),
    "Faces are restless": np.random.default_rng(0).choice(np.float32([-1, 2]), FITTING.shape),
    "Fits no better than a copy of the speaker": OTHERS,
    "2 of 25 channels never move": np.concatenate([np.zeros_like(FITTING[..., :2]), FITTING[..., 2:]], axis=-1),
}


@pytest.mark.parametrize("title", BROKEN)
def test_a_broken_model_is_told_what_is_wrong_with_it(title):
    found = {finding.title: finding for finding in findings([scored(BROKEN[title])])}
    assert title in found
    assert title.startswith("2 of") or found[title].level == "warning"


def test_a_sound_model_is_told_of_nothing_broken():
    assert titles(FIT)[0] == "Nothing looks broken"
    assert not set(BROKEN) & set(titles(FIT))


def test_what_is_wrong_comes_first_and_is_said_once_for_all_protocols():
    both = scored(BROKEN["Frozen faces"], protocol=["react2024", "corrected"]).results
    levels = [finding.level for finding in findings(both)]
    assert levels == sorted(levels, key=("warning", "good", "note").index)
    assert [finding.title for finding in findings(both)].count("Frozen faces") == 1


def test_a_late_copy_of_the_speaker_is_told_so():
    late = np.roll(SPEAKERS, 7, axis=1)[:, None]
    told = {finding.title: finding.text for finding in findings([scored(late, protocol="corrected")])}
    assert "7 frames late" in told["A copy of the speaker"]


def test_values_far_outside_their_range_are_a_warning():
    found = {finding.title: finding.level for finding in findings([scored(FITTING * 3)])}
    assert found["Values of expressions leave their range"] == "warning"
    assert "Nothing looks broken" not in found


def test_what_was_not_checked_is_said():
    alone = findings([scored(OTHERS, listener=None, neighbours=None, speaker=None)])
    assert "Whether they fit was not checked" in alone[0].text


def test_standing_places_a_value_between_mimicry_and_real_reactions():
    assert standing(FIT, "FRCorr").endswith("of the way from copying the speaker (B_Mime) to real reactions (GT).")
    assert standing(scored(BROKEN["Frozen faces"]), "FRCorr") == "No better than copying the speaker (B_Mime)."
    assert standing(FIT, "FRSyn").startswith("Copying the speaker scores no worse than real reactions")
    assert standing(FIT, "FRVar").endswith("% of what real listeners show.")
    assert standing(FIT, "FRDiv") == ""


@pytest.mark.parametrize(("predictions", "title"), [(FITTING, "It listens"), (OTHERS, "No sign of listening")])
def test_the_page_tells_whether_a_method_listens(predictions, title):
    given = {"listener": LISTENERS, "speaker": SPEAKERS, "neighbours": NEIGHBOURS}
    found = react_eval.specificity_arrays(predictions, metrics=["FRCorr"], draws=5, **given)
    page = scored(predictions).to_html(specificity=found)
    assert f"<h3>{title}</h3>" in page
    assert "<h2>Does it listen?</h2>" in page


def test_results_of_other_data_are_not_drawn_beside():
    with pytest.raises(react_eval.ReactError, match="results of different data do not compare"):
        FIT.to_html(beside=[scored(OTHERS, listener=SPEAKERS)])


def test_the_page_fetches_nothing():
    assert not ADDRESS.search(FIT.to_html())


def test_the_page_shows_best_median_and_worst_clip_with_all_reactions():
    page = FIT.to_html()
    assert [page.count(f"<h2>{role} clip</h2>") for role in ("Best", "Median", "Worst")] == [1, 1, 1]
    assert page.count('data-series="reaction') == 3 * REACTIONS


def test_examples_are_ranked_and_shown_at_their_nearest():
    best, median, worst = FIT.examples
    means = FIT.per_clip["FRCorr"].values.mean(axis=1)
    assert [example.by_reaction.mean() for example in (best, worst)] == [means.max(), means.min()]
    assert (means < median.by_reaction.mean()).sum() in (CLIPS // 2 - 1, CLIPS // 2)
    assert best.shown == best.by_reaction.argmax()
    assert best.neighbour == best.clip
    assert np.array_equal(best.nearest, LISTENERS[int(best.clip)])


def test_the_public_page_shows_no_clip():
    ids = [f"secret-{number}" for number in range(CLIPS)]
    result = scored(FITTING, clips=ids)
    assert "secret-" in result.to_html()
    page = result.public().to_html()
    assert "secret-" not in page
    assert "<figure" not in page
    assert "nothing here shows a single clip" in page


def test_names_are_escaped():
    name = "<script>alert('&')</script>"
    page = scored(FITTING, method=name, clips=[f"{name}{number}" for number in range(CLIPS)]).to_html()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_several_protocols_share_a_page(tmp_path):
    result = scored(FITTING, protocol=["react2024", "corrected"])
    page = result.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert page.index("react2024@1: scores") < page.index("corrected@1: scores")


def test_other_methods_are_drawn_beside():
    noise = scored(OTHERS, method="noise")
    page = FIT.to_html(beside=[noise])
    assert '<span class="key other1">noise</span>' in page
    assert 'class="outline other1"' in page


@pytest.mark.parametrize("channels", [58, 3])
def test_other_channels_are_shown_as_lines_without_faces(channels):
    series = moving(3, (CLIPS, FRAMES, channels))
    page = scored(series[:, None], listener=series, speaker=None).to_html()
    assert "data-series" not in page
    assert "polyline" in page


@pytest.mark.parametrize("missing", [["neighbours", "listener"], ["speaker"], ["neighbours", "listener", "speaker"]])
def test_a_page_is_made_of_what_there_is(missing):
    page = scored(FITTING, **dict.fromkeys(missing)).to_html()
    assert "<h2>Median clip</h2>" in page


def test_a_page_without_context_is_made():
    assert (
        "B_Mime"
        not in scored(FITTING, context=False).to_html().partition("<h2>Fine print")[0].partition("scores</h2>")[0]
    )


def test_a_streamed_result_without_kept_predictions_has_a_page_without_clips():
    scorer = react_eval.Scorer("react2024", metrics=["FRVar"])
    scorer.update([str(clip) for clip in range(CLIPS)], FITTING)
    result = scorer.compute()
    assert result.examples == ()
    assert "Median clip" not in result.to_html()


def pixels(address):
    """(rows, columns) opacity of a grey-and-opacity PNG."""
    stored = b64decode(address.partition(",")[2])
    columns, rows = struct.unpack(">II", stored[16:24])
    start = stored.index(b"IDAT") + 4
    lines_ = np.frombuffer(zlib.decompressobj().decompress(stored[start:]), np.uint8).reshape(rows, 1 + 2 * columns)
    return lines_[:, 1:].reshape(rows, columns, 2)[..., 1]


def test_a_raster_has_a_row_a_channel_and_a_column_a_frame():
    series = np.array([[0.0, 1.0], [0.5, 2.0], [-1.0, 0.0]])
    assert pixels(raster(series, 0, 1)).tolist() == [[0, 127, 0], [255, 255, 0]]


def test_a_histogram_shows_shares_of_the_known_values():
    assert histogram({"method": np.array([np.nan])}) == ""
    chart = histogram({"method": np.array([0.0, 0.0, 1.0, np.nan])}, whole=(0, 1))
    assert 'd="M0,100V0.0H300.0V50.0H600.0V100"' in chart


def test_a_scale_needs_two_values():
    assert scale({"method": 1.0, "gt": np.nan}) == ""
    assert 'x1="580.0"' in scale({"method": 1.0, "gt": 0.0})
    assert 'x1="300.0"' in scale({"method": 0.5, "gt": 1.0})
    assert 'x1="300.0"' in scale({"method": 0.0, "gt": 0.0})


def test_lines_and_bands_stay_inside_the_chart():
    drawn = lines({"method": np.array([-5.0, 0.0, 5.0])}, -1, 1) + bands(np.array([[-1.0, 2.0], [0.0, 0.0]]), "ab")
    numbers = [
        float(number) for points in re.findall(r'points="([^"]*)"', drawn) for number in re.findall(r"[\d.-]+", points)
    ]
    assert min(numbers) >= 0
    assert max(numbers) <= 600
