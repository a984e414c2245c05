"""Kernels for an NVIDIA GPU, from plain tensors to plain tensors; `availability` says whether they can be used."""
