"""Words of Prophesee RAW files in EVT 2.0 and EVT 3.0 -> events, vectorised, block by block.

Both formats send the upper bits of the time apart from the events; everything that one block must know of the blocks
before it is carried along. A file that was cut between two words looks whole: nothing in it says how long it was.

Source: Prophesee's documentation of the EVT 2.0 and EVT 3.0 data formats.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from had.data.recordings.prophesee_words import Clock, WordRecording
from had.data.recordings.recording import as_events

BLOCK_WORDS = 1 << 19
"""Most words decoded at a time: a few MB of intermediate columns."""
_UNKNOWN = -(1 << 40)
"""A row or base column that no word has set yet; vectors cannot move it above zero."""


class Evt2Recording(WordRecording):
    """EVT 2.0: 32-bit words; 28 upper bits of the time in words of their own, 6 lower ones in each event."""

    format = "EVT2"
    word = np.dtype("<u4")
    unknown_kinds = (2, 3, 4, 5, 6, 7, 9, 11, 12, 13)

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`. Events before the first upper time part have no time and are left out."""
        clock = Clock(bits=28)
        for words in self.words(min(max_events, BLOCK_WORDS)):
            kind = words >> 28
            self.skip_unknown(kind)
            is_high = kind == 0x8
            highs = clock.unwrap(words[is_high] & 0xFFFFFFF)
            is_event = kind <= 1
            which = np.cumsum(is_high)[is_event]  # 0: the part carried from the block before
            if not clock.started_before:
                self.skip("events before the first time", (which == 0).sum())
                is_event[np.flatnonzero(is_event)[which == 0]] = False
                which = which[which > 0]
            event = words[is_event]
            if len(event):
                t = (highs[which] << 6) | ((event >> 22) & 0x3F)
                yield as_events(t, (event >> 11) & 0x7FF, event & 0x7FF, kind[is_event] == 1)


class Evt3Recording(WordRecording):
    """EVT 3.0: 16-bit words that set time, row or base column, or fire one event or a vector of up to 12.

    A new upper time part sets the lower one to zero, so that time does not jump ahead between the two.
    """

    format = "EVT3"
    unknown_kinds = (1, 9, 11, 12, 13)

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`. Events before the first time and the first row are left out."""
        clock = Clock(bits=12)
        low = np.int64(0)
        row = base = np.int64(_UNKNOWN)
        base_on = False
        for words in self.words(min(max(max_events // 12, 1024), BLOCK_WORDS)):
            kind = words >> 12
            self.skip_unknown(kind)
            value = (words & 0xFFF).astype(np.int64)

            is_high, is_time = kind == 0x8, (kind == 0x8) | (kind == 0x6)
            highs = clock.unwrap(value[is_high])
            high = highs[np.cumsum(is_high[is_time])]
            sets_low = (kind[is_time] == 0x6) | (np.diff(high, prepend=highs[0]) != 0)
            if not clock.started_before:
                sets_low[np.flatnonzero(is_high[is_time])[:1]] = True  # the first upper part is a new one, too
            lows = np.where(kind[is_time] == 0x6, value[is_time], 0)[sets_low]
            lows = np.concatenate([[low], lows])
            times = np.concatenate([[highs[0] << 12 | low], high << 12 | lows[np.cumsum(sets_low)]])
            low = lows[-1]

            is_row = kind == 0x0
            rows = np.concatenate([[row], value[is_row] & 0x7FF])
            row = rows[-1]

            is_base, is_vector = kind == 0x3, (kind == 0x4) | (kind == 0x5)
            width = np.where(is_vector, np.where(kind == 0x4, 12, 8), 0)
            travelled = np.cumsum(width)  # columns that vectors have covered, this word included
            bases = np.concatenate([[base], (value[is_base] & 0x7FF) - travelled[is_base]])
            bases_on = np.concatenate([[base_on], value[is_base] >> 11 == 1])
            base, base_on = bases[-1] + travelled[-1], bases_on[-1]

            is_event = is_vector | (kind == 0x2)
            which_time, which_row = np.cumsum(is_time)[is_event], np.cumsum(is_row)[is_event]
            which_base = np.cumsum(is_base)[is_event]
            single = kind[is_event] == 0x2
            column = np.where(single, value[is_event] & 0x7FF, bases[which_base] + (travelled - width)[is_event])
            on = np.where(single, value[is_event] >> 11 == 1, bases_on[which_base])
            fired = np.where(single, 1, value[is_event] & np.where(kind[is_event] == 0x5, 0xFF, 0xFFF))
            known = (rows[which_row] >= 0) & (column >= 0)
            if not clock.started_before:
                known &= np.cumsum(is_high)[is_event] > 0
            if not known.all():
                self.skip("events before the first time, row or column", _bits(fired[~known]))
            fired = np.where(known, fired, 0)

            word, bit = np.nonzero((fired[:, None] >> np.arange(12)) & 1)  # word by word, columns rising
            if len(word):
                yield as_events(times[which_time[word]], column[word] + bit, rows[which_row[word]], on[word])


def _bits(vectors: np.ndarray) -> int:
    """Number of bits that are set in 12-bit words."""
    return int(((vectors[:, None] >> np.arange(12)) & 1).sum())
