"""Where a PIDF-LO puts a caller (RFC 4119, RFC 5139, RFC 5491): a point, how uncertain it is, an address. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from xml.etree import ElementTree

_LARGEST = 32_768
_SHAPES = frozenset({"Point", "Circle", "Ellipse", "ArcBand", "Polygon", "Sphere", "Ellipsoid", "Prism"})
_SHAPES_MOST = 16  # that are looked at: each is searched to its end, and one may stand in another
_REACHES = ("radius", "semiMajorAxis", "outerRadius")  # of Circle, Ellipse and ArcBand
_FARTHEST_M = 1e7
_METRES_OF_A_DEGREE = 111_320
_CIVIC = "{urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr}"


@dataclass(frozen=True, slots=True)
class StatedLocation:
    """A location; None and "" for what the document does not say, or says so that it cannot be read."""

    latitude: float | None = None
    longitude: float | None = None
    radius_m: float | None = None
    address: str = ""


def place_in(document: bytes) -> StatedLocation:
    """The first location of a PIDF-LO; nothing of a document that cannot be read.

    Of an area it is the middle, with a radius that has all of its corners.
    """
    # A document type could define entities that grow without bound; a PIDF has none. UTF-16 has zeros between.
    if not document or len(document) > _LARGEST or b"<!DOCTYPE" in document.replace(b"\0", b""):
        return StatedLocation()
    try:
        root = ElementTree.fromstring(document)
    except (ElementTree.ParseError, ValueError, LookupError):
        return StatedLocation()
    shapes = (element for element in root.iter() if _name(element) in _SHAPES)
    for shape in (*islice(shapes, _SHAPES_MOST), root):  # or a point stands there by itself
        if (found := _middle(shape)) is not None:
            return StatedLocation(*found, _civic(root))
    return StatedLocation(address=_civic(root))


def _middle(shape: ElementTree.Element) -> tuple[float, float, float | None] | None:
    """Latitude, longitude and radius of a shape of RFC 5491 §5; None where it has no point that can be read."""
    points = list(dict.fromkeys(_points(shape)))  # a ring ends where it began
    if not points:
        return None
    if len(points) == 1:
        return *points[0], _reach(shape)
    latitude, longitude = (sum(values) / len(points) for values in zip(*points, strict=True))
    east = _METRES_OF_A_DEGREE * math.cos(math.radians(latitude))
    radius = max(math.hypot((y - latitude) * _METRES_OF_A_DEGREE, (x - longitude) * east) for y, x in points)
    return latitude, longitude, round(radius, 1)


def _points(shape: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """The points that a shape names; in a list of them, those of a space have three numbers."""
    in_space = "4979" in (shape.get("srsName") or "")
    for element in shape.iter():
        if _name(element) not in ("pos", "posList"):
            continue
        with suppress(ValueError):
            numbers = [float(word) for word in (element.text or "").split()]
            step = 3 if in_space or element.get("srsDimension") == "3" else 2
            if _name(element) == "pos":
                numbers, step = numbers[:2], 2
            for latitude, longitude in zip(numbers[::step], numbers[1::step], strict=False):
                if -90 <= latitude <= 90 and -180 <= longitude <= 180:
                    yield latitude, longitude


def _reach(shape: ElementTree.Element) -> float | None:
    for element in shape.iter():
        if _name(element) in _REACHES:
            with suppress(ValueError):
                radius = float(element.text or "")
                if 0 <= radius < _FARTHEST_M:
                    return radius
    return None


def _civic(root: ElementTree.Element) -> str:
    """The civic address, largest part first as RFC 5139 has them."""
    for address in root.iter(f"{_CIVIC}civicAddress"):
        parts = [(part.text or "").strip() for part in address]
        return " ".join(part for part in parts if part)
    return ""


def _name(element: ElementTree.Element) -> str:
    """The name of an element without its namespace: several versions of GML are about."""
    return element.tag.rpartition("}")[2]
