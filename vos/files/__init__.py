"""Bytes on disk and nothing of video: atomic writes, index PNG, palette, run lengths, JSON that users wrote."""
