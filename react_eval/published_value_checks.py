"""Checks of values: minima over subsets, floors, scales, values that two rows share and should not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from react_eval.published_audit import Contradiction, inference, proof
from react_eval.published_label_checks import labelled, listed
from react_eval.published_loading import PublishedData
from react_eval.published_rows import PublishedRow

__all__ = ["VALUE_CHECKS"]

_LARGEST_LAG = 49
_CHANCE_LAG = 2 * sum(range(_LARGEST_LAG + 1)) / (2 * _LARGEST_LAG + 1)
_EQUAL_DIVERSITY = 7e-4
_APPROPRIATENESS = ("FRCorr", "FRDist")
_DIVERSITY = ("FRDiv", "FRVar", "FRDvs")


def _minimum_over_a_subset(data: PublishedData) -> Iterator[Contradiction]:
    """The neighbours of the same listener are among all neighbours, so on the same clips no nearest one is nearer."""
    for any_, own in ((a, b) for a in data.rows for b in data.rows if _same_but(a, b, "task")):
        if (any_.task, own.task) != ("mafrg", "pmafrg"):
            continue
        for metric, sign in (("FRDist", 1), ("FRCorr", -1)):
            if metric in any_ and metric in own and sign * own[metric] < sign * any_[metric]:
                kind = "minimum over fewer neighbours cannot fall" if sign > 0 else "maximum over fewer cannot rise"
                finding = (
                    f"A {kind}: {own.name} has {metric} {any_[metric]:g} for any appropriate reaction and "
                    f"{own[metric]:g} for those of the same listener, which are among them. The clips or the "
                    "appropriateness matrix differ, or one is a misprint."
                )
                evidence = {"any_reaction": any_[metric], "same_listener": own[metric]}
                yield proof("a minimum over a subset", [any_, own], finding, **evidence)


def _value_carried_over(data: PublishedData) -> Iterator[Contradiction]:
    for one, other in combinations(data.rows, 2):
        both = [row for row in (one, other) if "FRRea" in row and "FRCorr" in row]
        if len(both) < 2 or not _same_but(one, other, "source") or one["FRRea"] != other["FRRea"]:
            continue
        if one["FRCorr"] != other["FRCorr"]:
            finding = (
                f"{one.id} and {other.id} both print FRRea {one['FRRea']:g}, but FRCorr {one['FRCorr']:g} and "
                f"{other['FRCorr']:g}. Other predictions do not give the same FRRea to the last digit, so one value "
                "was probably carried over."
            )
            evidence = {"FRRea": one["FRRea"], "FRCorr_1": one["FRCorr"], "FRCorr_2": other["FRCorr"]}
            yield inference("a value carried over", [one, other], finding, **evidence)


def _several_sets(data: PublishedData) -> Iterator[Contradiction]:
    """Rows of one system on one split that no difference on record explains."""
    told = [row for row in data.rows if row.kind == "system" and all(name in row for name in _APPROPRIATENESS)]
    pairs = [(a, b) for a, b in combinations(told, 2) if _same_but(a, b, "source") and _differ(a, b)]
    for system in dict.fromkeys(one.system for one, _ in pairs):
        rows = [row for row in told if any(row in pair for pair in pairs if pair[0].system == system)]
        sets = "; ".join(f"{row.id}: {listed(_values(row))}" for row in rows)
        finding = (
            f"{system} goes by one name with numbers that are not of one system: {sets}. Edition, weights or scoring "
            "differ, and no row says which."
        )
        evidence = {f"{row.id} {name}": row[name] for row in rows for name in _APPROPRIATENESS}
        yield proof("one system, several sets of numbers", rows, finding, **evidence)


def _equal_diversity(data: PublishedData) -> Iterator[Contradiction]:
    """Sets of numbers whose diversity agrees to rounding, and whose appropriateness does not."""
    told = [row for row in data.rows if row.kind == "system" and all(name in row for name in _DIVERSITY)]
    for name in dict.fromkeys(row.system for row in told):
        rows = [row for row in told if row.system == name]
        alike = [row for row in rows if any(_alike(row, other) for other in rows if other is not row)]
        if not alike:
            continue
        sets = "; ".join(f"{row.id}: {listed(_values(row))}" for row in alike)
        apart = max(abs(a[each] - b[each]) for a in alike for b in alike for each in _DIVERSITY)
        outside = _outside(alike)
        finding = (
            f"{len(alike)} sets of numbers of {name} agree in FRDiv, FRVar and FRDvs to {apart:.4f}, over different "
            f"splits too, but not in FRCorr and FRDist: {sets}.{outside} That the same predictions were scored in "
            "different ways is a guess."
        )
        yield inference("equal diversity, other appropriateness", alike, finding, largest_difference=apart)


def _outside(rows: Sequence[PublishedRow]) -> str:
    """Which row lies outside the others' range in both FRCorr and FRDist, on the worse side."""
    worst = min(rows, key=lambda row: row["FRCorr"])
    if len(rows) > 2 and worst is max(rows, key=lambda row: row["FRDist"]):
        return f" {worst.source.key} is below all others in FRCorr and above them in FRDist."
    return ""


def _off_scale(data: PublishedData) -> Iterator[Contradiction]:
    told = [row for row in data.rows if row.space == "emotion-25" and row.reactions == 10 and row.task == "mafrg"]
    told = [row for row in told if all(name in row for name in _APPROPRIATENESS)]
    for source in dict.fromkeys(row.source.key for row in told):
        found: dict[PublishedRow, float] = {}
        for row in (each for each in told if each.source.key == source):
            near = [each for each in told if each.source.key != source and abs(each["FRCorr"] - row["FRCorr"]) < 0.05]
            least = min((each["FRDist"] for each in near), default=0.0)
            if row["FRDist"] < least / 2:
                found[row] = least
        if found:
            each = "; ".join(
                f"{row.name}: {row['FRDist']:g} against at least {least:g}" for row, least in found.items()
            )
            finding = (
                f"{source} prints FRDist below half of anything that other sources print at an FRCorr within 0.05: "
                f"{each}. Another clip length, number of reactions or distance, or an error."
            )
            evidence = {row.cited: row["FRDist"] / least for row, least in found.items()}
            yield inference("FRDist off scale", list(found), finding, **evidence)


def _clips_do_not_matter(data: PublishedData) -> Iterator[Contradiction]:
    """For exchangeable reactions, (FRDvs − FRDiv) / 2 is the variance that the clip explains; see FRDvs ≥ FRDiv."""
    found = {row: _explained(row) for row in data.rows if row.kind != "naive" and abs(_explained(row)) < 0.01}
    if found:
        told = "; ".join(f"{row.id}: {share:+.1%}" for row, share in found.items())
        finding = (
            "FRDiv is FRDvs within 1 %, so the clip explains next to nothing of what reactions are (share of the "
            f"variance: {told}). Either these generators hardly react to the speaker, or reactions to different clips "
            "were scored as reactions to one, which gives just this."
        )
        yield inference("FRDiv equals FRDvs", list(found), finding, **{row.id: share for row, share in found.items()})


def _explained(row: PublishedRow) -> float:
    values = labelled(row, ("FRDiv", "FRDvs"))
    return 1 - values["FRDiv"] / values["FRDvs"] if len(values) == 2 and values["FRDvs"] > 0.005 else 1.0


def _exactly_49(data: PublishedData) -> Iterator[Contradiction]:
    """|lag| is an integer, 49 at most: where the mean is 49 − h or more, at most a share h of the clips is below 49."""
    told = [row for row in data.rows if row.protocol != "reactface" and "FRSyn" in row]
    for system in dict.fromkeys(row.system for row in told):
        rows = [row for row in told if row.system == system]
        full = [row for row in rows if row["FRSyn"] == _LARGEST_LAG and any(labelled(row, ("FRVar",)).values())]
        if not full:
            continue
        least = min(row["FRSyn"] for row in rows)
        others = f" Other rows of {system} print {least:g} and more." if least < _LARGEST_LAG else ""
        shares = {row.id: 1 - 0.5 * 10.0 ** -len(row.shown("FRSyn").partition(".")[2]) for row in full}
        told_shares = "; ".join(f"{row.id} prints {row.shown('FRSyn')}: {shares[row.id]:.1%}" for row in full)
        finding = (
            f"{_LARGEST_LAG} is the largest FRSyn there is, so at least this part of the clips scored 49: "
            f"{told_shares}. A clip does where a channel never varies, such as a rounded action unit; the value then "
            f"says nothing about synchrony.{others}"
        )
        yield proof("FRSyn exactly 49", full, finding, **shares)


def _floor(data: PublishedData) -> Iterator[Contradiction]:
    """B_Mime is at lag 0 wherever FRSyn is defined, and scores 49 elsewhere: its FRSyn is 49·p for a share p of
    undefined clips. A speaker's constant channel makes a clip undefined for every method, so no method is below 49·p;
    noise is at a random lag where defined: 49·p + 24.7·(1−p), which the printed noise confirms or not.
    """
    for mime in (row for row in data.rows if row.system == "B_Mime" and "FRSyn" in row and row.split != "unknown"):
        share = mime["FRSyn"] / _LARGEST_LAG
        same = [row for row in data.rows if _same_scoring(row, mime) and "FRSyn" in row]
        noise = [row["FRSyn"] for row in same if row.system == "B_Random"]
        if not noise:
            continue
        expected = _LARGEST_LAG * share + _CHANCE_LAG * (1 - share)
        lags = {row: (row["FRSyn"] - mime["FRSyn"]) / (1 - share) for row in same if row.kind != "naive"}
        near = {row: lag for row, lag in lags.items() if lag < _CHANCE_LAG / 4}
        below = [row for row, lag in lags.items() if lag < 0]
        told = "; ".join(f"{row.id} {row['FRSyn']:g} = {lag:.1f} frames there" for row, lag in near.items())
        finding = (
            f"on {mime.split}, B_Mime's FRSyn {mime['FRSyn']:g} tells that {share:.1%} of the clips score 49 whatever "
            f"a method does; uniform noise would then have {expected:.2f}, and {noise[0]:g} is printed. So "
            f"{mime['FRSyn']:g} is a floor, {len(below)} rows are below it, and differences count what happens in "
            f"{1 - share:.1%} of the clips only." + (f" Close to it: {told}." if near else "")
        )
        evidence = {"share_undefined": share, "noise_expected": expected, "noise_printed": noise[0]}
        yield inference("FRSyn has a floor", [mime, *near], finding, **evidence)


def _fewer_reactions(data: PublishedData) -> Iterator[Contradiction]:
    told = [row for row in data.rows if row.reactions and all(row.get(name) for name in _APPROPRIATENESS)]
    for few in told:
        more = [row for row in told if row.system == few.system and _count(row) > _count(few) and not row.variant]
        same = [row for row in more if all(abs(few[name] / row[name] - 1) < 0.04 for name in _APPROPRIATENESS)]
        if not same:
            continue
        many = same[0]
        finding = (
            f"{few.id} sums over {few.reactions} reactions and prints {listed(_values(few))}; "
            f"{', '.join(row.id for row in same)} sum over {many.reactions} and print {listed(_values(many))}, the "
            f"same within 4 %. For the same quality sums differ {_count(many) / _count(few):g}-fold: the two do not "
            "compare, or the number of reactions is not what it says."
        )
        evidence = {f"FRDist a reaction of {_count(row)}": row["FRDist"] / _count(row) for row in (few, many)}
        yield inference("sums over other numbers of reactions", [few, *same], finding, **evidence)


def _count(row: PublishedRow) -> int:
    return row.reactions or 0


def _frames_of_frrea(data: PublishedData) -> Iterator[Contradiction]:
    """A covariance of n images has rank n − 1 at most; Fréchet distances from fewer images than features are biased."""
    told = data.rendered_frames
    batches = -(-told["test_clips"] // (told["batch"] * told["every_batch"]))
    images = batches * told["batch"] * (told["clip_frames"] // told["every_frame"])
    rows = [row for row in data.rows if "FRRea" in row]
    if images < told["feature_dimensions"] and rows:
        finding = (
            f"FRRea compares covariances of {told['feature_dimensions']} features, but rendering every "
            f"{told['every_frame']}th frame of every {told['every_batch']}th batch of {told['batch']} gives only "
            f"{images} test images, so they are of rank {images - 1} at most. None of the {len(rows)} rows states "
            "its number of images, so values of other batch or worker settings do not compare."
        )
        yield proof("FRRea from too few images", rows, finding, images=images, rows=len(rows))


def _more_real_than_reality(data: PublishedData) -> Iterator[Contradiction]:
    for real in (row for row in data.rows if row.system == "GT" and "FRRea" in row):
        same = [
            row for row in data.rows if _same_scoring(row, real) and "FRRea" in row and row["FRRea"] < real["FRRea"]
        ]
        if same:
            told = "; ".join(f"{row.id} {row['FRRea']:g}" for row in same)
            finding = (
                f"real reactions, rendered, have FRRea {real['FRRea']:g} ({real.source.key}), but generated ones are "
                f"printed as nearer to real frames: {told}. Frames or settings differ, since nothing generated should "
                "be more real than reality."
            )
            yield inference("more real than real reactions", [real, *same], finding, GT=real["FRRea"])


def _values(row: PublishedRow) -> dict[str, float]:
    return {name: row[name] for name in _APPROPRIATENESS}


def _differ(one: PublishedRow, other: PublishedRow) -> bool:
    return any(abs(one[name] / other[name] - 1) > 0.01 for name in _APPROPRIATENESS)


def _alike(one: PublishedRow, other: PublishedRow) -> bool:
    close = all(abs(one[name] - other[name]) < _EQUAL_DIVERSITY for name in _DIVERSITY)
    return close and one["FRDiv"] > 10 * _EQUAL_DIVERSITY and one.variant == other.variant and _differ(one, other)


def _same_scoring(one: PublishedRow, other: PublishedRow) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ("protocol", "split", "space", "task"))


def _same_but(one: PublishedRow, other: PublishedRow, what: str) -> bool:
    """Whether two rows differ in one respect (and in the protocol that goes with a task), as far as is on record."""
    names = [name for name in ("system", "variant", "split", "task", "source", "space", "reactions") if name != what]
    tracks = {one.track, other.track} - {"unknown"}
    apart = getattr(one, what) != getattr(other, what)
    return apart and len(tracks) < 2 and all(getattr(one, name) == getattr(other, name) for name in names)


VALUE_CHECKS = (
    _minimum_over_a_subset,
    _off_scale,
    _exactly_49,
    _floor,
    _clips_do_not_matter,
    _equal_diversity,
    _several_sets,
    _value_carried_over,
    _fewer_reactions,
    _frames_of_frrea,
    _more_real_than_reality,
)
"""The checks of this module, in the order in which they are told."""
