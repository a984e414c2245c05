import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from react_data.clip_lists import mirrored, read_data_indices, read_split_list, recording_key, scan_split_list
from react_data.clips import ClipId, match_clip_ids
from react_data.errors import ClipIdError, ClipListError

HEADER = ",speaker_path,listener_path\n"
PART = st.text(st.characters(categories=["L", "N"], include_characters="_-"), min_size=1, max_size=8)


@given(st.lists(PART, min_size=4, max_size=6))
def test_clip_ids_survive_writing_and_reading(parts):
    clip = ClipId.parse("/".join(parts))
    assert str(clip) == "/".join(parts)
    assert ClipId.parse(str(clip)) == clip
    assert clip.session == "/".join(parts[:-2])


@pytest.mark.parametrize("path", ["", "a/b/c", "NoXI//Expert_video/1", "../x/y/1", "NoXI/a/./1", "a\\b/c/d/1"])
def test_what_is_no_clip_id_is_refused(path):
    with pytest.raises(ClipIdError, match="expected SITE/CHAT/PERSON/CLIP"):
        ClipId.parse(path)


@pytest.mark.parametrize(
    ("listed", "alias"),
    [
        ("NoXI/c/Expert_video/1", "NoXI/c/P1/1"),
        ("NoXI/c/Novice_video/1", "NoXI/c/P2/1"),
        ("RECOLA/group-3/P45/2", "RECOLA/group-3/P1/2"),
        ("RECOLA/group-2/P42/2", "RECOLA/group-2/P2/2"),
        ("UDIVA/talk/023102/FC2/8", "UDIVA/talk/023102/P2/8"),
    ],
)
def test_both_person_names_mean_the_same_clip(listed, alias):
    assert str(ClipId.parse(listed).alias) == alias
    assert match_clip_ids([alias, listed], [listed]) == [listed, listed]


def test_rows_come_first_and_their_mirror_images_after(tmp_path):
    path = tmp_path / "val.csv"
    path.write_text(
        HEADER + "0,NoXI/c/Expert_video/1,NoXI/c/Novice_video/1\n4,NoXI/c/Expert_video/2,NoXI/c/Novice_video/2\n"
    )
    directed = [str(clip.speaker) for clip in mirrored(read_split_list(path))]
    assert directed == [f"NoXI/c/{person}/{clip}" for person in ("Expert_video", "Novice_video") for clip in (1, 2)]


def test_a_list_without_listeners_is_not_mirrored(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(",speaker_path\n0,UDIVA/talk/1/FC1/1\n")
    (clip,) = mirrored(read_split_list(path))
    assert clip.listener is None


def test_all_malformed_rows_are_reported_and_the_others_are_usable(tmp_path):
    path = tmp_path / "val.csv"
    path.write_text(
        HEADER + "0,NoXI/c/Expert_video/1,NoXI/c/Novice_video/1\n1,NoXI/c/1,NoXI/c/2\n"
        "2,NoXI/c/Expert_video/2,NoXI/d/Novice_video/2\n3,NoXI/c/Expert_video/3,NoXI/c/Expert_video/3\n"
        "4,NoXI/c/Novice_video/1,NoXI/c/Expert_video/1\n5,NoXI/c/Expert_video/4,\n"
    )
    rows, problems = scan_split_list(path)
    assert [row.speaker.recording for row in rows] == ["NoXI/c/1"]
    assert len(problems) == 5
    with pytest.raises(
        ClipListError, match=r"line 3.*line 4.*different.*line 5.*line 7.*no listener.*NoXI/c/1 is listed 2"
    ):
        read_split_list(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "does not exist"),
        ("", "not a csv list"),
        (HEADER, "a header and no rows"),
        ("a,b\n1,2\n", "not speaker_path"),
        (b"\xff\xfe\x00,speaker_path\n", "not a csv list"),
    ],
)
def test_unusable_lists_say_why(tmp_path, content, reason):
    path = tmp_path / "val.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ClipListError, match=reason):
        read_split_list(path)


def test_a_repeated_recording_of_the_matrix_order_is_refused(tmp_path):
    path = tmp_path / "data_indices.csv"
    path.write_text("site,chat_index,clip_index\nRecola,group-1,1\nRECOLA,group-1,1\n")
    with pytest.raises(ClipListError, match="RECOLA/group-1/1"):
        read_data_indices(path)


def test_the_challenge_lists_have_the_known_counts(real):
    splits = {split: read_split_list(real / "lists" / f"{split}.csv") for split in ("train", "val")}
    counts = {
        split: [sum(row.speaker.site == site for row in rows) for site in ("NoXI", "RECOLA", "UDIVA")]
        for split, rows in splits.items()
    }
    assert counts == {"train": [1584, 9, 1041], "val": [553, 9, 277]}
    assert len(mirrored(splits["train"])) == 2 * 2634


def test_the_challenge_index_holds_every_listed_recording_once_and_835_more(real):
    positions = read_data_indices(real / "lists" / "data_indices.csv")
    sites = pd.Series([key.split("/")[0] for key in positions]).value_counts().to_dict()
    assert sites == {"NOXI": 2935, "UDIVA": 1346, "RECOLA": 27}
    listed = [
        recording_key(row.speaker)
        for split in ("train", "val")
        for row in read_split_list(real / "lists" / f"{split}.csv")
    ]
    assert len(set(listed)) == len(listed) == 2634 + 839
    left = set(positions) - set(listed)
    assert set(listed) <= set(positions)
    assert "NOXI/046_2016-04-07_Nottingham/10" in left
    assert len(left) == 834 + 1


def test_the_running_index_of_the_challenge_has_gaps(real):
    index = pd.read_csv(real / "lists" / "train.csv").iloc[:, 0]
    assert index.iloc[-1] == 2694 > len(index)
    assert (index.diff().dropna() > 1).sum() == 6
