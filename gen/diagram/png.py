"""SVG as PNG, the same bytes on every machine: with the fonts that come with a package and no others."""

from __future__ import annotations


def png(svg_text: str, zoom: float = 2.0) -> bytes:
    """The picture as PNG, `zoom` times as large. It should be an SVG without CSS variables.

    Raises ValueError where it is no SVG.
    """
    import resvg_py
    from font_source_sans_pro import font_files_otf  # type: ignore[import-untyped]

    drawn: bytes = resvg_py.svg_to_bytes(
        svg_string=svg_text,
        zoom=zoom,
        skip_system_fonts=True,
        font_files=sorted(font_files_otf.values()),
        font_family="Source Sans Pro",
        sans_serif_family="Source Sans Pro",
    )
    return bytes(drawn)
