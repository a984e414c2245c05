"""Files that must be refused: damaged, mistaken, or built to do harm; each with the message to expect."""

import copy
import gzip
import io
import json
import os
import pickle
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

CLIPS = [f"RECOLA/group-2/P41/{n}" for n in range(3)]
PREDICTION = np.random.default_rng(0).random((3, 2, 8, 25), dtype=np.float32)
TERA_SHAPE = (2**24, 10, 750, 25)


@dataclass(frozen=True)
class HostileFile:
    name: str
    build: Callable[[Path], None]
    match: str

    @property
    def label(self) -> str:
        return self.build.__name__


HOSTILE_FILES: list[HostileFile] = []


def hostile(name: str, match: str):
    def register(build: Callable[[Path], None]) -> Callable[[Path], None]:
        HOSTILE_FILES.append(HostileFile(name, build, match))
        return build

    return register


class Harmful:
    """Unpickling this would make a folder beside the file; tests check that none appears."""

    def __reduce__(self):
        return os.mkdir, ("was-unpickled",)


# npy -------------------------------------------------------------------------------------------------------------


def npy_header(shape, descr="<f4", fortran=False) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_2_0(stream, {"descr": descr, "fortran_order": fortran, "shape": shape})
    return stream.getvalue()


@hostile("p.npy", "Python pickle, which can run any program")
def raw_pickle(path):
    path.write_bytes(pickle.dumps(Harmful()))


@hostile("p.npy", "holds Python objects.*Stack the clips into one float32 array")
def object_array(path):
    np.save(path, np.array([Harmful(), [1, 2]], dtype=object), allow_pickle=True)


@hostile("p.npy", r"announces shape \(16777216, 10, 750, 25\) of float32, which is 12.6 TB, but 100 bytes follow")
def npy_claims_terabytes(path):
    path.write_bytes(npy_header(TERA_SHAPE) + bytes(100))


@hostile("p.npy", "was cut short, or its header lies")
def npy_truncated(path):
    np.save(path, PREDICTION)
    os.truncate(path, path.stat().st_size - 1000)


@hostile("p.npy", "holds more than its header says")
def npy_with_trailing_bytes(path):
    np.save(path, PREDICTION)
    path.write_bytes(path.read_bytes() + b"more")


@hostile("p.npy", "holds records with the fields au, va")
def npy_records(path):
    np.save(path, np.zeros(3, dtype=[("au", "f4"), ("va", "f4")]))


@hostile("p.npy", "values of type int64, expected float32. Integers are nearly always a mistake")
def npy_integers(path):
    np.save(path, np.zeros(PREDICTION.shape, np.int64))


@hostile("p.npy", "values of type bool")
def npy_booleans(path):
    np.save(path, PREDICTION > 0.5)


@hostile("p.npy", "values of type complex64")
def npy_complex(path):
    np.save(path, PREDICTION.astype(np.complex64))


@hostile("p.npy", "values of type str")
def npy_text(path):
    np.save(path, np.array(["a", "b"]))


@hostile("p.npy", r"shape \(3, 8, 25\), expected four axes .*preds\[:, None\]")
def npy_three_axes(path):
    np.save(path, PREDICTION[:, 0])


@hostile("p.npy", "an axis is empty")
def npy_empty_axis(path):
    np.save(path, PREDICTION[:0])


@hostile("p.npy", r"has shape \(\), expected four axes")
def npy_scalar(path):
    np.save(path, np.float32(1))


@hostile("p.npy", "malformed .npy header")
def npy_header_of_code(path):
    text = b"__import__('os').mkdir('was-unpickled')\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)


@hostile("p.npy", "malformed .npy header")
def npy_header_too_long(path):
    path.write_bytes(b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little") + b"(" * 100_000)


@hostile("p.npy", r"its shape is \(-3, 2, 8, 25\)")
def npy_negative_shape(path):
    path.write_bytes(npy_header((-3, 2, 8, 25)))


@hostile("p.npy", r"has the .npy version \(9, 9\)")
def npy_of_the_future(path):
    path.write_bytes(b"\x93NUMPY\x09\x09" + bytes(100))


# archives --------------------------------------------------------------------------------------------------------


def npy_bytes(values) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(values), allow_pickle=True)
    return stream.getvalue()


def write_zip(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)


@hostile("p.npz", "'prediction' holds Python objects")
def npz_object_array(path):
    np.savez(path, prediction=np.array([Harmful(), 1], dtype=object))


@hostile("p.npz", "'clip' holds Python objects. Save the ids as numpy.array")
def npz_object_clip_ids(path):
    np.savez(path, prediction=PREDICTION, clip=np.array(CLIPS, dtype=object))


@hostile("p.npz", "'clip' holds values of type int64. Save the ids as")
def npz_number_clip_ids(path):
    np.savez(path, prediction=PREDICTION, clip=np.arange(3))


@hostile("p.npz", "clip has 2 entries, expected one for each of 3")
def npz_too_few_clip_ids(path):
    np.savez(path, prediction=PREDICTION, clip=np.array(CLIPS[:2]))


@hostile("p.npz", "cut short or damaged")
def npz_truncated(path):
    np.savez(path, prediction=PREDICTION)
    os.truncate(path, path.stat().st_size - 200)


@hostile("p.npz", "decodes from .* kB to .* MB, more than 2500 times as much, as a bomb does")
def npz_overlapping_members(path):
    zeros = npy_header((1, 10, 10_500, 25)) + bytes(4 * 10 * 10_500 * 25)
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("prediction.npy", zeros)
        for number in range(50):
            again = copy.copy(archive.filelist[0])
            again.filename = f"again{number}.npy"
            archive.filelist.append(again)


@hostile("p.npz", "no array 'prediction' or 'prediction_3dmm'; it has prediction, note.npy. Members .* end in .npy")
def npz_prediction_without_suffix(path):
    write_zip(path, [("prediction", npy_bytes(PREDICTION)), ("note.npy", npy_bytes(PREDICTION))])


@hostile("p.npz", r"clip\[1\] .* cannot be printed")
def npz_clip_ids_for_a_terminal(path):
    np.savez(path, prediction=PREDICTION, clip=np.array(["a", "b\x1b[2Jvalid", "c"]))


@hostile("p.npz", "array 'clip' was cut short, or its header lies: the header announces")
def npz_clip_ids_claim_gigabytes(path):
    header = npy_header((2**30,), "<U500")
    write_zip(path, [("prediction.npy", npy_bytes(PREDICTION)), ("clip.npy", header + bytes(100))])


@hostile("p.npz", "damaged or lies about its size")
def npz_directory_lies(path):
    write_zip(path, [("prediction.npy", npy_bytes(PREDICTION))], compression=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 24
    content[at : at + 4] = (2000).to_bytes(4, "little")
    path.write_bytes(content)


@hostile("p.npz", "unpacks to .* at most")
def npz_declares_a_petabyte(path):
    write_zip(path, [("prediction.npy", npy_bytes(PREDICTION))])
    with zipfile.ZipFile(path, "a") as archive:
        archive.getinfo("prediction.npy").file_size = 2**50
        archive.comment = b"rewrite the directory"


@hostile("p.npz", "'../prediction.npy' has a path that leads out of it")
def npz_path_traversal(path):
    write_zip(path, [("../prediction.npy", npy_bytes(PREDICTION))])


@hostile("p.npz", "'/etc/prediction.npy' has a path that leads out of it")
def npz_absolute_path(path):
    write_zip(path, [("/etc/prediction.npy", npy_bytes(PREDICTION))])


@hostile("p.npz", "members more than once: prediction.npy")
def npz_duplicate_member(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("prediction.npy", npy_bytes(PREDICTION))
        archive.writestr("Prediction.npy", npy_bytes(PREDICTION))


@hostile("p.npz", "'prediction.npy' is encrypted")
def npz_encrypted(path):
    write_zip(path, [("prediction.npy", npy_bytes(PREDICTION))])
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


@hostile("p.npz", "'inner.zip' is an archive itself")
def npz_nested_archive(path):
    write_zip(path, [("prediction.npy", npy_bytes(PREDICTION)), ("inner.zip", b"PK\x05\x06" + bytes(18))])


@hostile("p.npz", "has 150 members; at most 100 are read")
def npz_many_members(path):
    write_zip(path, [(f"a{n}.npy", b"") for n in range(150)])


@hostile("p.npz", "'prediction.npy' is a symbolic link")
def npz_symbolic_link(path):
    link = zipfile.ZipInfo("prediction.npy")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")


@hostile("p.npz", "holds folders .runs/prediction.npy")
def npz_folder(path):
    write_zip(path, [("runs/prediction.npy", npy_bytes(PREDICTION))])


@hostile("p.npz", "is compressed with method 12")
def npz_bzip2(path):
    write_zip(path, [("prediction.npy", npy_bytes(PREDICTION))], compression=zipfile.ZIP_BZIP2)


@hostile("p.npz", "no array 'prediction' or 'prediction_3dmm'; it has predictions")
def npz_misnamed_array(path):
    np.savez(path, predictions=PREDICTION)


@hostile("p.npz", "'prediction.npy' is damaged or lies about its size .Bad CRC")
def npz_wrong_checksum(path):
    write_zip(path, [("prediction.npy", npy_bytes(PREDICTION))])
    content = bytearray(path.read_bytes())
    content[1000] ^= 0xFF
    path.write_bytes(content)


@hostile("p.npz", "differ in clips")
def npz_two_numbers_of_clips(path):
    np.savez(path, prediction=PREDICTION, prediction_3dmm=np.zeros((2, 2, 8, 58), np.float32))


@hostile("p.zip", "a zip archive of 1 files .submission.h5.*not packed")
def zipped_submission(path):
    write_zip(path, [("submission.h5", b"...")])


@hostile("p.zip", "a zip archive of 0 files")
def empty_archive(path):
    write_zip(path, [])


# HDF5 ------------------------------------------------------------------------------------------------------------


def write_h5(path, *, prediction=True, clip=CLIPS, **options):
    with h5py.File(path, "w", **options) as file:
        if prediction:
            file["prediction"] = PREDICTION
        if clip is not None:
            file["clip"] = clip
    return path


def changed_h5(path, **options):
    return h5py.File(write_h5(path, **options), "a")


@hostile("p.h5", "HDF5 file that was cut short or damaged .*truncated")
def h5_truncated(path):
    write_h5(path)
    os.truncate(path, path.stat().st_size - 3000)


@hostile("p.h5", "'other' is a link to another file")
def h5_external_link(path):
    with changed_h5(path) as file:
        file["other"] = h5py.ExternalLink("/etc/passwd", "/")


@hostile("p.h5", "'prediction' is a link to another file")
def h5_external_prediction(path):
    with changed_h5(path, prediction=False) as file:
        file["prediction"] = h5py.ExternalLink("secret.h5", "/prediction")


@hostile("p.h5", "'prediction' is a soft link")
def h5_soft_link(path):
    with changed_h5(path, prediction=False) as file:
        file["values"] = PREDICTION
        file["prediction"] = h5py.SoftLink("/values")


@hostile("p.h5", "'prediction' keeps its values in an external file")
def h5_external_storage(path):
    with changed_h5(path, prediction=False) as file:
        file.create_dataset("prediction", PREDICTION.shape, "f4", external=[("/etc/passwd", 0, PREDICTION.nbytes)])


@hostile("p.h5", "'prediction' is virtual: its values lie in other files")
def h5_virtual_dataset(path):
    with changed_h5(path, prediction=False) as file:
        layout = h5py.VirtualLayout(PREDICTION.shape, "f4")
        layout[:] = h5py.VirtualSource("secret.h5", "prediction", PREDICTION.shape)
        file.create_virtual_dataset("prediction", layout)


@hostile("p.h5", "'prediction' holds references")
def h5_references(path):
    with changed_h5(path, prediction=False) as file:
        file.create_dataset("prediction", data=[file["clip"].ref], dtype=h5py.ref_dtype)


@hostile("p.h5", "'prediction' holds records")
def h5_records(path):
    with changed_h5(path, prediction=False) as file:
        file["prediction"] = np.zeros((3, 2, 8, 25), dtype=[("a", "f4")])


@hostile("p.h5", "'prediction' holds opaque bytes")
def h5_opaque(path):
    with changed_h5(path, prediction=False) as file:
        file["prediction"] = np.zeros((3, 2, 8, 25), dtype="V4")


@hostile("p.h5", "'prediction' holds lists of varying length")
def h5_varying_length(path):
    with changed_h5(path, prediction=False) as file:
        file.create_dataset("prediction", (3,), h5py.vlen_dtype(np.float32))


@hostile("p.h5", "'prediction' holds text")
def h5_text(path):
    with changed_h5(path, prediction=False) as file:
        file["prediction"] = "see attachment"


@hostile("p.h5", "'prediction' holds integers, expected float32 values. Integers are nearly always")
def h5_integers(path):
    with changed_h5(path, prediction=False) as file:
        file["prediction"] = PREDICTION.astype(np.int32)


@hostile("p.h5", "'prediction' holds an enumeration")
def h5_booleans(path):
    with changed_h5(path, prediction=False) as file:
        file["prediction"] = PREDICTION > 0.5


@hostile("p.h5", "'prediction' holds floating-point values of an unusual format")
def h5_long_double(path):
    with changed_h5(path, prediction=False) as file:
        file["prediction"] = PREDICTION.astype(np.longdouble)


@hostile("p.h5", "uses the filter 6 .scaleoffset., which is not read. Compress with gzip or lzf")
def h5_unknown_filter(path):
    with changed_h5(path, prediction=False) as file:
        file.create_dataset("prediction", data=PREDICTION, scaleoffset=3)


@hostile("p.h5", "has chunks of 750.0 MB; at most 536.9 MB are read")
def h5_huge_chunk(path):
    with changed_h5(path, prediction=False) as file:
        file.create_dataset("prediction", (1000, 10, 750, 25), "f4", chunks=(1000, 10, 750, 25))


@hostile("p.h5", "claims to have shape .* 12.6 TB as float32; at most 17.2 GB are read")
def h5_claims_terabytes(path):
    with changed_h5(path, prediction=False) as file:
        file.create_dataset("prediction", TERA_SHAPE, "f4", chunks=(1, 10, 750, 25))


def twice_compressed(file, *, written):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((1, 10, 35_000, 25))
    properties.set_deflate(9)
    properties.set_deflate(9)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE if written else h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple((3, 10, 35_000, 25))
    dataset = h5py.Dataset(h5py.h5d.create(file.id, b"prediction", h5py.h5t.IEEE_F32LE, space, properties))
    if written:
        chunk = zlib.compress(zlib.compress(bytes(35_000_000), 9), 9)
        for clip in range(3):
            dataset.id.write_direct_chunk((clip, 0, 0, 0), chunk)


@hostile("p.h5", "decodes from .* kB to 105.0 MB, more than 2500 times as much, as a bomb does")
def h5_compressed_twice(path):
    with changed_h5(path, prediction=False) as file:
        twice_compressed(file, written=True)


@hostile("p.h5", "decodes from .* kB to 105.0 MB, more than 2500 times as much, as a bomb does")
def h5_of_fill_values(path):
    with changed_h5(path, prediction=False) as file:
        twice_compressed(file, written=False)


@hostile("p.h5", r"clip\[0\] .* cannot be printed")
def h5_clip_ids_of_two_lines(path):
    write_h5(path, clip=["a\nvalid: 3 clips", "b", "c"])


@hostile("p.h5", "was created, but never written")
def h5_never_written(path):
    with changed_h5(path, prediction=False) as file:
        file.create_dataset("prediction", (3, 2, 8, 25), "f4", chunks=(1, 2, 8, 25))


@hostile("p.h5", "written in part: 1 of 3 chunks are there")
def h5_written_in_part(path):
    with changed_h5(path, prediction=False) as file:
        file.create_dataset("prediction", (3, 2, 8, 25), "f4", chunks=(1, 2, 8, 25))[1] = PREDICTION[1]


@hostile("p.h5", "no dataset 'prediction' or 'prediction_3dmm'. Did you mean 'predictions'")
def h5_misnamed_dataset(path):
    with changed_h5(path, prediction=False) as file:
        file["predictions"] = PREDICTION


@hostile("p.h5", "The file is empty")
def h5_empty(path):
    write_h5(path, prediction=False, clip=None)


@hostile("p.h5", "expected four axes")
def h5_three_axes(path):
    with changed_h5(path, prediction=False) as file:
        file["prediction"] = PREDICTION[:, 0]


@hostile("p.h5", "has 80 attributes; at most 64 are read")
def h5_many_attributes(path):
    with changed_h5(path) as file:
        for number in range(80):
            file.attrs[f"a{number}"] = number


@hostile("p.h5", "attribute 'method' is too long; at most 1000 characters")
def h5_long_attribute(path):
    with changed_h5(path) as file:
        file.attrs["method"] = "m" * 10_000


@hostile("p.h5", "'loop' is a group or a named type")
def h5_cyclic_link(path):
    with changed_h5(path) as file:
        file["loop"] = file["/"]


@hostile("p.h5", "'runs' is a group or a named type. Datasets lie in the root")
def h5_group(path):
    with changed_h5(path, prediction=False) as file:
        file["runs/prediction"] = PREDICTION


@hostile("p.h5", "holds 152 objects; at most 100 are read")
def h5_many_objects(path):
    with changed_h5(path) as file:
        for number in range(150):
            file[f"d{number}"] = number


@hostile("p.h5", "HDF5 data behind a user block of 1024 bytes")
def h5_user_block(path):
    write_h5(path, userblock_size=1024)


@hostile("p.h5", "no coordinate 'clip' with the ids of the 3 clips")
def h5_without_clips(path):
    write_h5(path, clip=None)


@hostile("p.h5", "'clip' has 2 entries, but there are 3")
def h5_too_few_clips(path):
    write_h5(path, clip=CLIPS[:2])


@hostile("p.h5", r"'clip' is int64 of shape \(3,\), expected a list of texts")
def h5_number_clips(path):
    write_h5(path, clip=np.arange(3))


@hostile("p.h5", r"clip\[1\] is not UTF-8 text")
def h5_clips_not_utf8(path):
    write_h5(path, clip=np.array([b"a", b"\xff\xfe", b"c"]))


@hostile("p.h5", r"clip\[0\] has 600 characters; at most 500 are read")
def h5_long_clip(path):
    write_h5(path, clip=["x" * 600, "b", "c"])


@hostile("p.h5", "texts of up to 100000 bytes")
def h5_long_fixed_clips(path):
    write_h5(path, clip=np.array([b"a", b"b", b"c"], dtype="S100000"))


@hostile("p.h5", "'clip' is virtual")
def h5_virtual_clips(path):
    with changed_h5(path, clip=None) as file:
        layout = h5py.VirtualLayout((3,), "S20")
        layout[:] = h5py.VirtualSource("secret.h5", "clip", (3,))
        file.create_virtual_dataset("clip", layout)


def ragged(path, row_size, rows=24):
    with changed_h5(path, prediction=False) as file:
        file["prediction"] = PREDICTION.reshape(24, 2, 25)[:rows]
        file["row_size"] = row_size


@hostile("p.h5", r"every clip needs at least one frame, but row_size\[1\] = -8")
def h5_negative_row_size(path):
    ragged(path, [16, -8, 16])


@hostile("p.h5", "'row_size' adds up to 30 rows")
def h5_wrong_row_size(path):
    ragged(path, [10, 10, 10])


@hostile("p.h5", "'row_size' is float64")
def h5_fractional_row_size(path):
    ragged(path, [8.0, 8.0, 8.0])


@hostile("p.h5", "one has rows, the other clips")
def h5_two_forms(path):
    with changed_h5(path) as file:
        file["prediction_3dmm"] = np.ones((3, 2, 58), np.float32)
        file["row_size"] = [1, 1, 1]


@hostile("p.h5", "damaged and cannot be read .*filter returned failure")
def h5_corrupt_chunk(path):
    with changed_h5(path, prediction=False) as file:
        dataset = file.create_dataset("prediction", (3, 2, 8, 25), "f4", chunks=(3, 2, 8, 25), compression="gzip")
        dataset.id.write_direct_chunk((0, 0, 0, 0), b"this is not deflated")


# other formats ---------------------------------------------------------------------------------------------------


@hostile("p.h5", "is empty. Write it again")
def empty_file(path):
    path.touch()


@hostile("p.nc", r"netCDF-3 \(classic\) file; save it as netCDF-4")
def netcdf3(path):
    path.write_bytes(b"CDF\x01" + bytes(100))


@hostile("p.mat", "a MATLAB .mat file")
def matlab(path):
    path.write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(200))


@hostile("p.mat", "MATLAB 7.3 data behind a user block of 512 bytes")
def matlab_hdf5(path):
    write_h5(path, userblock_size=512)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")


@hostile("p.csv", "a csv table that begins with 'clip,reaction,frame,AU1'")
def csv_table(path):
    path.write_text("clip,reaction,frame,AU1\na,0,0,0.5\n")


@hostile("p.h5", "plain text that begins with 'sorry'")
def plain_text(path):
    path.write_text("sorry\n")


@hostile("p.json", "JSON text")
def json_text(path):
    path.write_text(json.dumps({"prediction": [1, 2]}))


@hostile("p.h5", "an HTML or XML page, as a failed download leaves it")
def html_page(path):
    path.write_text("<!DOCTYPE html><html>Sign in</html>")


@hostile("p.h5", "a Git LFS pointer; fetch the file itself")
def lfs_pointer(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")


@hostile("p.h5.gz", "compressed with gzip as a whole; unpack it first")
def gzipped(path):
    path.write_bytes(gzip.compress(b"\x89HDF\r\n\x1a\n"))


@hostile("p.tar", "a tar archive; unpack it first")
def tarred(path):
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "p.h5")


@hostile("p.h5", "nothing but zero bytes")
def zero_bytes(path):
    path.write_bytes(bytes(5000))


@hostile("p.h5", "an unknown format that begins with the bytes 01 f8 02 f9")
def unknown_bytes(path):
    path.write_bytes(b"\x01\xf8\x02\xf9" * 300)
