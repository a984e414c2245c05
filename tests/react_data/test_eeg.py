"""EEG of MARS: a row a second, what was not measured stays so, from files or from one archive."""

import io
import shutil
import tarfile

import numpy as np
import pytest

import react_data
from react_data import eeg as eeg_module
from react_data.eeg import EEG_CHANNELS, eeg_by_frame, read_eeg
from react_data.errors import RecordingFormatError
from react_data.mars_tree import MarsTree
from react_data.modalities import ModalityError
from react_data.opening import find_layout, open_split
from react_data.ragged import clip_series

HEADER = ",".join(EEG_CHANNELS)
ROW = [800.0, 810.0, 820.0, 830.0, *(0.1 * n for n in range(10))]
SCALED = np.array([0.8, 0.81, 0.82, 0.83, *(0.1 * n for n in range(10))], np.float32)


def line(values):
    return ",".join(map(str, values))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    options = {"recordings": 8, "frames": 150, "modalities": ["emotion", "eeg"], "splits": ["train", "val"]}
    return react_data.synthesise(tmp_path_factory.mktemp("eeg") / "data", layout="react2026", **options)


@pytest.fixture
def copy(tree, tmp_path):
    return shutil.copytree(tree, tmp_path / "data")


@pytest.fixture
def packed(copy):
    """A tree whose validation EEG lies in one archive; packs it anew from what is in the folder."""

    def pack(change=lambda archive: None):
        folder = copy / "val" / "eeg_processed"
        with tarfile.open(folder.with_name("eeg_processed.tar.gz"), "w:gz") as archive:
            archive.add(folder, "eeg_processed")
            change(archive)
        shutil.rmtree(folder)
        return copy

    return pack


def test_potentials_are_divided_and_blanks_stay_missing(tmp_path):
    blank = "," * (len(EEG_CHANNELS) - 1)
    partly = line(["nan", "", *ROW[2:]])
    (tmp_path / "eeg.csv").write_text("\n".join([HEADER, line(ROW), blank, partly]))
    values = read_eeg(tmp_path / "eeg.csv")
    np.testing.assert_allclose(values[0], SCALED, rtol=1e-6)
    assert np.isnan(values[1]).all()
    assert np.isnan(values[2]).tolist() == [True, True, *[False] * 12]


def test_channels_are_found_by_their_names(tmp_path):
    (tmp_path / "eeg.csv").write_text("\n".join([",".join(EEG_CHANNELS[::-1]), line(ROW[::-1])]))
    np.testing.assert_allclose(read_eeg(tmp_path / "eeg.csv")[0], SCALED, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not a csv with a header"),
        (HEADER, "is not a csv with a header"),
        ("a,b\n1,2", "has 2 columns in its header and 2 in its rows, expected 14: TP9"),
        (f"{HEADER}\n1,{line(ROW)}", "has 14 columns in its header and 15 in its rows"),
        (f"{HEADER}\n{line(['x', *ROW[1:]])}", "is not a csv with a header and rows of numbers"),
        (f"{HEADER}\n{line(ROW)}\n{line([*ROW[:-1], 'inf'])}", "1 infinite values, the first in second 1, Gamma_TP10"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "eeg.csv").write_text(content)
    with pytest.raises(RecordingFormatError, match=message):
        read_eeg(tmp_path / "eeg.csv")


def test_a_split_opens_with_eeg(tree):
    opened = open_split(tree, "val", modalities=["emotion", "eeg"])
    assert opened["speaker_eeg"].dims == ("speaker_eeg_row", "eeg")
    assert opened["eeg"].values.tolist() == list(EEG_CHANNELS)
    assert opened["speaker_eeg"].attrs["rows_per_second"] == 1
    assert "divided by 1000" in opened["speaker_eeg"].attrs["scaling"]
    files = [path for _, path in MarsTree(tree, "val").files("eeg")["listener"]]
    for path, series in zip(files, clip_series(opened, "listener_eeg"), strict=True):
        assert np.array_equal(series, read_eeg(path), equal_nan=True)
    assert np.isnan(open_split(tree, "train", modalities=["eeg"])["speaker_eeg"]).any()
    assert "speaker_eeg" not in open_split(tree, "val")


def test_an_archive_gives_the_same(tree, packed):
    plain = open_split(tree, "val", modalities=["emotion", "eeg"])
    root = packed()
    assert find_layout(root).name == "react2026"
    again = open_split(root, "val", modalities="all")
    assert plain.load().equals(again.load())
    assert again.attrs["layout"] == "react2026"


def test_an_archive_inside_the_folder_is_found(tree, packed):
    root = packed()
    folder = root / "val" / "eeg_processed"
    folder.mkdir()
    shutil.move(root / "val" / "eeg_processed.tar.gz", folder / "all.tar.gz")
    names = ["speaker_eeg", "listener_eeg"]
    assert open_split(root, "val", modalities=["eeg"])[names].equals(open_split(tree, "val", modalities=["eeg"])[names])


def test_a_split_without_eeg_goes_by_one_direction_as_the_others_do(tree, copy):
    shutil.rmtree(copy / "val" / "eeg_processed")
    opened = open_split(copy, "val")
    assert opened["clip"].equals(open_split(tree, "val")["clip"])
    with pytest.raises(ModalityError, match=r"has no 'eeg'\. Available: emotion\."):
        open_split(copy, "val", modalities=["eeg"])


def test_missing_files_are_named_by_clip(copy):
    file = next((copy / "val" / "eeg_processed").rglob("*.csv"))
    file.unlink()
    with pytest.raises(RecordingFormatError, match=rf"1 EEG files .*session\d/{file.stem}/\w+: .*{file.name} does not"):
        open_split(copy, "val", modalities=["eeg"])


def test_a_member_that_is_missing_is_named(copy, packed):
    file = next((copy / "val" / "eeg_processed").rglob("*.csv"))
    file.unlink()
    with pytest.raises(RecordingFormatError, match=rf"holds no \w+/session\d/{file.name}"):
        open_split(packed(), "val", modalities=["eeg"])


def test_links_and_repeated_members_are_refused(copy, packed):
    file = next((copy / "val" / "eeg_processed").rglob("*.csv"))
    name = file.relative_to(copy / "val").as_posix()
    file.unlink()

    def link(archive):
        member = tarfile.TarInfo(name)
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(member)

    with pytest.raises(RecordingFormatError, match="is a link or no file"):
        open_split(packed(link), "val", modalities=["eeg"])


def test_a_member_that_comes_twice_is_refused(copy, packed):
    file = next((copy / "val" / "eeg_processed").rglob("*.csv"))
    content = file.read_bytes()

    def repeat(archive):
        member = tarfile.TarInfo(f"other/{'/'.join(file.parts[-3:])}")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))

    with pytest.raises(RecordingFormatError, match="comes twice"):
        open_split(packed(repeat), "val", modalities=["eeg"])


def test_archives_are_bounded(packed, monkeypatch):
    root = packed()
    with monkeypatch.context() as patch:
        patch.setattr(eeg_module, "_LARGEST_ARCHIVE", 20_000)
        with pytest.raises(RecordingFormatError, match="unpacks to over 20000 bytes"):
            open_split(root, "val", modalities=["eeg"])
    monkeypatch.setattr(eeg_module, "_LARGEST_FILE", 100)
    with pytest.raises(RecordingFormatError, match="too many for a clip's EEG"):
        open_split(root, "val", modalities=["eeg"])


def test_a_truncated_archive_is_refused(packed):
    root = packed()
    archive = root / "val" / "eeg_processed.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(RecordingFormatError, match=r"is no complete tar\.gz"):
        open_split(root, "val", modalities=["eeg"])


def test_two_archives_are_refused(packed):
    root = packed()
    (root / "val" / "eeg_processed").mkdir()
    shutil.copy(root / "val" / "eeg_processed.tar.gz", root / "val" / "eeg_processed" / "b.tar.gz")
    with pytest.raises(RecordingFormatError, match="several archives of EEG"):
        open_split(root, "val", modalities=["eeg"])


def test_a_frame_takes_the_row_of_its_second():
    seconds = np.array([[1.0, 5.0], [np.nan, 6.0], [3.0, np.nan]], np.float32)
    values, measured = eeg_by_frame(seconds, frames=100, frames_per_second=30)
    assert values[[0, 29, 30, 59, 60, 89, 90], 0].tolist() == [1, 1, 0, 0, 3, 3, 0]
    assert measured[[0, 30, 60, 90]].tolist() == [[True, True], [False, True], [True, False], [False, False]]
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


@pytest.mark.parametrize("arguments", [(np.zeros(3), 5, 30), (np.zeros((3, 1)), 0, 30), (np.zeros((3, 1)), 5, 0)])
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(RecordingFormatError, match="expected"):
        eeg_by_frame(*arguments)
