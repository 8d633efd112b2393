"""QR codes of links, as SVG: for a phone to be held before the agent's screen, or sent as a picture."""

from __future__ import annotations

import io

import segno


def qr_svg(text: str) -> str:
    """The code as an SVG image with a white border, of no size of its own."""
    image = io.BytesIO()
    segno.make_qr(text, error="m").save(image, kind="svg", xmldecl=False, omitsize=True, border=2, light="#fff")
    return image.getvalue().decode()
