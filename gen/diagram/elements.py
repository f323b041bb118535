"""Elements of SVG as text, escaped, with numbers that are the same on every machine."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr


def number(value: float) -> str:
    """At most one decimal.

    >>> number(12.0), number(12.25)
    ('12', '12.2')
    """
    return f"{value:.1f}".removesuffix(".0")


def element(tag: str, *inside: str, **attributes: str | float) -> str:
    """One element: `class_` is class, `stroke_width` is stroke-width; `inside` is markup."""
    pairs = "".join(
        f" {name.rstrip('_').replace('_', '-')}={quoteattr(v if isinstance(v, str) else number(v))}"
        for name, v in attributes.items()
    )
    return f"<{tag}{pairs}>{''.join(inside)}</{tag}>" if inside else f"<{tag}{pairs}/>"


def title(text: str) -> str:
    return element("title", escape(text))


def text(
    x: float,
    y: float,
    words: str,
    size: float,
    color: str = "ink",
    *,
    anchor: str = "start",
    bold: bool = False,
) -> str:
    """A line of text; y is its baseline."""
    attributes: dict[str, str | float] = {"x": x, "y": y, "font_size": size, "class_": f"f-{color}"}
    if anchor != "start":
        attributes["text_anchor"] = anchor
    if bold:
        attributes["font_weight"] = "600"
    return element("text", escape(words), **attributes)


def rect(
    x: float, y: float, wide: float, high: float, colors: str, *, radius: float = 0, **more: str | float
) -> str:
    if radius:
        more["rx"] = radius
    return element("rect", x=x, y=y, width=wide, height=high, class_=colors, **_stroked(colors, more))


def path(d: str, colors: str, **more: str | float) -> str:
    return element("path", d=d, class_=colors, **_stroked(colors, more))


def line(x1: float, y1: float, x2: float, y2: float, color: str, **more: str | float) -> str:
    return path(f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", f"s-{color}", **more)


def _stroked(colors: str, more: dict[str, str | float]) -> dict[str, str | float]:
    """Without a class that fills, nothing is filled."""
    return more if "f-" in colors else {"fill": "none", **more}
