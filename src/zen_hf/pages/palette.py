# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Colours of classes and of encoders, told apart with every kind of colour vision.

The first seven are those of M. Okabe and K. Ito (2008) without black; each further one is the colour of an RGB grid whose
nearest neighbour among the others is farthest in CIELAB as seen with normal vision, protanopia, deuteranopia and tritanopia
(G. Machado et al., 2009). None is so dark or so light that it vanishes on a dark or a light page.
"""

COLOURS = (
    "#0072B2 #E69F00 #009E73 #CC79A7 #56B4E9 #D55E00 #F0E442 #7700FF #88FFAA #880011 #553355 "
    "#1133AA #BBEEFF #8877FF #EE1155 #CCEE77 #88DDBB #EE8855 #661177 #006633 #5555EE"
).split()


def colours(names: list[str]) -> dict[str, str]:
    """A colour for each name.

    Args:
        names: classes or encoders; beyond the 21st, colours are used again.
    """
    return {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
