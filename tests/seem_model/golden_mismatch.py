"""What a comparison with a golden file raises."""

from __future__ import annotations


class GoldenMismatch(AssertionError):
    """A tensor that differs from the golden file by more than the tolerance.

    Attributes:
        deviation: The largest difference, in standard deviations of the tensor.
        row: Where it is along the second axis, which for what the decoder answers is the query.
    """

    def __init__(self, message: str, deviation: float, row: int) -> None:
        super().__init__(message)
        self.deviation = deviation
        self.row = row
