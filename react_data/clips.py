"""Clip ids: the speaker's path in the challenge's lists, such as ``NoXI/065_2016-04-14_Nottingham/Expert_video/1``.

MARS has one clip a conversation and so no clip number: ``session3/Camera-2024-06-21-103121-103102/speaker``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from react_data.errors import ClipIdError

__all__ = ["ClipId", "common_name", "match_clip_ids", "suggest"]

_FIRST_PERSONS = ("Expert_video", "P25", "P41", "P45", "FC1")
_SECOND_PERSONS = ("Novice_video", "P26", "P42", "P46", "FC2")
_MARS_ROLES = ("speaker", "listener")
_ALIASES = dict.fromkeys(_FIRST_PERSONS, "P1") | dict.fromkeys(_SECOND_PERSONS, "P2")


@dataclass(frozen=True, order=True)
class ClipId:
    """A person's clip of a conversation.

    Attributes:
        site: Corpus, such as ``"NoXI"``; the number of the session in MARS, such as ``"session3"``.
        chat: Conversation within the corpus; UDIVA's holds a slash (``"talk/023102"``).
        person: Role of the person within the conversation, such as ``"Expert_video"``.
        clip: Number of the clip within the conversation, as text; empty in MARS.
    """

    site: str
    chat: str
    person: str
    clip: str

    @classmethod
    def parse(cls, path: str) -> ClipId:
        """Read an id.

        Args:
            path: ``SITE/CHAT/PERSON/CLIP``; CHAT may hold slashes. Or ``SESSION/CHAT/speaker`` or ``…/listener``.

        Returns:
            Its parts.

        Raises:
            ClipIdError: If there are fewer parts, or a part is empty, ``.`` or ``..``.

        Example:
            >>> ClipId.parse("UDIVA/talk/023102/FC1/8").session
            'UDIVA/talk/023102'
        """
        parts = path.split("/")
        without_number = len(parts) == 3 and parts[2] in _MARS_ROLES
        if (len(parts) < 4 and not without_number) or any(
            part.strip() in ("", ".", "..") or "\\" in part for part in parts
        ):
            raise ClipIdError(
                f"{path!r} is not a clip id: expected SITE/CHAT/PERSON/CLIP, such as RECOLA/group-2/P41/3."
            )
        if without_number:
            return cls(parts[0], parts[1], parts[2], "")
        return cls(parts[0], "/".join(parts[1:-2]), parts[-2], parts[-1])

    def __str__(self) -> str:
        return f"{self.person_path}/{self.clip}" if self.clip else self.person_path

    @property
    def session(self) -> str:
        """The conversation: ``SITE/CHAT``."""
        return f"{self.site}/{self.chat}"

    @property
    def recording(self) -> str:
        """The recording that both directions share: ``SITE/CHAT/CLIP``."""
        return f"{self.session}/{self.clip}" if self.clip else self.session

    @property
    def person_path(self) -> str:
        """The person in this conversation: ``SITE/CHAT/PERSON``."""
        return f"{self.session}/{self.person}"

    @property
    def alias(self) -> ClipId:
        """The same clip under the emotion folder's person names P1 and P2."""
        return ClipId(self.site, self.chat, _ALIASES.get(self.person, self.person), self.clip)


def match_clip_ids(given: Sequence[str], known: Sequence[str]) -> list[str | None]:
    """Translate ids that a file uses into the ids of a split.

    Args:
        given: Ids as written, with either person naming.
        known: The split's ids, of the challenge's form or any other.

    Returns:
        For each given id the split's id, or None where there is none.

    Example:
        >>> match_clip_ids(["RECOLA/group-2/P1/3", "x"], ["RECOLA/group-2/P41/3"])
        ['RECOLA/group-2/P41/3', None]
    """
    names = {common_name(clip): clip for clip in known} | {clip: clip for clip in known}
    return [names.get(clip) for clip in given]


def common_name(clip: str) -> str:
    """The name that both ids of a clip have in common, the emotion folder's; ids of other data sets have no other.

    Example:
        >>> common_name("RECOLA/group-2/P41/3"), common_name("x")
        ('RECOLA/group-2/P1/3', 'x')
    """
    try:
        return str(ClipId.parse(clip).alias)
    except ClipIdError:
        return clip


def suggest(name: str, available: Iterable[str]) -> str:
    """A did-you-mean clause for a name that is not available.

    Args:
        name: What was asked for.
        available: What there is.

    Returns:
        ``"Did you mean …? Available: …."``, or only the second sentence where nothing is close.

    Example:
        >>> suggest("FRCor", ["FRCorr", "FRDist"])
        "Did you mean 'FRCorr'? Available: FRCorr, FRDist."
    """
    choices = list(available)
    lowered = {choice.lower(): choice for choice in choices}
    close = [lowered[match] for match in difflib.get_close_matches(name.lower(), lowered, n=1)]
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Available: {', '.join(choices[:20])}."
