"""Figures: creatures and things made of limbs (tapered capsules) and plates (round-cornered rectangles).

Each kind is a function from the phase of its movement, in turns, to its parts, in units of its own length: about one
unit long, its middle at (0, 0), x to where it looks, y down. Legs, antennae, tails and masts are thin and move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from pipelines.made.draws import cosine, sine

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Limb:
    """A tapered capsule.

    Attributes:
        start, end: Its axis.
        start_radius, end_radius: Half its width there.
        tone: Factor on the colours of the skin.
        patch: Where on the skin it takes its colours.
    """

    start: Point
    end: Point
    start_radius: float
    end_radius: float
    tone: float = 1.0
    patch: int = 0


@dataclass(frozen=True, slots=True)
class Plate:
    """A rectangle with round corners, turned by `turn` turns about its centre. Others as for `Limb`."""

    centre: Point
    half_width: float
    half_height: float
    corner: float
    turn: float = 0.0
    tone: float = 1.0
    patch: int = 0


Part = Limb | Plate
Anatomy = Callable[[float, float], tuple[Part, ...]]
"""(phase in turns, thickness of thin parts) -> parts, from back to front."""


def _leg(x: float, y: float, swing: float, length: float, radius: float, tone: float) -> tuple[Part, Part]:
    """Thigh and shank; `swing` in [-1, 1] is how far it is forward."""
    knee = (x + 0.5 * length * (0.45 * swing), y + 0.5 * length)
    lift = max(0.0, swing) * 0.12 * length
    foot = (knee[0] + 0.5 * length * (0.55 * swing - 0.2), y + length - lift)
    return Limb((x, y), knee, radius * 1.5, radius, tone, 17), Limb(knee, foot, radius, radius * 0.7, tone * 0.95, 31)


def _beast(phase: float, thin: float) -> tuple[Part, ...]:
    leg = 0.045 * thin
    swing = [sine(phase + offset) for offset in (0.0, 0.5, 0.25, 0.75)]
    bob = 0.015 * sine(2 * phase)
    tail = (-0.66, -0.16 + 0.12 * sine(phase))
    return (
        *_leg(-0.27, 0.02 + bob, swing[0], 0.4, leg, 0.7),
        *_leg(0.24, 0.02 + bob, swing[1], 0.4, leg, 0.7),
        Limb((-0.34, -0.1 + bob), tail, 0.04 * thin, 0.018 * thin, 0.9, 5),
        Limb((-0.28, -0.06 + bob), (0.24, -0.09 + bob), 0.16, 0.15, 1.0, 0),
        Limb((0.26, -0.12 + bob), (0.42, -0.3 + bob), 0.1, 0.075, 1.0, 9),
        Limb((0.41, -0.42 + bob), (0.4, -0.32 + bob), 0.02, 0.045, 0.8, 3),
        Limb((0.42, -0.3 + bob), (0.58, -0.26 + bob), 0.09, 0.055, 1.05, 12),
        *_leg(-0.3, 0.03 + bob, swing[2], 0.4, leg, 0.95),
        *_leg(0.28, 0.03 + bob, swing[3], 0.4, leg, 0.95),
    )


def _walker(phase: float, thin: float) -> tuple[Part, ...]:
    swing, arm = sine(phase), 0.5 * sine(phase + 0.5)
    bob = 0.012 * sine(2 * phase)
    limb = 0.035 * thin
    return (
        *_leg(-0.01, 0.08 + bob, swing, 0.4, limb, 0.7),
        Limb((0.0, -0.22 + bob), (-0.16 * arm + 0.03, 0.05 + bob), limb * 1.1, limb * 0.8, 0.75, 7),
        Plate((0.0, -0.09 + bob), 0.1, 0.19, 0.07, 0.0, 1.0, 0),
        Limb((0.01, -0.32 + bob), (0.02, -0.4 + bob), 0.05, 0.085, 1.1, 21),
        *_leg(0.01, 0.08 + bob, -swing, 0.4, limb, 0.95),
        Limb((0.0, -0.22 + bob), (0.16 * arm + 0.03, 0.05 + bob), limb * 1.1, limb * 0.8, 1.1, 7),
    )


def _insect(phase: float, thin: float) -> tuple[Part, ...]:
    wire = 0.016 * thin
    legs: list[Part] = []
    for number, x in enumerate((-0.12, 0.02, 0.16)):
        for side in (0, 1):
            swing = 0.06 * sine(phase + 0.33 * number + 0.5 * side)
            reach = (x - 0.1 + 0.1 * number) * 1.6 + swing
            knee = (0.5 * (x + reach), -0.2 if side == 0 else -0.16)
            tone = 0.6 if side == 0 else 0.85
            legs += [Limb((x, 0.0), knee, wire, wire, tone, 3), Limb(knee, (reach, 0.3), wire, wire * 0.7, tone, 3)]
    sway = 0.05 * sine(phase * 0.5)
    return (
        *legs[::2],
        Limb((0.3, -0.06), (0.52 + sway, -0.34), wire * 0.8, wire * 0.5, 0.8, 3),
        Limb((0.3, -0.06), (0.62, -0.22 - sway), wire * 0.8, wire * 0.5, 0.8, 3),
        Limb((-0.34, 0.02), (-0.16, -0.02), 0.1, 0.13, 1.0, 0),
        Limb((-0.02, -0.02), (0.08, -0.02), 0.09, 0.09, 0.95, 11),
        Limb((0.25, -0.04), (0.3, -0.03), 0.085, 0.07, 1.05, 23),
        *legs[1::2],
    )


def _fish(phase: float, thin: float) -> tuple[Part, ...]:
    bend = 0.07 * sine(phase)
    far = 0.13 * sine(phase - 0.2)
    fin = 0.025 * thin
    return (
        Limb((-0.3, bend), (-0.52, far - 0.15), 0.045, fin, 0.85, 19),
        Limb((-0.3, bend), (-0.52, far + 0.15), 0.045, fin, 0.85, 19),
        Limb((-0.05, -0.12), (-0.2, -0.26 + 0.3 * bend), 0.05, fin, 0.8, 25),
        Limb((-0.08, 0.1 + 0.3 * bend), (-0.34, bend), 0.1, 0.04, 1.0, 5),
        Limb((0.2, 0.0), (-0.08, 0.3 * bend), 0.15, 0.15, 1.0, 0),
        Limb((0.3, 0.01), (0.2, 0.0), 0.09, 0.15, 1.05, 8),
        Limb((0.1, 0.08), (-0.03, 0.2 + 0.6 * bend), 0.04, fin, 0.8, 29),
    )


def _cart(phase: float, thin: float) -> tuple[Part, ...]:
    jolt = 0.008 * sine(3 * phase)
    lean = 0.03 * sine(phase)
    mast = 0.016 * thin
    return (
        Limb((-0.28, -0.05 + jolt), (-0.3 + lean, -0.5 + jolt), mast, mast * 0.6, 0.7, 3),
        Plate((-0.17 + lean, -0.42 + jolt), 0.12, 0.06, 0.01, 0.01 * sine(phase), 1.15, 33),
        Plate((0.0, 0.02 + jolt), 0.42, 0.13, 0.05, 0.0, 1.0, 0),
        Plate((0.16, -0.15 + jolt), 0.15, 0.1, 0.05, 0.0, 0.85, 40),
        Limb((-0.25, 0.18), (-0.25, 0.18), 0.11, 0.11, 0.45, 13),
        Limb((0.25, 0.18), (0.25, 0.18), 0.11, 0.11, 0.45, 13),
    )


def _kite(phase: float, thin: float) -> tuple[Part, ...]:
    string = 0.014 * thin
    points = [(-0.05 * n + 0.05 * sine(phase - 0.15 * n), 0.2 + 0.1 * n) for n in range(5)]
    tail = tuple(Limb(a, b, string, string, 0.9, 6) for a, b in pairwise(points))
    return (*tail, Plate((0.0, 0.0), 0.24, 0.24, 0.02, 0.125 + 0.02 * cosine(phase), 1.0, 0))


KINDS: dict[str, Anatomy] = {
    "beast": _beast,
    "walker": _walker,
    "insect": _insect,
    "fish": _fish,
    "cart": _cart,
    "kite": _kite,
}
THIN_KINDS = ("insect", "kite", "cart", "beast")
