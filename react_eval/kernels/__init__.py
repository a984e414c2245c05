"""Compiled inner loops on plain arrays; they know no files, no xarray and no protocols."""
