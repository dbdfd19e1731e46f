"""Puts the rooms of the other tests within reach."""
import rig  # noqa: F401
