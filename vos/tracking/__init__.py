"""From frames to masks, without a disk: the streaming tracker, its memory, and the loop over a source."""
