"""PyTorch implementations of the published facial reaction generators.

Generators register themselves in the entry-point group ``react_eval.generators``, in which `react_eval` looks them up.
"""
