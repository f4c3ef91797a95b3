"""Radar geometry: orbits, range-Doppler equations, TOPS carrier, coregistration by orbits, and bands made of them.

Everything in float64; times are numpy datetime64[us], which are integers, or seconds since one of them. Positions are
Earth-fixed (ECEF), ellipsoid WGS84. Imports nothing of products or STAC. Not here: estimation from pixels.
"""
