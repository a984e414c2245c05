"""Ways to damage files of a data set, and what a report should then say."""

import struct
from pathlib import Path

import av
import numpy as np
import pandas as pd

from react_data.synthetic_files import write_voice
from react_data.verification import verify


class DamagedTree:
    """A data set to damage, which keeps what each damage should be reported as: code, file, words of the reason."""

    def __init__(self, root, files=None):
        self.root = root
        self.expected = []
        self._files = {modality: iter(paths) for modality, paths in (files or {}).items()}

    def damage(self, modality, code, words, change):
        """Damage the next file of a modality that is whole."""
        self.change(next(self._files[modality]), code, words, change)

    def change(self, path, code, words, change, below=""):
        path = Path(self.root, path)
        change(path)
        self.expect(code, (path / below).relative_to(self.root).as_posix(), words)

    def expect(self, code, where, words):
        self.expected.append((code, where, words))

    def verify(self):
        return verify(self.root, show_progress=False)


def fits(problem, code, where, words):
    return (problem.code, problem.where) == (code, where) and words in problem.message


def not_reported(report, expected):
    return [each for each in expected if not any(fits(problem, *each) for problem in report)]


def not_expected(report, expected):
    return [str(problem) for problem in report if not any(fits(problem, *each) for each in expected)]


def remove(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def content(data):
    return lambda path: path.write_bytes(data)


def array(change):
    """Change an array in place, or put another in its place."""

    def write(path):
        values = np.load(path)
        changed = change(values)
        np.save(path, values if changed is None else changed)

    return write


def entry(place, value):
    return array(lambda values: values.__setitem__(place, value))


def table(change):
    def write(path):
        values = pd.read_csv(path, dtype=object)
        changed = change(values)
        (values if changed is None else changed).to_csv(path, index=False)

    return write


def cell(line, column, value):
    return table(lambda values: values.__setitem__(column, values[column].where(values.index != line - 2, value)))


def sound(seconds, rate):
    return lambda path: write_voice(path, np.zeros((round(seconds * rate), 2), dtype=np.int16), rate)


def sound_of_floats(values, rate):
    """One channel of 32-bit floats, which may be anything."""
    data = np.asarray(values, dtype="<f4").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36, b"WAVE", b"fmt ", 16, 3, 1, rate, 4 * rate, 4, 32, b"data", len(data)
    )
    return content(head + data)


def bytes_at(place, data):
    def write(path):
        whole = bytearray(path.read_bytes())
        whole[place : place + len(data)] = data
        path.write_bytes(whole)

    return write


def film(frames, rate, side):
    def write(path):
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream("mpeg4", rate=rate)
            stream.width = stream.height = side
            for number in range(frames):
                pixels = np.full((side, side, 3), 8 * number % 256, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())

    return write
