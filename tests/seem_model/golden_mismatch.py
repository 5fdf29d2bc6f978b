"""What a comparison with a golden file raises."""

from __future__ import annotations


class GoldenMismatch(AssertionError):
    """A tensor that differs from the golden file by more than the tolerance.

    Attributes:
        deviation: The largest difference, in standard deviations of the tensor.
    """

    def __init__(self, message: str, deviation: float) -> None:
        super().__init__(message)
        self.deviation = deviation
