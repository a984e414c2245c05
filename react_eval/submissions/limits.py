"""What reading a submission may cost: bounds on sizes, memory and time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

__all__ = ["ReadingLimits"]

_GIB = 2**30


@dataclass(frozen=True)
class ReadingLimits:
    """Bounds that a file from a stranger is read within.

    Attributes:
        file_bytes: Largest file.
        decoded_bytes: Most bytes that all its values take as float32.
        chunk_bytes: Largest HDF5 chunk, decoded.
        address_space: Memory of the process that reads the file, beside what it maps of the file itself.
        library_address_space: What loading torch may take in addition, before it is bounded again.
        structure_seconds: Time within which the structure must be known, once the libraries are loaded.
        library_seconds: Time that loading a library may take, on however slow a disk.
        decoding_seconds: Time for decoding, whatever the size.
        decoding_rate: Bytes a second that are granted in addition to that.
        clips: Most clips.
        text_characters: Longest attribute or note; a clip id may have half of it.
        attributes: Most attributes of a file.
        members: Most files in an archive, or objects in an HDF5 file.
        expansion_ratio: Largest ratio of decoded size to the file's own. Deflate reaches 1032, which half precision
            doubles, so that every constant submission passes.
        ratio_bytes: Decoded size from which that ratio matters.
        expected_bytes: Most bytes that the values may take as float32 by what the caller knows; None if it knows not.
    """

    file_bytes: int = 16 * _GIB
    decoded_bytes: int = 16 * _GIB
    chunk_bytes: int = _GIB // 2
    address_space: int = 4 * _GIB
    library_address_space: int = 32 * _GIB
    structure_seconds: float = 4.0
    library_seconds: float = 60.0
    decoding_seconds: float = 30.0
    decoding_rate: float = 10e6
    clips: int = 100_000
    text_characters: int = 1000
    attributes: int = 64
    members: int = 100
    expansion_ratio: int = 2500
    ratio_bytes: int = 100_000_000
    expected_bytes: int | None = None

    def to_json(self) -> str:
        """For the command line of the reading process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ReadingLimits:
        """What `to_json` wrote."""
        return cls(**json.loads(text))

    def most_decoded_bytes(self, file_bytes: int) -> int:
        """The largest decoded size that a file of this size may have."""
        plausible = max(self.ratio_bytes, self.expansion_ratio * file_bytes)
        return min(self.decoded_bytes, plausible, self.expected_bytes or self.decoded_bytes)

    def seconds_to_decode(self, decoded_bytes: int) -> float:
        """Time granted for decoding this many bytes."""
        return self.decoding_seconds + decoded_bytes / self.decoding_rate
